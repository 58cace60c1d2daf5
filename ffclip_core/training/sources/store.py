"""The prepared files: pixels, row after row, and records of what each item became.

pictures, before, after hold uint8 [size, size, 3] after [size, size, 3]; records.jsonl begins with a header, has a line
for each item in order, and ends with a line that says that this was all. A line is written when its pixels are safe on
the disk, so wherever writing was broken off, the records say how much of the pixels counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ...errors import FFCLIPError, InputError
from .left_out import Left

FORMAT = 1
FILES = (("pictures",), ("before", "after"))
"""Of pictures, and of pairs."""

_RECORDS, _LOCK = "records.jsonl", "lock"
_SECONDS = 2.0
"""Between two times at which what was done is made safe."""


class Prepared(NamedTuple):
    """An item: one or two squares, or none if it was left out; its texts, a hash of what it was made from (64 bits)."""

    squares: tuple[np.ndarray, ...]
    texts: tuple[str, ...] = ()
    digest: int = 0
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Header:
    """Of what, how large and how many at most; fingerprint: "" is equal to no other."""

    fingerprint: str
    size: int
    limit: int | None
    format: int = FORMAT


class Rows:
    """Of all pictures or all pairs: hashes, and the texts of each by their numbers."""

    def __init__(self) -> None:
        self.digests = array("Q")
        self._ids = array("I")
        self._ends = array("Q", [0])

    def add(self, digest: int, ids: list[int]) -> None:
        self.digests.append(digest)
        self._ids.extend(ids)
        self._ends.append(len(self._ids))

    def texts_of(self, i: int) -> tuple[int, ...]:
        i = range(len(self.digests))[i]
        return tuple(self._ids[self._ends[i] : self._ends[i + 1]])


@dataclass
class Contents:
    """What the records say: rows of pictures and of pairs, each text once, how many items, how many bytes of lines that
    are whole, and whether this is all."""

    header: Header
    left: list[Left]
    rows: tuple[Rows, Rows] = field(default_factory=lambda: (Rows(), Rows()))
    texts: dict[str, int] = field(default_factory=dict)
    items: int = 0
    length: int = 0
    whole: bool = False

    def add(self, record: dict[str, Any]) -> None:
        if record.get("end"):
            self.whole = True
            return
        self.items += 1
        self.left += [Left(*left) for left in record.get("left", ())]
        if "digest" in record:
            ids = [self.texts.setdefault(text, len(self.texts)) for text in record["texts"]]
            self.rows[record["pair"]].add(int(record["digest"], 16), ids)


def read(folder: Path) -> Contents | None:
    """What was prepared in a folder so far; None where that is nothing, or not all of its pixels are there."""
    contents: Contents | None = None
    try:
        with open(folder / _RECORDS, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                record = json.loads(line)
                if contents is None:
                    left = [Left(*each) for each in record.pop("left")]
                    if record["format"] != FORMAT:
                        return None
                    contents = Contents(Header(**record), left)
                else:
                    contents.add(record)
                contents.length += len(line)
        if contents is None or any(
            os.path.getsize(folder / name) < len(rows.digests) * row_bytes(contents.header.size)
            for names, rows in zip(FILES, contents.rows, strict=True)
            for name in names
        ):
            return None
    except (OSError, ValueError, TypeError, KeyError, IndexError, OverflowError):
        return None  # It is not there, or somebody else's.
    return contents


def row_bytes(size: int) -> int:
    """Of one square."""
    return 3 * size * size


def pixels(folder: Path, contents: Contents) -> Iterator[np.ndarray]:
    """pictures, before, after: uint8 [N or P, size, size, 3], read from the disk as they are asked for."""
    size = contents.header.size
    for names, rows in zip(FILES, contents.rows, strict=True):
        shape = (len(rows.digests), size, size, 3)
        for name in names:
            yield np.memmap(folder / name, np.uint8, "r", shape=shape) if shape[0] else np.empty(shape, np.uint8)


class Store:
    """Writes a folder's files: from the start, or where `done` ends. Used in a with statement; whatever ends that, what
    was added before stays. Raises FFCLIPError where nothing can be written."""

    def __init__(self, folder: Path, header: Header, left: list[Left], done: Contents | None) -> None:
        self._folder, self._size = folder, header.size
        self._lines: list[str] = []
        self._safe = time.monotonic()
        lengths = {_RECORDS: done.length if done else 0}
        for names, rows in zip(FILES, done.rows if done else (Rows(), Rows()), strict=True):
            lengths |= dict.fromkeys(names, len(rows.digests) * row_bytes(header.size))
        self._files: dict[str, BinaryIO] = {}
        with writing(folder):
            for name, length in lengths.items():
                if not done:  # Not emptied: somebody may still look into it.
                    (folder / name).unlink(missing_ok=True)
                file = self._files[name] = open(folder / name, "ab", buffering=0)
                file.truncate(length)
        if not done:
            self._record(asdict(header) | {"left": left})
            self.save()

    def add(self, item: Prepared) -> None:
        record: dict[str, Any] = {}
        if item.squares:
            pair = len(item.squares) - 1
            with writing(self._folder):
                for name, square in zip(FILES[pair], item.squares, strict=True):
                    _append(self._files[name], np.ascontiguousarray(square).tobytes())
            record = {"pair": pair, "digest": f"{item.digest:016x}", "texts": item.texts}
        self._record(record | ({"left": item.left} if item.left else {}))
        if time.monotonic() - self._safe > _SECONDS:
            self.save()

    def finish(self) -> None:
        """Say that this was all."""
        self._record({"end": True})
        self.save()

    def save(self) -> None:
        """Make safe what was added."""
        with writing(self._folder):
            for name, file in self._files.items():
                if name != _RECORDS:
                    os.fsync(file.fileno())
            _append(self._files[_RECORDS], "".join(self._lines).encode())
            os.fsync(self._files[_RECORDS].fileno())
        self._lines.clear()
        self._safe = time.monotonic()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(FFCLIPError):
            self.save()
        for file in self._files.values():
            file.close()

    def _record(self, record: dict[str, Any]) -> None:
        self._lines.append(json.dumps(record) + "\n")


def _append(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What the system says against writing there, in one sentence."""
    try:
        yield
    except OSError as error:
        raise FFCLIPError(
            f"{folder} can't be written to ({error.strerror or error}): make room and allow writing there, or give "
            "another folder; what is prepared stays, and the next run goes on from there."
        ) from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other processes from preparing in it. Raises InputError where one does."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / _LOCK, "ab")
    with file:
        try:
            _lock(file)
        except OSError as error:
            raise InputError(f"Another process prepares {folder}: wait for its end, or give another folder.") from error
        yield  # The system unlocks what is closed, however this process ends.


def _lock(file: BinaryIO) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
