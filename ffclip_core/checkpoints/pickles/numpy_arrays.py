"""NumPy's arrays and numbers in pickles."""

from __future__ import annotations

import math
import struct
from typing import Any

import torch

from ...errors import CheckpointError
from ..stored import Storage, Stored, unreadable
from .values import FileBytes, Object

_DTYPES = {
    "f8": torch.float64,
    "f4": torch.float32,
    "f2": torch.float16,
    "i8": torch.int64,
    "i4": torch.int32,
    "i2": torch.int16,
    "i1": torch.int8,
    "u1": torch.uint8,
    "b1": torch.bool,
}
# The same numbers for struct: NumPy's own functions would take seconds for a long list of losses.
_LETTERS = {
    "f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I", "u2": "H",
    "u1": "B", "b1": "?",
}  # fmt: skip
_ARRAY, _DTYPE = "numpy.ndarray", "numpy.dtype"


def as_stored(value: object) -> Stored | None:
    """The tensor that a value is, whether of PyTorch's or NumPy's; None if it is none, or an array of no numbers."""
    if isinstance(value, Stored):
        return value
    if not (isinstance(value, Object) and value.kind == _ARRAY and isinstance(value.state, tuple)):
        return None
    if len(value.state) != 5 or not isinstance(value.state[1], tuple):
        return None
    _, shape, dtype, fortran, data = value.state
    name, order = _kind(dtype)
    kind = _DTYPES.get(name)
    data = data.encode("latin1") if isinstance(data, str) and data.isascii() else data  # Python 2's byte strings.
    if kind is None or not isinstance(data, (bytes, FileBytes)):
        return None
    if any(type(length) is not int or length < 0 for length in shape):
        raise CheckpointError("is damaged: it has a NumPy array of an unknown kind")
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    if isinstance(fortran, tuple):
        if any(type(axis) is not int for axis in fortran) or sorted(fortran) != [*range(len(shape))]:
            raise CheckpointError("is damaged: it has a NumPy array of an unknown kind")
        shape, steps = tuple(shape[axis] for axis in fortran), [steps[axis] for axis in fortran]
    elif fortran:
        steps = [math.prod(shape[:i]) for i in range(len(shape))]
    if order == ">":
        return unreadable(shape, kind, "has NumPy arrays of a big-endian machine, which FFCLIP does not read")
    if isinstance(data, FileBytes):
        storage = Storage(data.path, data.position, data.length // kind.itemsize, kind)
    else:
        storage = Storage(data, 0, len(data) // kind.itemsize, kind)
    return storage.tensor(0, shape, tuple(steps))


def _kind(dtype: object) -> tuple[str, str]:
    """NumPy's name of a dtype and its byte order; no name for what is none."""
    if not (isinstance(dtype, Object) and dtype.kind == _DTYPE and dtype.arguments):
        return "", ""
    name, state = dtype.arguments[0], dtype.state
    order = state[1] if isinstance(state, tuple) and len(state) > 1 else "<"
    return (name, order) if isinstance(name, str) and isinstance(order, str) else ("", "")


def empty(*_arguments: Any) -> Object:
    """numpy.core.multiarray._reconstruct: an array whose state follows."""
    return Object(_ARRAY)


def scalar(dtype: Any, data: Any = b"") -> Any:
    """A number as Python's own. Raises ValueError for one of another kind."""
    name, order = _kind(dtype)
    data = data.encode("latin1") if isinstance(data, str) else data
    if name not in _LETTERS or not isinstance(data, bytes) or len(data) != int(name[1]):
        raise ValueError("no plain number")
    return struct.unpack((">" if order == ">" else "<") + _LETTERS[name], data)[0]


def in_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C", axes: Any = None) -> Object:
    """How protocol 5 stores an array; since NumPy 2.4 also one of other strides, as it lies in memory and the axes by
    which to transpose it."""
    return Object(_ARRAY, state=(1, shape, dtype, axes if order == "K" else order == "F", data))
