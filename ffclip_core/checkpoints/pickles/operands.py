"""What stands behind an instruction in a pickle: numbers, texts and byte strings, none longer than a file can be."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from sys import getsizeof
from typing import IO, Any

from ...errors import CheckpointError
from .budget import OBJECT, Budget
from .values import FileBytes, Object

_LONGEST = 64 << 20  # No text is longer.
_LONGEST_NUMBER = 4096  # Digits of a number in a text.
_LEFT_IN_FILE = 1 << 16  # Byte strings from this size on are not read.


class Operands:
    """Reads them from a file. base: where in the file at `path` this file's bytes begin, None if they don't stand there
    as they are. Raises CheckpointError where the file ends too soon, ValueError for what can't be decoded."""

    def __init__(self, file: IO[bytes], path: Path, base: int | None, budget: Budget) -> None:
        self._file, self._path, self._base, self._budget = file, path, base, budget

    def bytes(self, count: int) -> bytes:
        if count > _LONGEST:
            raise CheckpointError(f"is damaged: it declares a text of {count:,} bytes")
        data = self._file.read(count)
        if len(data) < count:
            raise CheckpointError("is incomplete: it ends within its pickle; download it again")
        return data

    def line(self) -> bytes:
        line = self._file.readline(_LONGEST)
        if line[-1:] != b"\n":
            raise CheckpointError("is incomplete: it ends within its pickle; download it again")
        return line[:-1].removesuffix(b"\r")

    def byte(self) -> int:
        return self.bytes(1)[0]

    def unsigned(self, width: int) -> int:
        return int.from_bytes(self.bytes(width), "little")

    def signed(self) -> int:
        return struct.unpack("<i", self.bytes(4))[0]

    def double(self) -> float:
        return struct.unpack(">d", self.bytes(8))[0]

    def long(self, width: int) -> int:
        """A number of any length, whose count of bytes stands before it."""
        return self._paid(int.from_bytes(self.bytes(self.unsigned(width)), "little", signed=True))

    def number_in_text(self) -> Any:
        text = self.line()
        if text in (b"00", b"01"):  # How protocols 0 and 1 write false and true.
            return text == b"01"
        if len(text) > _LONGEST_NUMBER:
            return Object("builtins.int")  # Python itself takes no more, and time grows with the square.
        return int(text.removesuffix(b"L"), 0)

    def text(self, width: int) -> str:
        return self._paid(str(self.bytes(self.unsigned(width)), "utf-8", "surrogatepass"))

    def escaped_text(self) -> str:
        return self._paid(self.line().decode("raw-unicode-escape"))

    def quoted(self) -> str | bytes:
        line = self.line()
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
            raise ValueError("no text")
        return _of_python_2(self._paid(line[1:-1].decode("unicode-escape").encode("latin1")))

    def byte_string(self, width: int, old: bool = False) -> Any:
        """bytes, or FileBytes for many; a str where Python 2 wrote plain text."""
        length = self.unsigned(width)
        if length < _LEFT_IN_FILE or self._base is None:
            data = self._paid(self.bytes(length))
            return _of_python_2(data) if old else data
        position = self._file.tell()
        if self._file.seek(0, io.SEEK_END) < position + length:
            raise CheckpointError("is incomplete: it ends within its numbers; download it again")
        self._file.seek(position + length)
        self._budget.charge(OBJECT)
        return FileBytes(self._path, self._base + position, length)

    def _paid(self, value: Any) -> Any:
        self._budget.charge(getsizeof(value))
        return value


def _of_python_2(data: bytes) -> str | bytes:
    """Its strings are texts and bytes alike."""
    return data.decode("ascii") if data.isascii() else data
