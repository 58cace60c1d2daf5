"""Files of safetensors: a header of JSON, then numbers. Source: the format's description in its repository.

The header is read here, not by the library: it maps a file into memory and refuses all of it for one tensor of a kind
that this version does not know, needed or not.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from .stored import Storage, Stored, unreadable

_LONGEST_HEADER = 100_000_000  # The library's own limit.
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def looks_like_safetensors(start: bytes, size: int) -> bool:
    """Whether a file of this size and with these first bytes is one, perhaps cut."""
    length = int.from_bytes(start[:8], "little")
    return len(start) > 8 and start[8:9] == b"{" and 2 <= length <= max(_LONGEST_HEADER, size)


def read_safetensors(path: Path) -> tuple[dict[str, Stored], dict[str, str]]:
    """Its tensors by name, and its metadata. Raises CheckpointError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if 8 + length > size:
            raise CheckpointError(f"is incomplete: it ends within its header ({size:,} bytes); download it again")
        if length > _LONGEST_HEADER:
            raise CheckpointError("is no model file: its header is far too long")
        text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError("is no model file, or damaged: its header can't be read; download it again") from error
    if not isinstance(header, dict):
        raise CheckpointError("is no model file, or damaged: its header can't be read; download it again")
    metadata = header.pop("__metadata__", None)
    tensors: dict[str, Stored] = {}
    numbers = size - 8 - length
    last = 0
    for name, entry in header.items():
        if not isinstance(entry, dict):
            told = f"{name}: {entry}" if isinstance(entry, (str, int)) else name
            raise CheckpointError(f"holds no tensors but an answer of a server ({told[:80]!r}): download it again")
        tensors[name], end = _tensor(path, name, entry, 8 + length, numbers)
        last = max(last, end)
    if last < numbers:
        raise CheckpointError(
            f"is damaged: it has {numbers - last:,} bytes more than its header describes; download it again"
        )
    return tensors, _texts(metadata if isinstance(metadata, dict) else {})


def _texts(metadata: dict[str, Any]) -> dict[str, str]:
    """The format has texts only. What else is there is not passed over as if it were absent: its type stands for it."""
    return {
        key: value if isinstance(value, str) else f"({type(value).__name__})"
        for key, value in metadata.items()
        if value is not None
    }


def _tensor(path: Path, name: str, entry: dict[str, Any], start: int, numbers: int) -> tuple[Stored, int]:
    """A tensor, and where it ends within the numbers."""
    kind, shape, span = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if (
        not (isinstance(kind, str) and isinstance(shape, list) and isinstance(span, list))
        or len(span) != 2
        or any(type(number) is not int or not 0 <= number < 1 << 48 for number in (*shape, *span))
    ):
        raise CheckpointError(f"is damaged: its header does not describe the tensor '{name[:80]}'; download it again")
    first, end = span
    if end > numbers:
        raise CheckpointError(
            f"is incomplete: it has {start + numbers:,} bytes of at least {start + end:,}; download it again"
        )
    dtype = getattr(torch, _DTYPES.get(kind, ""), None)
    if dtype is None:
        told = f"has a tensor '{name[:80]}' of the unknown kind {kind[:20]}, which FFCLIP does not compute with"
        return unreadable(tuple(shape), torch.float32, told), end
    count = math.prod(shape)
    if count * dtype.itemsize != end - first:
        raise CheckpointError(
            f"is damaged: '{name[:80]}' has {end - first:,} bytes, but the shape {shape[:8]}; download it again"
        )
    strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    return Storage(path, start + first, count, dtype).tensor(0, tuple(shape), strides), end
