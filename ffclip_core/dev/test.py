"""All checks and tests, with a real ComfyUI and a real browser."""

from __future__ import annotations

import os
import subprocess  # noqa: S404
import sys
from collections.abc import Sequence
from pathlib import Path

from ...bootstrap.environment import importable, install_extras, newer_frontend, own_comfyui, variables
from . import PACK, ROOT, browser

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib


def test(pytest_arguments: Sequence[str], fast: bool) -> int:
    """Run ruff, pyright and pytest; 0 where none of them finds anything. fast leaves out the tests marked slow."""
    python = Path(sys.executable)
    install_extras(python, _tools())
    program = browser.find() or browser.install()
    comfyui, page, pack = own_comfyui(python), newer_frontend(python), importable()
    given = variables() | {"PYTHONPATH": str(pack), "FFCLIP_COMFYUI": str(comfyui), "FFCLIP_NEWER_FRONTEND": str(page)}
    if program:
        given["FFCLIP_BROWSER"] = program
    checks = {
        "ruff check": (["ruff", "check", "."], given),
        "ruff format": (["ruff", "format", "--check", "."], given),
        "pyright": (
            ["pyright", "--pythonpath", sys.executable],
            given | {"PYTHONPATH": os.pathsep.join([str(pack), str(comfyui)])},
        ),
    }
    failed = []
    for name, (command, its_variables) in checks.items():
        print(f"{name}:", flush=True)
        if subprocess.run([python, "-m", *command], cwd=ROOT, env=its_variables).returncode:
            failed.append(name)
    if failed:
        print(f"FAILED so far: {', '.join(failed)}", flush=True)
    # Two files at a time, each on a core of its own; arguments that follow win (-n 0 runs all in one process).
    # Not loadgroup: pytest-xdist 3.8 loses the groups with pytest 9.2, without a word.
    command = [python, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    command += ["-m", "not slow"] if fast else []
    tests = subprocess.run([*command, *pytest_arguments], cwd=ROOT, env={"OMP_NUM_THREADS": "1"} | given)
    return tests.returncode or len(failed)


def _tools() -> list[str]:
    """The extras train and test of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [tool for name in ("train", "test") for tool in extras[name] if not tool.startswith(PACK)]
