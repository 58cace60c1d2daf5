"""``run.py demo`` and ``run.py ui`` from end to end, on an existing ComfyUI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from ffclip.bootstrap.command_line import exit_status, parse
from ffclip.ffclip_core.dev import PACK, ROOT, RunError
from ffclip.ffclip_core.dev.__main__ import main
from ffclip.ffclip_core.dev.comfyui import Server
from ffclip.ffclip_core.dev.demo import edit
from PIL import Image

# Tests may run where Ctrl+C is ignored, in the background; a user's terminal does not ignore it.
HEEDING_CTRL_C = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]
no_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows can't send Ctrl+C to one process")


def run_py(comfyui: Path, *arguments: str) -> list[str]:
    """run.py with this ComfyUI and this Python, as a command."""
    command = [sys.executable, str(ROOT / "run.py"), *arguments]
    return [*command, "--comfyui", str(comfyui), "--python", sys.executable]


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.mark.slow
def test_it_leaves_a_picture_and_an_existing_comfyui_as_it_was(comfyui_folder: Path, tmp_path: Path) -> None:
    before = files(comfyui_folder)
    own = Image.new("RGBA", (150, 130), (200, 220, 230, 255))
    with Image.open(ROOT / "models" / "avatars" / "samples" / "ava.png") as avatar:
        own.paste(avatar.convert("RGB").resize((110, 110)), (20, 10))
    own.putpixel((0, 0), (200, 220, 230, 7))
    own.save(tmp_path / "my.png")
    (tmp_path / "out.png").write_text("mine")
    arguments = ["--prompt", "green hair", "--image", "my.png", "--strength", "1.5", "--output", "out.png"]
    command = run_py(comfyui_folder, "demo", *arguments)
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert "Edit Picture by Text" in finished.stdout
    result = Path(finished.stdout.splitlines()[-1])
    assert result == tmp_path / "out-2.png"
    with Image.open(result) as picture:
        assert picture.size == own.size
        assert picture.getchannel("A").tobytes() == own.getchannel("A").tobytes()
        assert picture.getpixel((0, 129)) == own.getpixel((0, 129))
        assert picture.tobytes() != own.tobytes()
    assert (tmp_path / "out.png").read_text() == "mine"
    assert files(comfyui_folder) == before


@pytest.fixture
def demo(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What ``run.py demo`` does in an empty folder, once ComfyUI is there."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: edit(parse(["demo", *arguments])[0], server)


def test_the_plain_demo_writes_the_picture_it_names(
    demo: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo()
    told = capsys.readouterr().out
    assert Path(told.splitlines()[-1]) == tmp_path / "ffclip-demo.png"
    assert "exists" not in told
    assert [path.name for path in tmp_path.iterdir()] == ["ffclip-demo.png"]


def test_an_empty_prompt_ends_in_one_sentence_and_without_a_picture(demo: Callable[..., None], tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        demo("--prompt", " ")
    assert str(caught.value) == "The prompt is empty: write what the picture should show, such as 'Purple hair'."
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_picture_ends_in_one_sentence(
    comfyui_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a ComfyUI is started; as run.py's other half tells it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("no picture")
    monkeypatch.setattr(sys, "argv", ["", "demo", "--image", "text.png", "--comfyui", str(comfyui_folder)])
    assert exit_status(main) == 1
    told = capsys.readouterr()
    assert "text.png is no picture that can be read" in told.err and not told.out
    assert "\n" not in told.err.strip()
    assert [path.name for path in tmp_path.iterdir()] == ["text.png"]


@pytest.mark.slow
@no_signals
def test_ui_gives_an_address_that_answers_and_ends_with_ctrl_c(comfyui_folder: Path, tmp_path: Path) -> None:
    command = [*HEEDING_CTRL_C, *run_py(comfyui_folder, "ui", "--no-browser")]
    variables = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=variables, cwd=tmp_path)
    assert process.stdout and process.stderr
    try:
        line = next((line for line in process.stdout if "http://" in line), None)
        assert line, process.stderr.read()
        address = line.split("ComfyUI is at ")[1].strip()
        assert address.endswith(f"?template=edit-by-text&source={PACK}")
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.status == 200
        served = address.split("/?")[0] + f"/api/workflow_templates/{PACK}/edit-by-text.json"
        with urllib.request.urlopen(served, timeout=60) as answer:
            assert b"FFCLIPLoadModels" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == "\nStopped.\n"
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=60)
    finally:
        process.kill()


@no_signals
def test_a_ctrl_c_while_packages_are_imported_is_told_in_one_word(comfyui_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ffclip.ffclip_core.dev", "demo", "--comfyui", str(comfyui_folder)]
    # As run.py leaves it to the program that goes on.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen([*HEEDING_CTRL_C, *command], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "\nStopped.\n"
    assert process.returncode == 130
