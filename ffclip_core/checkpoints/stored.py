"""A tensor in a file: its shape and kind are known, its numbers are read when they are asked for."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CheckpointError

Shape = tuple[int, ...]
_LARGEST = 1 << 48
_MOST_AXES = 64  # PyTorch and NumPy have no tensor with more.
_PIECE = 1 << 20
# Kinds whose numbers PyTorch reads but hardly computes with: they are given as float32.
_EIGHT_BITS = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
_FLOAT8 = {getattr(torch, name) for name in _EIGHT_BITS if hasattr(torch, name)}
_ENDED = "is incomplete: it ends within its numbers; download it again"
_NOT_UNPACKED = "is damaged: its archive can't be unpacked; download it again"


@dataclass(frozen=True)
class Stored:
    """shape and dtype of a tensor that read() gives, each time in memory of its own.

    read() raises CheckpointError (half a sentence about the file) where its numbers are damaged, or none that FFCLIP
    reads, and OSError where the disk fails.
    """

    shape: Shape
    dtype: torch.dtype
    read: Callable[[], Tensor]

    def mapped(self, shape: Shape, function: Callable[[Tensor], Tensor]) -> Stored:
        """What the function makes of the tensor, of that shape."""
        return Stored(shape, self.dtype, lambda: function(self.read()))

    def reshaped(self, *shape: int) -> Stored:
        if math.prod(shape) != math.prod(self.shape):
            raise CheckpointError(f"is damaged: a tensor has the shape {list(self.shape)}; get the file again")
        return self.mapped(shape, lambda tensor: tensor.reshape(shape))


def unreadable(shape: Shape, dtype: torch.dtype, why: str) -> Stored:
    """A tensor that matters only if it is needed, whose read() raises CheckpointError with this half-sentence."""

    def read() -> Tensor:
        raise CheckpointError(why)

    return Stored(shape, dtype, read)


@dataclass(eq=False)
class Entry:
    """The bytes of an entry of a zip archive, at a position in the archive: `length` of them, perhaps deflated into
    `packed`. They are checked against the archive's checksum (CRC-32) while they are read, all of them once.

    crc: 0 means that the archive gives none: torch.save writes it so where torch.serialization.set_crc32_options has
    switched checksums off. The check takes about as long as reading from a fast disk: docs/model-files.md says how
    long.
    """

    path: Path
    position: int
    length: int
    crc: int
    packed: int | None = None
    checked: bool = False

    def read(self) -> bytes:
        """All of it. Raises CheckpointError."""
        room = bytearray(self.length)
        self.read_into(memoryview(room), 0)
        return bytes(room)

    def read_into(self, room: memoryview, start: int) -> None:
        """Fill the room with the bytes from `start` on. Raises CheckpointError for bytes that do not fit the checksum.

        Where only a part is asked for, the first time all are read.
        """
        end = start + len(room)
        if self.packed is None and (self.checked or not self.crc):
            _fill(self.path, self.position + start, room)
            return
        at = found = 0
        for piece in self._pieces(start, room):
            low, high = max(start, at), min(end, at + len(piece))
            if low < high and self.packed is not None:
                room[low - start : high - start] = piece[low - at : high - at]
            found = zlib.crc32(piece, found)
            at += len(piece)
            if self.checked and at >= end:
                return
        if at != self.length:
            raise CheckpointError(_NOT_UNPACKED)
        if self.crc and found != self.crc:
            raise CheckpointError(
                "is damaged: some of its numbers do not fit the checksum that the archive has for them (they changed "
                "on the way, or on the disk); download it again"
            )
        self.checked = True

    def _pieces(self, start: int, room: memoryview) -> Iterator[bytes | memoryview]:
        """All bytes; those of the room stand in it already where they are not packed."""
        if self.packed is not None:
            yield from self._unpacked(self.packed)
            return
        scratch = memoryview(bytearray(min(_PIECE, self.length)))
        at = 0
        while at < self.length:
            if start <= at < start + len(room):
                piece = room[at - start : at - start + _PIECE]
            else:
                limit = start if at < start else self.length
                piece = scratch[: min(_PIECE, limit - at)]
            _fill(self.path, self.position + at, piece)
            yield piece
            at += len(piece)

    def _unpacked(self, packed: int) -> Iterator[bytes]:
        """No more than the length that the archive gives, however much is packed."""
        machine, left = zlib.decompressobj(-zlib.MAX_WBITS), self.length
        try:
            with self.path.open("rb") as file:
                file.seek(self.position)
                data = b""
                while left and not machine.eof:
                    if not data:
                        data = file.read(min(_PIECE, packed))
                        if packed and not data:
                            raise CheckpointError(_ENDED)
                        packed -= len(data)
                    piece = machine.decompress(data, min(_PIECE, left))
                    if not data and not piece:
                        return
                    data = machine.unconsumed_tail
                    left -= len(piece)
                    yield piece
        except zlib.error as error:
            raise CheckpointError(_NOT_UNPACKED) from error


def _fill(path: Path, position: int, room: memoryview) -> None:
    with path.open("rb", buffering=0) as file:
        file.seek(position)
        at = 0
        while at < len(room):
            got = file.readinto(room[at:])
            if not got:
                raise CheckpointError(_ENDED)
            at += got


@dataclass
class Storage:
    """count numbers of one dtype, one after the other: bytes, those of an archive's entry, or in a file, from byte
    `position` on."""

    source: Path | bytes | Entry
    position: int
    count: int
    dtype: torch.dtype

    def seen_as(self, dtype: torch.dtype) -> Storage:
        """The same bytes as numbers of another dtype."""
        return replace(self, count=self.count * self.dtype.itemsize // dtype.itemsize, dtype=dtype)

    def tensor(self, offset: int, shape: Shape, strides: Shape) -> Stored:
        """A view of the storage. Raises CheckpointError for one that does not lie within it."""
        numbers = (offset, *shape, *strides)
        plain = all(type(number) is int and 0 <= number <= _LARGEST for number in numbers)
        if not plain or len(shape) != len(strides) or len(shape) > _MOST_AXES:
            raise CheckpointError("is damaged: it has a tensor of an impossible shape")
        size = math.prod(shape)
        span = 1 + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True)) if size else 0
        if offset + span > self.count:
            raise CheckpointError(f"is damaged: it has a tensor of {size} numbers where {self.count} are stored")
        dtype = torch.float32 if self.dtype in _FLOAT8 else self.dtype

        def read() -> Tensor:
            # Strides of zero repeat numbers, which a small file could ask for without end.
            if size > max(self.count, 65_536):
                raise CheckpointError(f"is damaged: it has a tensor of {size} numbers where {self.count} are stored")
            numbers = self._read(offset, span)
            if not size:
                return numbers.reshape(shape)
            view = numbers.as_strided(shape, strides)
            return view if size == span and view.is_contiguous() else view.clone(memory_format=torch.contiguous_format)

        return Stored(shape, dtype, read)

    def _read(self, first: int, count: int) -> Tensor:
        if not (self.dtype.is_floating_point or self.dtype in _WHOLE):
            raise CheckpointError(f"has numbers of the kind {self.dtype}, which FFCLIP does not compute with")
        result = torch.empty(count, dtype=self.dtype, device="cpu")
        if not count:
            return result.float() if self.dtype in _FLOAT8 else result
        room = memoryview(result.view(torch.uint8).numpy())  # pyright: ignore[reportArgumentType]
        start = self.position + first * self.dtype.itemsize
        if isinstance(self.source, bytes):
            room[:] = self.source[start : start + len(room)]
        elif isinstance(self.source, Entry):
            self.source.read_into(room, start)
        else:
            _fill(self.source, start, room)
        return result.float() if self.dtype in _FLOAT8 else result


_WHOLE = {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool}
