"""Files of a run: each is whole at every moment, and what can't be written is told in one sentence."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ...errors import FFCLIPError, InputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_PATIENCE = 20.0  # Seconds.


class StorageError(FFCLIPError):
    """A run's folder that can't be written to; the last state stays in it."""


@contextmanager
def storing(path: Path, kept: str = "") -> Iterator[None]:
    """What is done within writes to this file, or into this folder; kept: what else a message is to say.

    Raises:
        StorageError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        place = error.filename or path
        raise StorageError(
            f"{place} can't be written ({error.strerror or error}){kept}: make room or choose another folder, and run "
            "again."
        ) from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other run works in this folder meanwhile. Processes of one that was killed have some seconds to end.

    Raises:
        InputError: another one does.
    """
    with (folder / "lock").open("w") as file:
        until = time.monotonic() + _PATIENCE
        while not _locked(file):
            if time.monotonic() > until:
                raise InputError(f"Another run works in {folder}: wait for its end, or stop it.")
            time.sleep(0.1)
        yield


def _locked(file: IO[str]) -> bool:
    """Whether the file is this process's now, until it is closed or the process ends, in whatever way."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN)  # Some disks of networks know no locks.
    return True


def write_whole(path: Path, write: Callable[[Any], object]) -> None:
    """Write a file by write(binary file); until all of it is on the disk, the one before stays.

    Raises:
        OSError: it can't be written.
    """
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            watched = _Watched(file)
            try:
                write(watched)
            except Exception as error:
                raise watched.error or error from None
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _Watched:
    """A file that remembers what went wrong in writing it, which torch's writer of archives does not tell."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        try:
            return self.file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()
