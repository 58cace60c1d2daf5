"""Opening a file of any kind: .safetensors, PyTorch's archives old and new, TorchScript, bare pickles, and models in
several files.

What a file is follows from its contents, never from its name; reading one runs nothing from it.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from .archive import read_archive
from .foreign_files import name_foreign, name_foreign_object
from .pickles import Budget, ForbiddenNameError, is_legacy, read_legacy, read_pickle
from .safetensors_file import looks_like_safetensors, read_safetensors
from .shards import find_shards

_START = 4096  # Bytes by which a file is told.
_PERMISSIONS = (errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class Contents:
    """What a file holds: dictionaries, lists and inert objects with Stored tensors as leaves; a header's metadata.

    size: of the file in bytes, or of all files of the model, unpacked; tensors that need much more repeat themselves.
    """

    path: Path
    tree: Any
    metadata: dict[str, str] = field(default_factory=dict)
    size: int = 0


def read_file(path: str | Path) -> Contents:
    """Everything in a file but the tensors' numbers; of a model in several files (with an index, or numbered), of all.

    Raises CheckpointError, one sentence: on what is wrong with the file, on what it is instead of a model, or on what
    is wrong with the machine that can't read it.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise CheckpointError(f"There is no file {path}: check the name, or put the file there.")
    except (OSError, ValueError) as error:  # A name that no file can have.
        raise CheckpointError(f"There is no file {str(path)[:200]!r}: check the name.") from error
    try:
        shards = find_shards(path)
        return _merged(path, *shards) if shards else _read(path)
    except CheckpointError as error:
        raise about(path, error) from error
    except (OSError, MemoryError) as error:
        raise machine_fault(path, error) from error
    except Exception as error:  # A damaged file can lead anywhere.
        raise CheckpointError(f"{path.name} is damaged ({type(error).__name__}); get the file again.") from error


def about(path: Path, error: CheckpointError) -> CheckpointError:
    """The sentence about this file; what it quotes from the file may be no plain text."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(error))
    return CheckpointError(f"{path.name} {text}.")


def machine_fault(path: Path, error: OSError | MemoryError) -> CheckpointError:
    """The sentence on a file that may well be sound, but which this machine can't read."""
    if isinstance(error, MemoryError):
        return CheckpointError(f"{path.name} does not fit in memory: close other programs.")
    if error.errno == errno.ENOMEM:
        return CheckpointError(f"{path.name} does not fit in memory ({error.strerror}): close other programs.")
    way_out = "look at its permissions" if error.errno in _PERMISSIONS else "look at the disk that it is on, and retry"
    return CheckpointError(f"{path.name} can't be read ({error.strerror or type(error).__name__}): {way_out}.")


def _merged(path: Path, shards: list[Path], names: dict[str, str] | None) -> Contents:
    """The tensors of all shards of a model; names: which of them the index expects in which shard."""
    tree: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    size = 0
    for shard in shards:
        try:
            found = _read(shard)
        except CheckpointError as error:
            raise CheckpointError(f"needs {shard.name}, which {error}") from error
        if not isinstance(found.tree, dict):
            raise CheckpointError(f"needs {shard.name}, which holds no tensors by name: download it again")
        wanted = found.tree if names is None else {key: value for key, value in found.tree.items() if key in names}
        twice = tree.keys() & wanted.keys()
        if names is not None:
            wanted = {key: value for key, value in wanted.items() if names[key] == shard.name}
        elif twice:
            raise CheckpointError(f"is damaged: '{str(min(twice, key=str))[:80]}' is in two of its files")
        tree |= wanted
        metadata = {**found.metadata, **metadata}
        size += found.size
    for name, shard in sorted((names or {}).items()):
        if name not in tree:
            raise CheckpointError(
                f"is incomplete: '{name[:80]}' is not in {shard[:80]}, where its index has it; download both again"
            )
    return Contents(path, tree, metadata, size)


def _read(path: Path) -> Contents:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_START)
    if looks_like_safetensors(start, size):
        tensors, metadata = read_safetensors(path)
        return Contents(path, tensors, metadata, size)
    if start.startswith(b"PK\x03\x04"):
        tree, unpacked = read_archive(path)
    elif start[:1] == b"\x80" and start[1:2] <= b"\x05":
        tree, unpacked = _read_bare(path), size
    elif (tree := _read_old(path, start)) is not None:
        unpacked = size
    else:
        raise CheckpointError(name_foreign(path, start, size))
    what = name_foreign_object(tree)
    if what:
        raise CheckpointError(what)
    return Contents(path, tree, size=unpacked)


def _read_bare(path: Path) -> Any:
    """A file that is a pickle: NVIDIA's, or torch.save's before version 1.6."""
    size = path.stat().st_size
    with path.open("rb") as file:
        budget = Budget(size)
        first = read_pickle(file, path, budget=budget)
        return read_legacy(read_pickle, file, path, size, budget) if is_legacy(first) else first


def _read_old(path: Path, start: bytes) -> Any:
    """A pickle of protocol 0 or 1, which nothing marks as one; None for a file that is none."""
    if start[:1] not in (b"(", b"]", b"}", b"c", b"l", b"L"):
        return None
    try:
        tree = _read_bare(path)
    except ForbiddenNameError:
        raise
    except CheckpointError:
        return None
    return tree if isinstance(tree, (dict, list, tuple)) or hasattr(tree, "kind") else None
