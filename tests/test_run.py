"""run.py: a Python that has nothing starts it, and what is typed wrong is told before anything is installed."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ffclip.ffclip_core.dev import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it


@pytest.fixture
def run(tmp_path: Path):  # noqa: ANN201
    """Start run.py in an empty folder, with an empty cache, by a Python without its packages."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def start(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", ROOT / "run.py", *arguments]
        cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCALAPPDATA": str(tmp_path / "cache")}
        return subprocess.run(command, cwd=tmp_path, env=given | cache | more, capture_output=True, text=True)

    yield start
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("environment")], "nothing was installed"


def test_it_needs_the_standard_library_only() -> None:
    for path in [ROOT / "run.py", *(ROOT / "bootstrap").glob("*.py")]:
        tree = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in tree if isinstance(node, ast.ImportFrom) and not node.level}
        assert {name.split(".")[0] for name in names} - {"bootstrap"} <= sys.stdlib_module_names, path


def test_a_python_that_leaves_the_folder_of_scripts_out_does_too(run: Callable) -> None:
    finished = run("demo", "--image", "gone.png", PYTHONSAFEPATH="1")
    assert finished.returncode == 1 and "There is no picture gone.png" in finished.stderr


def test_the_manager_and_pip_install_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (ROOT / "requirements.txt").read_text().split() == project["dependencies"]
    assert not [name for name in project["dependencies"] if "==" in name or "<" in name], "never pinned"
    assert not [name for name in project["dependencies"] if name.startswith("torch")], "ComfyUI brings its own"


def test_every_file_of_the_package_is_packed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    modules = [
        path for name in ("bootstrap", "nodes", "ffclip_core", "cuda_ops") for path in (ROOT / name).rglob("*.py")
    ]
    folders = {".".join(["ffclip", *path.parent.relative_to(ROOT).parts]) for path in modules}
    assert set(settings["packages"]) == {"ffclip", *folders}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--image", "gone.png"], "There is no picture gone.png"),
        (["--output", "out.jpg"], "--output is out.jpg"),
        (["--output", "no/such/folder/out.png"], "There is no folder"),
        (["--comfyui", "no-comfyui"], "There is no ComfyUI in"),
        (["--python", "python"], "give --comfyui with it"),
        (["--comfyui", "comfyui", "--python", "no-python"], "There is no Python no-python"),
        (["--comfyui", "comfyui", "--python", sys.executable], "No module named 'torch'"),
        (["--comfyui", "comfyui", "--python", "comfyui/main.py"], "Permission denied"),
    ],
)
def test_a_wrong_path_ends_in_one_sentence(run, tmp_path: Path, arguments: list[str], sentence: str) -> None:  # noqa: ANN001
    (tmp_path / "comfyui").mkdir()
    (tmp_path / "comfyui" / "main.py").touch()
    if "torch" in sentence:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
        arguments[-1] = str(tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    done = run("demo", *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "\n" not in done.stderr.strip()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["demo", "--promt", "bald"], "unrecognized arguments: --promt bald"),
        (["ui", "more"], "unrecognized arguments: more"),
        (["demo", "--strength", "much"], "argument --strength: invalid float value: 'much'"),
        (["dmo"], "invalid choice: 'dmo'"),
        ([], "the following arguments are required: command"),
    ],
)
def test_a_typing_error_is_told_as_such(run, arguments: list[str], sentence: str) -> None:  # noqa: ANN001
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: run.py ")
    assert sentence in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["demo", "ui", "test", "bench"])
def test_help_is_there_at_once(run, command: str) -> None:  # noqa: ANN001
    assert command in run("--help").stdout
    assert f"usage: run.py {command}" in run(command, "--help").stdout
