"""The commands of run.py, inside the environment that it makes: python -m ffclip.ffclip_core.dev <command>."""

from __future__ import annotations

import signal
import subprocess  # noqa: S404
import sys
from pathlib import Path

from ...bootstrap.command_line import exit_status, parse
from ...bootstrap.environment import importable, own_comfyui, variables
from . import PACK, ROOT


def main() -> int:
    if sys.platform != "win32":
        # run.py holds a Ctrl+C back until here, where it is told in one word.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    options, more = parse(sys.argv[1:])
    if options.command == "test":
        from .test import test

        return test(more, options.fast)
    if options.command == "train":
        from .train import train

        return train(more)
    if options.command == "bench":
        command = [sys.executable, "-m", f"{PACK}.ffclip_core.benchmark", "--out", options.out.absolute(), *more]
        return subprocess.run(command, cwd=ROOT, env=variables() | {"PYTHONPATH": str(importable())}).returncode
    comfyui = options.comfyui or own_comfyui(Path(sys.executable))
    if options.command == "ui":
        from .ui import ui

        return ui(comfyui, open_browser=not options.no_browser)
    from .demo import demo

    return demo(options, comfyui)


if __name__ == "__main__":
    sys.exit(exit_status(main))
