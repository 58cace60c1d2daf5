"""See FFCLIP work, use it, or test it, on a machine that has nothing but Python 3.10 or newer:

    python run.py demo                                         one edit in a real ComfyUI, as a before/after picture
    python run.py demo --prompt "green hair" --image my.png    the same with your own words and picture
    python run.py ui                                           ComfyUI in the browser, with the workflow loaded
    python run.py train PICTURES OUT                           your own pictures become a family (--help says more)
    python run.py test                                         all checks and tests; with --fast those that are quick
    python run.py bench                                        what it takes on this machine, beside the plain form

Everything it installs goes into one folder of the user's cache, which the next start uses again. It writes nothing into
an existing ComfyUI. This file and bootstrap/ use the standard library only: they make the environment in which
ffclip_core/dev does the work.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess  # noqa: S404
import sys

COMMANDS = "ffclip.ffclip_core.dev"


def main() -> int:
    if sys.version_info < (3, 10):  # noqa: UP036 (an older Python may be what starts this)
        print(f"This needs Python 3.10 or newer; {sys.executable} is {platform.python_version()}.", file=sys.stderr)
        return 1
    if getattr(sys.flags, "safe_path", False):  # Its own folder is left out then, and with it bootstrap/.
        given = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
        return replace_by([sys.executable, __file__, *sys.argv[1:]], given)
    from bootstrap.command_line import exit_status

    return exit_status(start)


def start() -> int:
    """Do what the command line says with the Python that has all it needs."""
    from bootstrap import RunError, command_line, environment

    options, _ = command_line.parse(sys.argv[1:], __doc__ or "")
    # Nothing is imported from the folder in which this was started.
    given = environment.variables() | {"PYTHONPATH": str(environment.importable()), "PYTHONSAFEPATH": "1"}
    python = None
    if options.command in ("demo", "ui") and options.comfyui:
        python = options.python.absolute() if options.python else environment.python_of(options.comfyui)
    if python:
        asked = subprocess.run([python, "-c", "import torch, aiohttp, PIL"], env=given, capture_output=True)
        if asked.returncode:
            said = asked.stderr.decode(errors="replace").strip().splitlines() or ["nothing"]
            raise RunError(f"{python} is not the Python that runs this ComfyUI ({said[-1]}): name it by --python.")
    python = python or environment.environment(options.torch_index)
    if sys.platform != "win32":  # A Ctrl+C waits until that program is ready for it, see its main().
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return replace_by([str(python), "-m", COMMANDS, *sys.argv[1:]], given)


def replace_by(command: list[str], variables: dict[str, str]) -> int:
    """Go on as another program, which a Ctrl+C then reaches; its exit status."""
    sys.stdout.flush()
    if sys.platform == "win32":
        # Windows has no such thing: there Ctrl+C reaches both, and the other says so.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.run(command, env=variables).returncode
    os.execve(command[0], command, variables)


if __name__ == "__main__":
    sys.exit(main())
