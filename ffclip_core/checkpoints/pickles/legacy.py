"""What torch.save wrote before version 1.6 (and still can): pickles one after the other, then storages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from ...errors import CheckpointError
from ..stored import Storage
from .budget import Budget

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def is_legacy(first: object) -> bool:
    """Whether the first pickle of a file says that torch.save wrote it before version 1.6."""
    return type(first) is int and first == _MAGIC


def read_legacy(
    read_pickle: Callable[..., Any], file: IO[bytes], path: Path, end: int, budget: Budget, inline: bytes | None = None
) -> Any:
    """What stands in such a file, all of it before byte `end`; read_pickle, of machine.py, reads its pickles.

    The first pickle, a magic number, has been read. inline: all of it, where it is a byte string and no file.
    """
    base = 0 if inline is None else None
    if read_pickle(file, path, base=base, budget=budget) != _PROTOCOL:
        raise CheckpointError("is damaged or incomplete (it is no file of torch.save): download it again")
    machine = read_pickle(file, path, base=base, budget=budget)
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise CheckpointError("was written on a big-endian machine, which FFCLIP does not read")
    known: dict[str, Storage] = {}

    def storage(key: str, count: int, dtype: torch.dtype) -> Storage:
        found = known.setdefault(key, Storage(path if inline is None else inline, -1, count, dtype))
        if (found.count, found.dtype) != (count, dtype):
            raise CheckpointError("is damaged: it describes a storage in two ways")
        return found

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
