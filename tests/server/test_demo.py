"""``run.py demo`` from end to end, on an existing ComfyUI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
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


def test_the_plain_demo_writes_the_picture_it_names(comfyui_folder: Path, tmp_path: Path) -> None:
    finished = demo(comfyui_folder, tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert Path(finished.stdout.splitlines()[-1]) == tmp_path / "ffclip-demo.png"
    assert "exists" not in finished.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["ffclip-demo.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't send Ctrl+C to one process")
def test_ui_gives_an_address_that_answers_and_ends_with_ctrl_c(comfyui_folder: Path, tmp_path: Path) -> None:
    # Tests may run where Ctrl+C is ignored, in the background; a user's terminal does not ignore it.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from ffclip import run; "
    command = [sys.executable, "-c", code + "sys.exit(run.main(sys.argv[1:]))", "ui", "--no-browser"]
    command += ["--comfyui", str(comfyui_folder), "--python", sys.executable]
    variables = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables, cwd=tmp_path)
    assert process.stdout
    try:
        line = next(line for line in process.stdout if "http://" in line)
        address = line.split("ComfyUI is at ")[1].strip()
        assert address.endswith(f"?template=edit-by-text&source={run.PACK}")
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.status == 200
        served = address.split("/?")[0] + f"/api/workflow_templates/{run.PACK}/edit-by-text.json"
        with urllib.request.urlopen(served, timeout=60) as answer:
            assert b"FFCLIPLoadModels" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()


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
