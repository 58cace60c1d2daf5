"""Folders and zip files as they lie on the disk: which files they hold, and the bytes of each.

A zip may come from anybody. Nothing of it is ever written to the disk, so its names lead nowhere; the bytes that it
claims to unpack to are bounded, and no file gives more than it claims.
"""

from __future__ import annotations

import os
import stat
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from ...errors import InputError
from .left_out import Left, LeftOutError

_MOST_TIMES, _ALWAYS = 200, 1 << 30
"""A zip may unpack to so many times its own size, or to so many bytes."""


class File(NamedTuple):
    """A file by its path in the container, with "/"; stamp: what changes when its bytes do."""

    name: str
    size: int
    stamp: int


class Container(Protocol):
    """left: what can't be looked into, filled by files()."""

    path: Path
    left: list[Left]

    def files(self) -> Iterator[File]:
        """Every ordinary file but hidden ones, in any order."""
        ...

    def read(self, name: str, most: int) -> bytes:
        """A file's bytes. Raises LeftOutError where they can't be read, or are more than most."""
        ...

    def close(self) -> None: ...


def opened(path: Path) -> Container:
    """Raises InputError for what is neither a folder nor a zip file."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise InputError(f"There is no folder or zip file {path}: give the one that holds your pictures.") from error
    if stat.S_ISDIR(mode):
        return Folder(path)
    try:
        if stat.S_ISREG(mode) and zipfile.is_zipfile(path):
            return Archive(path)
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}): look at its permissions.") from error
    raise InputError(f"{path} is neither a folder nor a zip file: give the one that holds your pictures.")


class Folder:
    """A folder and those in it; links are followed, each folder is looked into once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left: list[Left] = []

    def files(self) -> Iterator[File]:
        waiting, seen = [""], set()
        while waiting:
            inside = waiting.pop()
            try:
                place = os.stat(self.path / inside)
                if (place.st_dev, place.st_ino) in seen:
                    continue
                seen.add((place.st_dev, place.st_ino))
                with os.scandir(self.path / inside) as entries:
                    found = list(entries)
            except OSError as error:
                if not inside:
                    raise InputError(
                        f"The folder {self.path} can't be read ({error.strerror}): look at its permissions."
                    ) from error
                self.left.append(Left(f"{inside}/", f"the folder can't be read: {error.strerror}"))
                continue
            for entry in found:
                name = f"{inside}/{entry.name}" if inside else entry.name
                if hidden(entry.name):
                    continue
                try:
                    about = entry.stat()
                except OSError as error:
                    self.left.append(Left(name, f"it can't be read: {error.strerror}"))
                    continue
                if stat.S_ISDIR(about.st_mode):
                    waiting.append(name)
                elif stat.S_ISREG(about.st_mode):
                    # Permissions change no time, but whether there is a picture to be had.
                    readable = os.access(self.path / name, os.R_OK)
                    yield File(name, about.st_size, about.st_mtime_ns if readable else -1)

    def read(self, name: str, most: int) -> bytes:
        try:
            with open(self.path / name, "rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            if not self.path.exists():
                raise InputError(f"The folder {self.path} is gone: bring it back, and start again.") from error
            raise LeftOutError(f"it can't be read: {error.strerror}") from error
        return _bounded(data, most)

    def close(self) -> None:
        pass


class Archive:
    """A zip file. Raises InputError for one that is damaged or unpacks to more than it should."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left: list[Left] = []
        self._lock = threading.Lock()
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
            raise InputError(f"The zip file {path} can't be read ({error}): pack it anew.") from error
        # Of two files of one name the later one counts, as where they are unpacked.
        self._inside = {
            entry.filename.replace("\\", "/").lstrip("/"): entry for entry in self._zip.infolist() if not entry.is_dir()
        }
        total, own = sum(entry.file_size for entry in self._inside.values()), path.stat().st_size
        if total > max(_MOST_TIMES * own, _ALWAYS):
            self._zip.close()
            raise InputError(
                f"The zip file {path} of {own} bytes would unpack to {total}, but no pictures are packed so tightly: "
                "if you trust it, unpack it yourself and give the folder."
            )

    def files(self) -> Iterator[File]:
        for name, entry in self._inside.items():
            if not any(hidden(part) for part in name.split("/") if part not in (".", "..")):
                yield File(name, entry.file_size, entry.CRC)

    def read(self, name: str, most: int) -> bytes:
        entry = self._inside[name]
        if entry.flag_bits & 1:
            raise LeftOutError("it is encrypted: pack it without a password")
        if entry.file_size > most:
            raise LeftOutError(f"it has more than {most} bytes: make it smaller")
        try:
            with self._lock, self._zip.open(entry) as file:
                return file.read()
        except Exception as error:  # A damaged or hostile file makes the readers of zips raise whatever they come to.
            raise LeftOutError(f"it can't be unpacked ({type(error).__name__}: {error})") from error

    def close(self) -> None:
        self._zip.close()


def hidden(name: str) -> bool:
    """Whether a file or folder is one of those that systems leave about: of Unix, and what macOS puts into zips."""
    return name.startswith(".") or name == "__MACOSX"


def _bounded(data: bytes, most: int) -> bytes:
    if len(data) > most:
        raise LeftOutError(f"it has more than {most} bytes: make it smaller")
    return data
