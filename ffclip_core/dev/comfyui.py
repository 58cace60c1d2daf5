"""A ComfyUI with this pack as a process of its own: started, waited for, ended."""

from __future__ import annotations

import contextlib
import socket
import subprocess  # noqa: S404
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ...bootstrap.environment import cache_folder, variables
from ...bootstrap.links import link, unlink
from . import PACK, ROOT, RunError
from .client import Client, RefusedError, UnreachableError

START_LIMIT = 300  # seconds


class Server(Client):
    """A ComfyUI with this pack, on a free port of this machine, that keeps all its files in base. A context manager.

    This Python runs it. frontend is the folder of another page than ComfyUI's own. Raises RunError when it does not
    start or does not load the pack.
    """

    def __init__(self, comfyui: Path, base: Path, frontend: Path | None = None) -> None:
        port = _free_port()
        super().__init__(f"http://127.0.0.1:{port}")
        self.comfyui, self.base = comfyui, base
        self.log = base / "comfyui.log"
        self._command = [sys.executable, "main.py", "--listen", "127.0.0.1", "--port", str(port)]
        self._command += ["--disable-auto-launch", "--disable-api-nodes", "--base-directory", str(base)]
        self._command += ["--database-url", f"sqlite:///{(base / 'user' / 'comfyui.db').as_posix()}"]
        if frontend:
            self._command += ["--front-end-root", str(frontend)]
        if not has_accelerator():
            self._command.append("--cpu")

    def __enter__(self) -> Server:
        packs = self.base / "custom_nodes"
        for folder in (packs, self.base / "user", self.base / "models", self.base / "input"):
            folder.mkdir(parents=True, exist_ok=True)
        link(ROOT, packs / PACK)
        # Without byte code, so that an existing ComfyUI's folder stays as it is.
        quiet = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1"}
        if self.comfyui.is_relative_to(cache_folder()):
            del quiet["PYTHONDONTWRITEBYTECODE"]
        print(f"Starting ComfyUI in {self.comfyui}{' on the CPU' if '--cpu' in self._command else ''} …", flush=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self.comfyui, env=variables() | quiet, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        # Taken away first, so that clearing the base folder can't reach the pack through it.
        unlink(self.base / "custom_nodes" / PACK)

    def run(
        self, graph: dict[str, Any], progress: Callable[[str, dict[str, Any]], object] | None = None, limit: float = 600
    ) -> dict[str, Any]:
        try:
            return super().run(graph, progress, limit)
        except UnreachableError as error:
            # Connections end a little before the process does.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            if self.process.poll() is None:
                raise
            raise RunError(f"ComfyUI ended during the run with: {self._last_log_line()}") from error

    def wait(self) -> None:
        """Until ComfyUI ends by itself."""
        if self.process.wait():
            raise RunError(f"ComfyUI ended with: {self._last_log_line()}")

    def _wait_until_it_answers(self) -> None:
        limit = time.monotonic() + START_LIMIT
        answers = False
        while not answers:
            time.sleep(0.2)
            with contextlib.suppress(UnreachableError):
                answers = bool(self.get("/system_stats", limit=2))
            if self.process.poll() is not None:
                raise RunError(f"ComfyUI in {self.comfyui} ended at its start with: {self._last_log_line()}")
            if time.monotonic() > limit:
                raise RunError(f"ComfyUI did not start within {START_LIMIT} s; it said last: {self._last_log_line()}")
        try:
            known = "FFCLIPLoadModels" in self.get_json("/object_info/FFCLIPLoadModels")
        except RefusedError:
            known = False
        if not known:
            raise RunError(
                f"ComfyUI started, but could not load the FFCLIP nodes ({self._last_log_line('Error')}): "
                f"if a package is missing, run: {sys.executable} -m pip install -r {ROOT / 'requirements.txt'}"
            )

    def _last_log_line(self, word: str = "") -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        lines = [line.strip() for line in lines if line.strip() and word in line]
        return lines[-1] if lines else f"nothing (see {self.log})"


def has_accelerator() -> bool:
    """Whether torch can use a GPU here; ComfyUI has to be told where it can't."""
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
