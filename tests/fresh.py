"""Python programs in processes of their own that begin with torch imported and nothing else of what a test imports.

To import torch takes seconds. So one process does that once, and each program is a fork of it; where processes can't be
forked, each is a new Python.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from tempfile import TemporaryDirectory

LIMIT = 600  # seconds
# Reads a request from each line, answers with the exit status. Its forks have but the standard streams open.
FORKING = """
import json, os, signal, sys, traceback
import torch
torch.ones(1, device="meta") / 2  # For networks on "meta", which this is the first of, torch imports as much again.
requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
for line in requests:
    given = json.loads(line)
    child = os.fork()
    if not child:
        for stream, name in enumerate(("stdin", "stdout", "stderr")):
            path = given[name]
            os.dup2(os.open(path, os.O_RDWR), stream)
        os.closerange(3, 256)
        os.chdir(given["cwd"])
        signal.alarm(LIMIT)
        sys.argv, sys.path[0] = ["-c", *given["arguments"]], ""
        status = 0
        try:
            exec(compile(given["code"], "<string>", "exec"), {"__name__": "__main__"})
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(status)
    answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\\n")
    answers.flush()
"""


def run(code: str, *arguments: object, cwd: object = ".") -> str:
    """What the program prints; it sees the arguments in sys.argv[1:]. An AssertionError where it fails."""
    status, printed, said = finish(code, *arguments, cwd=cwd)
    assert status == 0, said
    return printed


def finish(code: str, *arguments: object, cwd: object = ".") -> tuple[int, str, str]:
    """A program's exit status, and what it wrote to stdout and stderr."""
    words = [str(argument) for argument in arguments]
    if not hasattr(os, "fork") or sys.platform == "darwin":  # There forks of a process with frameworks may crash.
        command = [sys.executable, "-c", code, *words]
        done = subprocess.run(command, cwd=str(cwd), capture_output=True, text=True, timeout=LIMIT)
        return done.returncode, done.stdout, done.stderr
    return _forked(code, words, os.path.abspath(str(cwd)))


def _forked(code: str, arguments: Sequence[str], cwd: str) -> tuple[int, str, str]:
    process = _forking()
    assert process.stdin and process.stdout
    with TemporaryDirectory() as folder:
        streams = {name: os.path.join(folder, name) for name in ("stdin", "stdout", "stderr")}
        for path in streams.values():
            open(path, "x").close()
        request = {"code": code, "arguments": arguments, "cwd": cwd, **streams}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        return status, _text(streams["stdout"]), _text(streams["stderr"])


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


@cache
def _forking() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", FORKING.replace("LIMIT", str(LIMIT))], stdin=pipe, stdout=pipe, text=True
    )
    atexit.register(process.communicate)  # It ends with its input.
    return process
