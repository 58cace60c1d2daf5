"""PyTorch's tensors in pickles: what their functions make, of storages whose numbers stay in the file."""

from __future__ import annotations

from typing import Any

import torch

from ..stored import Storage, Stored, unreadable
from .numpy_arrays import as_stored
from .values import Name, Object

_KINDS = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "QInt8": "qint8",
    "QUInt8": "quint8",
    "QInt32": "qint32",
    "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4",
}
# Storages without a kind of numbers of their own count bytes.
_UNTYPED = {"torch.storage.UntypedStorage", "torch.UntypedStorage", "torch.storage._UntypedStorage"}


def storage_dtype(kind: object) -> torch.dtype | None:
    """What a storage of this class holds; None if it is none that is known."""
    if not isinstance(kind, Name):
        return None
    if kind.name in _UNTYPED:
        return torch.uint8
    name = kind.name.removeprefix("torch.").removeprefix("cuda.")
    return getattr(torch, _KINDS.get(name.removesuffix("Storage"), ""), None) if name.endswith("Storage") else None


def dtype_of(value: object) -> torch.dtype | None:
    """The torch.dtype that a name in the file stands for."""
    name = value.name.removeprefix("torch.") if isinstance(value, Name) else ""
    found = getattr(torch, name, None) if name.isidentifier() and not name.startswith("_") else None
    return found if isinstance(found, torch.dtype) else None


def plain(storage: Any, offset: Any, shape: Any, strides: Any, *_rest: Any) -> Stored:
    """_rebuild_tensor and _rebuild_tensor_v2."""
    if not isinstance(storage, Storage):
        raise ValueError("a storage of an unknown kind")
    return storage.tensor(offset, tuple(shape), tuple(strides))


def of_bytes(storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, kind: Any, *_: Any) -> Any:
    """_rebuild_tensor_v3: a kind of numbers that has no class of storages."""
    dtype = dtype_of(kind)
    if not isinstance(storage, Storage) or dtype is None:
        raise ValueError("of a kind that this PyTorch lacks")
    return storage.seen_as(dtype).tensor(offset, tuple(shape), tuple(strides))


def sparse(layout: Any, data: Any, *_rest: Any) -> Stored:
    """Raises ValueError for what is no sparse tensor."""
    inner = [part for part in data if isinstance(part, Stored)]
    sizes = [part for part in data if isinstance(part, tuple)]
    return unreadable(_shape(sizes[-1] if sizes else ()), inner[-1].dtype, "has sparse tensors, which FFCLIP lacks")


def quantised(_storage: Any, _offset: Any, shape: Any, *_rest: Any) -> Stored:
    return unreadable(_shape(shape), torch.float32, "has quantised tensors: choose the file that is not quantised")


def meta(kind: Any, shape: Any, *_rest: Any) -> Stored:
    return unreadable(
        _shape(shape), dtype_of(kind) or torch.float32, "was saved without its numbers (on the meta device)"
    )


def first(value: Any, *_rest: Any) -> Any:
    """What wraps a tensor, such as a Parameter. Raises ValueError where it wraps none."""
    if not isinstance(value, (Stored, Object)):
        raise ValueError("no tensor in it")
    return value


def of_array(array: Any, *_rest: Any) -> Any:
    """A tensor of another device, as an array of NumPy's."""
    return as_stored(array) or first(array)


def of_type(function: Any, _kind: Any, arguments: Any, *_rest: Any) -> Any:
    """A tensor of a class derived from torch's: the tensor, without what the class adds."""
    if not isinstance(function, Name) or function.function is None or type(arguments) is not tuple:
        raise ValueError("of an unknown function")
    return function.function(*arguments)


def _shape(shape: Any) -> tuple[int, ...]:
    """Raises ValueError for what is no shape."""
    if type(shape) not in (tuple, list) or len(shape) > 64:
        raise ValueError("no shape")
    if any(type(length) is not int or not 0 <= length < 1 << 48 for length in shape):
        raise ValueError("no shape")
    return tuple(shape)
