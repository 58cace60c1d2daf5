"""Zip archives of torch.save (since 1.6) and of TorchScript, as they are written or as people pack them again."""

from __future__ import annotations

import errno
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from .pickles import Budget, read_pickle
from .stored import Entry, Storage

_MOST_ENTRIES = 100_000
_PROGRAM = "data.pkl"
_MODELS = (".pt", ".pth", ".pkl", ".bin", ".ckpt", ".safetensors", ".sft")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_archive(path: Path) -> tuple[Any, int]:
    """What the archive's pickle holds, and how many bytes its entries take when they are unpacked.

    Raises CheckpointError for an archive that holds no pickle of PyTorch's, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _entries(path, archive)
    except CheckpointError:
        raise
    except MemoryError:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # A directory that points to before the file's begin.
            raise
        raise CheckpointError("is damaged (its archive can't be read): download it again") from error
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            "is incomplete, or damaged: the directory at the end of its archive is not there or can't be read; "
            f"download it again (it has {path.stat().st_size:,} bytes)"
        ) from error
    except Exception as error:  # zipfile raises many kinds.
        raise CheckpointError("is damaged (its archive can't be read): download it again") from error
    root = _root(entries)
    order = entries.get(f"{root}byteorder")
    if order is not None and (order.file_size > 16 or _entry(path, order).read() != b"little"):
        raise CheckpointError("was written on a big-endian machine, which FFCLIP does not read")
    budget = Budget(path.stat().st_size)
    known: dict[str, Entry] = {}

    def storage(key: str, count: int, dtype: torch.dtype) -> Storage:
        if key not in known:
            found = entries.get(f"{root}data/{key}")
            if found is None:
                raise CheckpointError("is damaged: it lacks numbers that it names; download it again")
            known[key] = _entry(path, found)
        if known[key].length < count * dtype.itemsize:
            raise CheckpointError("is damaged: it lacks numbers that it names; download it again")
        return Storage(known[key], 0, count, dtype)

    program = _entry(path, entries[f"{root}{_PROGRAM}"])
    if program.packed is None:
        program.read_into(memoryview(bytearray(0)), 0)  # Checks it.
        with path.open("rb") as file:
            file.seek(program.position)
            tree = read_pickle(file, path, storage, 0, budget)
    else:
        budget.charge(2 * program.length)
        tree = read_pickle(io.BytesIO(program.read()), path, storage, None, budget)
    return tree, max(path.stat().st_size, sum(entry.length for entry in known.values()))


def _entries(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.filename.replace("\\", "/")  # Some programs on Windows write them so.
        if len(entries) > max(_MOST_ENTRIES, path.stat().st_size // 100) or name in entries:
            raise CheckpointError("is no model file: its archive has far too many entries, or one name twice")
        if name.startswith("/") or ".." in name.split("/"):
            raise CheckpointError("is no model file: a name in its archive leads out of it")
        if not name.startswith("__MACOSX/"):
            entries[name] = entry
    return entries


def _root(entries: dict[str, zipfile.ZipInfo]) -> str:
    """The folder in the archive that the one model in it lies in, with its slash."""
    roots = [name.removesuffix(_PROGRAM) for name in entries if name == _PROGRAM or name.endswith("/" + _PROGRAM)]
    if len(roots) == 1:
        return roots[0]
    files = [name for name in entries if not name.endswith("/")]
    models = [name for name in files if name.lower().endswith(_MODELS) and not name.endswith("/" + _PROGRAM)]
    if models:
        more = f" and {len(models) - 1} more" if len(models) > 1 else ""
        raise CheckpointError(
            f"is a zip archive that holds '{models[0][-60:]}'{more}: unpack it and choose the model in it"
        )
    if files and all(name.endswith(".npy") for name in files):
        raise CheckpointError("is an archive of NumPy arrays (.npz), which holds no model that FFCLIP knows")
    if any(name.endswith((".data/extern_modules", "extern_modules")) for name in files):
        raise CheckpointError("is a package of torch.package, whose programs FFCLIP does not run: get its state dict")
    if "config.json" in entries and "model.weights.h5" in entries:
        raise CheckpointError("is a model of Keras, not of PyTorch: FFCLIP has no use for it")
    some = f" (it holds '{files[0][-60:]}')" if files else ""
    raise CheckpointError(f"is a zip archive, but no model file{some}: unpack it, and choose a model in it")


def _entry(path: Path, entry: zipfile.ZipInfo) -> Entry:
    """Where the bytes of an entry are. Raises CheckpointError."""
    if entry.flag_bits & 1:
        raise CheckpointError("is an archive with a password: unpack it and choose the model in it")
    if entry.compress_type not in _METHODS:
        raise CheckpointError("is an archive that is packed in an unusual way: unpack it, and choose the model in it")
    packed = entry.compress_size if entry.compress_type == zipfile.ZIP_DEFLATED else None
    if packed is None and entry.compress_size != entry.file_size:
        raise CheckpointError("is damaged: an entry of its archive has two sizes; download it again")
    size = path.stat().st_size
    if not 0 <= entry.header_offset <= size - 30:
        raise CheckpointError("is damaged: its archive points to nowhere; download it again")
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise CheckpointError("is damaged: its archive points to nowhere; download it again")
    name, extra = struct.unpack("<HH", header[26:30])
    position = entry.header_offset + 30 + name + extra
    if position + entry.compress_size > size:
        raise CheckpointError("is incomplete: it ends before its numbers do; download it again")
    # Deflate makes no more of a byte.
    if packed is not None and entry.file_size > 1032 * packed + 64:
        raise CheckpointError("is damaged: an entry of its archive has two sizes; download it again")
    return Entry(path, position, entry.file_size, entry.CRC, packed)
