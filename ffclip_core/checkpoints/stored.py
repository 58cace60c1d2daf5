"""A tensor in a file: its shape and kind are known, its numbers are read when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CheckpointError

Shape = tuple[int, ...]
_LARGEST = 2_000_000_000


@dataclass(frozen=True)
class Stored:
    """shape and dtype of a tensor that read() gives, each time in memory of its own."""

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


@dataclass
class Storage:
    """count numbers of one dtype, one after the other: bytes, or in a file from byte `position` on."""

    source: Path | bytes
    position: int
    count: int
    dtype: torch.dtype

    def tensor(self, offset: int, shape: Shape, strides: Shape) -> Stored:
        """A view of the storage. Raises CheckpointError for one that does not lie within it."""
        numbers = (offset, *shape, *strides)
        plain = all(type(number) is int and 0 <= number <= _LARGEST for number in numbers)
        if not plain or len(shape) != len(strides) or len(shape) > 8:
            raise CheckpointError("is damaged: it has a tensor of an impossible shape")
        size = math.prod(shape)
        span = 1 + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True)) if size else 0
        # Strides of zero repeat numbers, which a small file could ask for without end.
        if offset + span > self.count or size > max(self.count, 65_536):
            raise CheckpointError(f"is damaged: it has a tensor of {size} numbers where {self.count} are stored")

        def read() -> Tensor:
            numbers = self._read(offset, span)
            if not size:
                return numbers.reshape(shape)
            view = numbers.as_strided(shape, strides)
            return view if size == span and view.is_contiguous() else view.clone(memory_format=torch.contiguous_format)

        return Stored(shape, self.dtype, read)

    def _read(self, first: int, count: int) -> Tensor:
        result = torch.empty(count, dtype=self.dtype)
        if not count:
            return result
        room = memoryview(result.view(torch.uint8).numpy())  # pyright: ignore[reportArgumentType]
        start = self.position + first * self.dtype.itemsize
        if isinstance(self.source, bytes):
            room[:] = self.source[start : start + len(room)]
            return result
        with self.source.open("rb", buffering=0) as file:
            file.seek(start)
            at = 0
            while at < len(room):
                got = file.readinto(room[at:])
                if not got:
                    raise CheckpointError("is incomplete: it ends within its numbers; download it again")
                at += got
        return result
