"""Opening a file of any kind: .safetensors, PyTorch's archives old and new, TorchScript, bare pickles.

What a file is follows from its contents, never from its name; reading one runs nothing from it.
"""

from __future__ import annotations

import json
import math
import struct
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..errors import CheckpointError
from .pickles import Budget, is_legacy, read_legacy, read_pickle
from .stored import Storage

_LARGEST_PICKLE = 32 << 20
_MOST_ENTRIES = 100_000
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Contents:
    """What a file holds: dictionaries, lists and inert objects with Stored tensors as leaves; a header's metadata."""

    path: Path
    tree: Any
    metadata: dict[str, str] = field(default_factory=dict)


def read_file(path: str | Path) -> Contents:
    """Everything in a file but the tensors' numbers. Raises CheckpointError, one sentence, if it can't be read."""
    path = Path(path)
    try:
        if not path.is_file():
            raise CheckpointError(f"There is no file {path}: check the name, or put the file there.")
    except (OSError, ValueError) as error:  # A name that no file can have.
        raise CheckpointError(f"There is no file {str(path)[:200]!r}: check the name.") from error
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise CheckpointError(f"{path.name} can't be read ({error.strerror}): look at its permissions.") from error
    try:
        return _read(path, start)
    except CheckpointError as error:
        raise about(path, error) from error
    except Exception as error:  # A damaged file can lead anywhere.
        raise CheckpointError(f"{path.name} is damaged ({type(error).__name__}); get the file again.") from error


def about(path: Path, error: CheckpointError) -> CheckpointError:
    """The sentence about this file; what it quotes from the file may be no plain text."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(error))
    return CheckpointError(f"{path.name} {text}.")


def _read(path: Path, start: bytes) -> Contents:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start:
        raise CheckpointError("is empty: download it again")
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")):
        raise CheckpointError(
            "is a web page saved under a model's name: download the file itself, not the page about it"
        )
    if text.startswith(b"version https://git-lfs"):
        raise CheckpointError("is a git-lfs pointer, not the model: fetch it with 'git lfs pull' or download it")
    if len(start) > 8 and start[8:9] == b"{" and 8 + int.from_bytes(start[:8], "little") <= path.stat().st_size:
        return _read_safetensors(path)
    if start.startswith(b"PK\x03\x04"):
        return Contents(path, _read_archive(path))
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return Contents(path, _read_bare(path))
    raise CheckpointError(f"is no model file, or an incomplete one ({path.stat().st_size:,} bytes): download it again")


def _read_safetensors(path: Path) -> Contents:
    try:
        # The library checks the header; the numbers are read from where it says they are.
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"is no model file, or an incomplete one ({path.stat().st_size:,} bytes): download it again"
        ) from error
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype = _DTYPES.get(entry["dtype"])
        if dtype is None:
            raise CheckpointError(f"has a tensor of the unknown kind {entry['dtype'][:20]}")
        shape, start = tuple(entry["shape"]), 8 + length + entry["data_offsets"][0]
        strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
        tensors[name] = Storage(path, start, math.prod(shape), dtype).tensor(0, shape, strides)
    return Contents(path, tensors, metadata)


def _read_bare(path: Path) -> Any:
    """A file that is a pickle: NVIDIA's, or torch.save's before version 1.6."""
    with path.open("rb") as file:
        budget = Budget()
        first = read_pickle(file, path, budget=budget)
        return read_legacy(file, path, path.stat().st_size, budget) if is_legacy(first) else first


def _read_archive(path: Path) -> Any:
    """A zip archive of torch.save or of TorchScript."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_entries(path, archive)
    except CheckpointError:
        raise
    except Exception as error:  # zipfile raises many kinds.
        raise CheckpointError("is incomplete or damaged (its archive can't be read): download it again") from error


def _read_entries(path: Path, archive: zipfile.ZipFile) -> Any:
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        if len(entries) > _MOST_ENTRIES or entry.filename in entries:
            raise CheckpointError("is no model file: its archive has far too many entries, or one name twice")
        if entry.filename.startswith(("/", "\\")) or ".." in entry.filename:
            raise CheckpointError("is no model file: a name in its archive leads out of it")
        entries[entry.filename] = entry
    roots = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(roots) != 1:
        raise CheckpointError("is a zip archive, but no model file: unpack it and choose a model in it")
    root = roots[0]
    order = entries.get(f"{root}byteorder")
    if order is not None and (_check_plain(order) or order.file_size > 16 or archive.read(order) != b"little"):
        raise CheckpointError("was written on a big-endian machine, which FFCLIP does not read")
    program = entries[f"{root}data.pkl"]
    _check_plain(program)
    if program.file_size > _LARGEST_PICKLE:
        raise CheckpointError("is no model file: its pickle is far too long")
    known: dict[str, Storage] = {}

    def storage(key: str, count: int, dtype: torch.dtype) -> Storage:
        if key not in known:
            entry = entries.get(f"{root}data/{key}")
            if entry is None or entry.file_size < count * dtype.itemsize:
                raise CheckpointError("is damaged: it lacks numbers that it names; download it again")
            _check_plain(entry)
            known[key] = Storage(path, _position(path, entry), count, dtype)
        return known[key]

    with archive.open(program) as file:
        return read_pickle(file, path, storage, _position(path, program))


def _check_plain(entry: zipfile.ZipInfo) -> None:
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size or entry.flag_bits & 1:
        raise CheckpointError(
            "is a compressed archive, which torch.save never writes: unpack it, if it is a zipped model"
        )


def _position(path: Path, entry: zipfile.ZipInfo) -> int:
    """Where the bytes of a stored entry begin."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise CheckpointError("is damaged: its archive points to nowhere; download it again")
        name, extra = struct.unpack("<HH", header[26:30])
        position = entry.header_offset + 30 + name + extra
        if position + entry.file_size > path.stat().st_size:
            raise CheckpointError("is incomplete: it ends before its numbers do; download it again")
        return position
