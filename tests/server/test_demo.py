"""``run.py demo`` from end to end, on an existing ComfyUI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ffclip import run
from PIL import Image


def demo(comfyui: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        run.ROOT / "run.py",
        "demo",
        "--comfyui",
        comfyui,
        "--python",
        sys.executable,
        *arguments,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_it_leaves_a_picture_and_an_existing_comfyui_as_it_was(comfyui_folder: Path, tmp_path: Path) -> None:
    before = files(comfyui_folder)
    Image.new("RGBA", (90, 60), (200, 30, 30, 128)).save(tmp_path / "my.png")
    (tmp_path / "out.png").write_text("mine")
    arguments = ["--prompt", "green hair", "--image", "my.png", "--strength", "1.5", "--output", "out.png"]
    finished = demo(comfyui_folder, tmp_path, *arguments)
    assert finished.returncode == 0, finished.stderr
    assert "Semantic Modulate" in finished.stdout
    result = Path(finished.stdout.splitlines()[-1])
    assert result == tmp_path / "out-2.png"
    with Image.open(result) as picture:
        assert picture.size == (12 + 3 * (256 + 12), 40 + 256 + 12)
    assert (tmp_path / "out.png").read_text() == "mine"
    assert files(comfyui_folder) == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--prompt", " "], "The prompt is empty: write what the picture should show, such as 'Purple hair'."),
        (["--image", "text.png"], "text.png is no picture that can be read"),
    ],
)
def test_a_mistake_ends_in_one_sentence(
    comfyui_folder: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    finished = demo(comfyui_folder, tmp_path, *arguments)
    assert finished.returncode == 1
    assert sentence in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / "ffclip-demo.png").exists()
