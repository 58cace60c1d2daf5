"""All checks and tests, with a real ComfyUI and a real browser."""

from __future__ import annotations

import os
import subprocess  # noqa: S404
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ...bootstrap.environment import importable, install_extras, newer_frontend, own_comfyui, variables
from . import ROOT, browser
from .extras import extra


def test(pytest_arguments: Sequence[str], fast: bool) -> int:
    """Run ruff, pyright and pytest; 0 where none of them finds anything. fast leaves out the tests marked slow."""
    python = Path(sys.executable)
    install_extras(python, extra("train", "test"))
    program = browser.find() or browser.install()
    comfyui, page, pack = own_comfyui(python), newer_frontend(python), importable()
    given = variables() | {"PYTHONPATH": str(pack), "FFCLIP_COMFYUI": str(comfyui), "FFCLIP_NEWER_FRONTEND": str(page)}
    if program:
        given["FFCLIP_BROWSER"] = program
    # The many processes to come need not compile the same modules each.
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    failed = []

    def judge(name: str, status: int) -> None:
        if status:
            failed.append(name)

    for name, arguments in {"ruff check": ["check", "."], "ruff format": ["format", "--check", "."]}.items():
        print(f"{name}:", flush=True)
        judge(name, subprocess.run([python, "-m", "ruff", *arguments], cwd=ROOT, env=given).returncode)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        # Beside the tests, which leave processors idle while they wait for pages and servers.
        types = subprocess.Popen(
            [python, "-m", "pyright", "--pythonpath", sys.executable],
            cwd=ROOT,
            env=given | {"PYTHONPATH": os.pathsep.join([str(pack), str(comfyui)])},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            # Four files at a time where there are two cores, for the same reason; arguments that follow win (-n 0
            # runs all in one process). Files that share servers are kept together by tests/conftest.py, not by
            # loadgroup: pytest-xdist 3.8 loses the groups with pytest 9.2, without a word.
            command = [python, "-m", "pytest", "-n", "4", "--dist", "loadfile", "--no-loadscope-reorder"]
            command += ["-m", "not slow"] if fast else []
            tests = subprocess.run([*command, *pytest_arguments], cwd=ROOT, env={"OMP_NUM_THREADS": "1"} | given)
            judge("pyright", types.wait())
        finally:
            types.kill()
        said.seek(0)
        print(f"pyright:\n{said.read().rstrip()}", flush=True)
    judge("pytest", tests.returncode)
    if failed:
        print(f"FAILED: {', '.join(failed)}", flush=True)
    return tests.returncode or len(failed)
