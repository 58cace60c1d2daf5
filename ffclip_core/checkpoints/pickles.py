"""A restricted reader of pickles: what checkpoints are made of, and nothing that runs code.

A pickle is a program for a small machine, and some of its instructions call what the file names. Here a name stands
either for one of the few harmless functions below or for a foreign class, of which nothing but inert Objects are made;
every other name is refused. No module is imported, no foreign method is called, and what a file merely declares to be
large takes no memory.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import torch

from ..errors import CheckpointError
from .stored import Storage, Stored

_MOST_INSTRUCTIONS = 300_000
_LONGEST = 64 << 20  # No string, and no frame of a pickle, is longer.
_LEFT_IN_FILE = 1 << 16  # Byte strings from this size on are not read.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


@dataclass(eq=False)
class Object:
    """An instance of a foreign class: its name, what it was made from, and what it holds."""

    kind: str
    arguments: tuple = ()
    state: Any = None
    items: dict = field(default_factory=dict)


@dataclass(frozen=True)
class FileBytes:
    """A byte string that was left in the file."""

    path: Path
    position: int
    length: int


@dataclass(frozen=True)
class _Name:
    """What the file calls by name. function makes what a call of it gives, None if it is not to be called."""

    name: str
    function: Callable[..., Any] | None = None


_DTYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
_BUILTINS = ("builtins", "__builtin__")
_TYPES = ("bool", "bytes", "complex", "float", "int", "list", "long", "object", "str", "tuple", "unicode")
_STORAGES = {f"torch.{name}Storage": dtype for name, dtype in _DTYPES.items()}
_FOREIGN = {
    "argparse.Namespace",
    "collections.Counter",
    "collections.defaultdict",
    "datetime.datetime",
    "dnnlib.tflib.network.Network",
    "dnnlib.util.EasyDict",
    "numpy.dtype",
    "numpy.ndarray",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    *(f"{place}.{name}" for place in ("pathlib", "pathlib._local") for name in ("PosixPath", "WindowsPath")),
    "types.SimpleNamespace",
    *(f"torch.{name}" for name in ("float16", "float32", "float64", "bfloat16", "int64", "uint8")),
    "torch.device",
    "torch.Size",
    "torch_utils.persistence._reconstruct_persistent_obj",
    "typing.Any",
    *(f"{module}.{name}" for module in _BUILTINS for name in _TYPES),
}
_NUMPY = {
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


def as_stored(value: object) -> Stored | None:
    """The tensor that a value is, whether of PyTorch's or NumPy's; None if it is none."""
    if isinstance(value, Stored):
        return value
    if not (isinstance(value, Object) and value.kind == "numpy.ndarray" and isinstance(value.state, tuple)):
        return None
    if len(value.state) != 5 or not isinstance(value.state[1], tuple):
        raise CheckpointError("is damaged: it has a NumPy array that is none")
    _, shape, dtype, fortran, data = value.state
    kind = _NUMPY.get(_numpy_kind(dtype))
    if kind is None or not isinstance(data, (bytes, FileBytes)) or any(type(length) is not int for length in shape):
        raise CheckpointError("is damaged: it has a NumPy array of an unknown kind")
    steps = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    if isinstance(fortran, tuple):
        if any(type(axis) is not int for axis in fortran) or sorted(fortran) != [*range(len(shape))]:
            raise CheckpointError("is damaged: it has a NumPy array of an unknown kind")
        shape, steps = tuple(shape[axis] for axis in fortran), [steps[axis] for axis in fortran]
    elif fortran:
        steps = [math.prod(shape[:i]) for i in range(len(shape))]
    if isinstance(data, FileBytes):
        storage = Storage(data.path, data.position, data.length // kind.itemsize, kind)
    else:
        storage = Storage(data, 0, len(data) // kind.itemsize, kind)
    return storage.tensor(0, shape, tuple(steps))


def as_dict(value: object) -> dict | None:
    """What a dictionary, or an object of a foreign class, holds by name; None for anything else."""
    if isinstance(value, Object):
        return value.state if isinstance(value.state, dict) else value.items
    return value if isinstance(value, dict) else None


def read_pickle(
    file: IO[bytes],
    path: Path,
    storages: Storages | None = None,
    base: int | None = 0,
    budget: Budget | None = None,
) -> Any:
    """The pickle that begins at the file's position; storages gives the storages that it names.

    base: where in the file at `path` this file's bytes begin, None if they don't stand there as they are. Raises
    CheckpointError for a name that is not allowed and for whatever else is wrong.
    """
    try:
        return _Reader(_Bounded(file), path, storages, base, budget or Budget()).load()
    except CheckpointError:
        raise
    except Exception as error:  # A damaged file can make anything of the machine.
        raise CheckpointError("is damaged or incomplete (its pickle can't be read): download it again") from error


def read_legacy(file: IO[bytes], path: Path, end: int, budget: Budget, inline: bytes | None = None) -> Any:
    """What torch.save wrote before version 1.6: pickles one after the other, then storages, all before byte `end`.

    The first pickle, a magic number, has been read. inline: all of it, where it is a byte string and no file.
    """
    base = 0 if inline is None else None
    if read_pickle(file, path, base=base, budget=budget) != _PROTOCOL:
        raise CheckpointError("is damaged or incomplete (it is no file of torch.save): download it again")
    read_pickle(file, path, base=base, budget=budget)  # Byte order and the sizes of integers.
    known: dict[str, Storage] = {}

    def storage(key: str, count: int, dtype: torch.dtype) -> Storage:
        return known.setdefault(key, Storage(path if inline is None else inline, -1, count, dtype))

    result = read_pickle(file, path, storage, base, budget)
    keys = read_pickle(file, path, base=base, budget=budget)
    if not isinstance(keys, list) or any(type(key) is not str for key in keys) or set(keys) != known.keys():
        raise CheckpointError("is damaged: its storages are not those that it describes")
    for key in keys:
        found = known[key]
        count = int.from_bytes(file.read(8), "little")
        found.position = file.tell()
        if count != found.count or found.position + count * found.dtype.itemsize > end:
            raise CheckpointError("is incomplete: it ends before its numbers do; download it again")
        file.seek(found.position + count * found.dtype.itemsize)
    return result


def is_legacy(first: object) -> bool:
    """Whether the first pickle of a file says that torch.save wrote it before version 1.6."""
    return type(first) is int and first == _MAGIC


class Budget:
    """How much work a file may still ask for, over all pickles in it."""

    def __init__(self, left: int = _MOST_INSTRUCTIONS) -> None:
        self.left = left
        self.nested = 0

    def charge(self, work: int = 1) -> None:
        self.left -= work
        if self.left < 0:
            raise CheckpointError(f"is no model file: its pickle has more than {_MOST_INSTRUCTIONS:,} instructions")


Storages = Callable[[str, int, torch.dtype], Storage]


class _Bounded:
    """A file from which nothing very long is read at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def read(self, count: int) -> bytes:
        if count > _LONGEST:
            raise CheckpointError(f"is damaged: it declares a text of {count:,} bytes")
        return self.file.read(count)

    def readline(self) -> bytes:
        return self.file.readline(4096)

    def readinto(self, room: bytearray) -> int:
        data = self.read(len(room))
        room[: len(data)] = data
        return len(data)


class _Instructions(dict):
    """The machine's instructions; looking one up charges the budget."""

    budget: Budget

    def __getitem__(self, code: int) -> Callable[[Any], None]:
        self.budget.charge()
        return super().__getitem__(code)


_Unpickler: Any = pickle._Unpickler  # pyright: ignore[reportAttributeAccessIssue]


class _Reader(_Unpickler):
    """Python's own unpickler with every instruction replaced that could reach an object's methods."""

    def __init__(self, file: _Bounded, path: Path, storages: Storages | None, base: int | None, budget: Budget) -> None:
        super().__init__(file)
        self.source, self.path, self.storages, self.base, self.budget = file.file, path, storages, base, budget
        self.dispatch = _Instructions(self.dispatch)
        self.dispatch.budget = budget
        replaced = {
            "REDUCE": self._reduce,
            "NEWOBJ": self._new,
            "BUILD": self._build,
            "SETITEM": self._set_item,
            "SETITEMS": self._set_items,
            "APPEND": self._append,
            "APPENDS": self._append_all,
            "ADDITEMS": self._add_items,
            "FROZENSET": self._frozen_set,
            "DICT": self._dict,
            "BINBYTES": lambda: self._bytes(4),
            "BINBYTES8": lambda: self._bytes(8),
            "BYTEARRAY8": lambda: self._bytes(8),
            **dict.fromkeys(("NEWOBJ_EX", "OBJ", "INST", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER"), self._refuse),
        }
        for name, method in replaced.items():
            self.dispatch[getattr(pickle, name)[0]] = lambda _, method=method: method()

    def find_class(self, module: str, name: str) -> _Name:
        full = f"{module}.{name}"
        if full in _STORAGES or full in _FOREIGN or (module + ".").startswith("__torch__."):
            return _Name(full)
        if full in _FUNCTIONS:
            return _Name(full, _FUNCTIONS[full])
        if full == "torch.storage._load_from_bytes":
            return _Name(full, self._storage_in_bytes)
        raise CheckpointError(
            f"names '{full[:80]}', which no model file needs and which may be an attack (nothing was run): get the "
            "file from its authors"
        )

    def persistent_load(self, pid: Any) -> Storage:
        if self.storages is None or not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise CheckpointError("is damaged: it refers to something outside of it")
        _, kind, key, _, count = pid[:5]
        dtype = _STORAGES.get(kind.name) if isinstance(kind, _Name) else None
        if dtype is None or type(key) is not str or type(count) is not int or count < 0:
            raise CheckpointError("is damaged: it describes a storage of an unknown kind")
        found = self.storages(key, count, dtype)
        if (found.count, found.dtype) != (count, dtype):
            raise CheckpointError("is damaged: it describes a storage in two ways")
        return found

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        name = self.stack[-1]
        if not isinstance(name, _Name) or type(arguments) is not tuple:
            self._refuse()
        # What is copied is paid for.
        self.budget.charge(sum(len(item) for item in arguments if isinstance(item, (list, tuple, str, bytes))) // 8)
        self.stack[-1] = name.function(*arguments) if name.function else Object(name.name, arguments)

    def _new(self) -> None:
        arguments, name = self.stack.pop(), self.stack.pop()
        if not isinstance(name, _Name) or name.function or type(arguments) is not tuple:
            self._refuse()
        self.append(Object(name.name, arguments))

    def _build(self) -> None:
        state, thing = self.stack.pop(), self.stack[-1]
        if isinstance(thing, Object):
            thing.state = state
        elif not isinstance(thing, dict):  # A state dict has a state, its metadata.
            self._refuse()

    def _set(self, target: Any, key: Any, value: Any) -> None:
        target = target.items if isinstance(target, Object) else target
        if type(target) is not dict:
            self._refuse()
        target[_key(key)] = value

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set(self.stack[-1], key, value)

    def _set_items(self) -> None:
        items = self.pop_mark()
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._set(self.stack[-1], key, value)

    def _dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._set(self.stack[-1], key, value)

    def _append(self) -> None:
        value = self.stack.pop()
        self._extend([value])

    def _append_all(self) -> None:
        self._extend(self.pop_mark())

    def _extend(self, values: list) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            self._refuse()
        target.extend(values)

    def _add_items(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if type(target) is not set:
            self._refuse()
        target.update(map(_key, items))

    def _frozen_set(self) -> None:
        self.append(frozenset(map(_key, self.pop_mark())))

    def _bytes(self, width: int) -> None:
        length = int.from_bytes(self.read(width), "little")
        if length < _LEFT_IN_FILE or self.base is None or self._unframer.current_frame:
            self.append(self.read(length))
            return
        position = self.source.tell()
        if self.source.seek(0, io.SEEK_END) < position + length:
            raise CheckpointError("is incomplete: it ends within its numbers; download it again")
        self.source.seek(position + length)
        self.append(FileBytes(self.path, self.base + position, length))

    def _storage_in_bytes(self, data: Any) -> Any:
        if self.budget.nested or not isinstance(data, (bytes, FileBytes)):
            self._refuse()
        if isinstance(data, bytes):
            return self._legacy(io.BytesIO(data), len(data), data)
        with data.path.open("rb") as file:
            file.seek(data.position)
            return self._legacy(file, data.position + data.length, None)

    def _legacy(self, file: IO[bytes], end: int, inline: bytes | None) -> Any:
        self.budget.nested += 1
        if not is_legacy(read_pickle(file, self.path, base=None, budget=self.budget)):
            self._refuse()
        result = read_legacy(file, self.path, end, self.budget, inline)
        self.budget.nested -= 1
        return result

    def _refuse(self) -> NoReturn:
        raise CheckpointError("is damaged, or an attack: its pickle uses an instruction that no model file needs")


def _key(key: Any) -> Any:
    """A dictionary's key; nothing whose hash could take forever."""
    if not isinstance(key, (str, int, float, bytes, type(None))):
        raise CheckpointError("is damaged: a name in it is no text and no number")
    return key


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_rest: Any) -> Stored:
    if not isinstance(storage, Storage):
        raise CheckpointError("is damaged: it has a tensor without numbers")
    return storage.tensor(offset, tuple(shape), tuple(strides))


def _dictionary(items: Any = ()) -> dict:
    if type(items) not in (tuple, list):
        raise CheckpointError("is damaged: it has a dictionary of an unknown form")
    return {_key(key): value for key, value in items}


def _set_of(items: Any = ()) -> set:
    if type(items) not in (tuple, list):
        raise CheckpointError("is damaged: it has a set of an unknown form")
    return set(map(_key, items))


def _latin1(text: Any, encoding: Any = "latin1") -> bytes:
    """How protocol 2 stores byte strings."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise CheckpointError("is damaged: it has a byte string of an unknown form")
    return text.encode("latin1")


def _numpy_kind(dtype: Any) -> str:
    """NumPy's name of a plain little-endian dtype."""
    name = dtype.arguments[0] if isinstance(dtype, Object) and dtype.kind == "numpy.dtype" and dtype.arguments else None
    order = dtype.state[1] if name is not None and isinstance(dtype.state, tuple) and len(dtype.state) > 1 else "<"
    if not isinstance(name, str) or name not in _NUMPY or order not in ("<", "|", "="):
        raise CheckpointError("is damaged: it has a NumPy array of an unknown kind")
    return name


def _empty_array(*_arguments: Any) -> Object:
    return Object("numpy.ndarray")


def _numpy_scalar(dtype: Any, data: Any = b"") -> Any:
    return np.frombuffer(data, np.dtype(_numpy_kind(dtype)))[0].item()


def _array_in_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C", axes: Any = None) -> Object:
    """How protocol 5 stores an array; since NumPy 2.4 also one of other strides, as it lies in memory and the axes by
    which to transpose it."""
    return Object("numpy.ndarray", state=(1, shape, dtype, axes if order == "K" else order == "F", data))


def _first(value: Any, *_rest: Any) -> Any:
    return value


def _list_of(items: Any) -> list:
    return list(items) if type(items) in (tuple, list) else []


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": _first,
    "collections.OrderedDict": _dictionary,
    "_codecs.encode": _latin1,
    **{f"{module}.set": _set_of for module in _BUILTINS},
    **{f"{module}.dict": _dictionary for module in _BUILTINS},
    **{f"numpy.{core}.multiarray._reconstruct": _empty_array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _numpy_scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _array_in_buffer for core in ("core", "_core")},
    "torch.jit._pickle.restore_type_tag": _first,
    **{f"torch.jit._pickle.build_{kind}list": _list_of for kind in ("int", "double", "bool", "tensor")},
}
