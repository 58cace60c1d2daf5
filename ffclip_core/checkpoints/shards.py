"""Models in several files: an index of JSON ("model.safetensors.index.json") with its shards, or numbered shards alone.

Choosing the index or any of the shards means all of them. Source: the files that Hugging Face's libraries write, whose
index has "weight_map", from a tensor's name to the file that it is in.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..errors import CheckpointError

_INDEX = ".index.json"
_LONGEST_INDEX = 64 << 20
_MOST_SHARDS = 1000
_NUMBERED = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.[A-Za-z]+)")


def find_shards(path: Path) -> tuple[list[Path], dict[str, str] | None] | None:
    """The files of the model that this file belongs to, and by the index which tensor is in which; None for a model in
    one file, or for what is none.

    Raises CheckpointError (half a sentence) for a shard that is not there and for an index that leads elsewhere.
    """
    if path.name.endswith(_INDEX):
        return _of_index(path)
    numbered = _NUMBERED.fullmatch(path.name)
    if not numbered:
        return None
    name, _, last, kind = numbered.groups()
    for index in (path.with_name(f"{name}{kind}{_INDEX}"), path.with_name(f"{name}{_INDEX}")):
        if index.is_file():
            found = _of_index(index)
            if found and path in found[0]:
                return found
    count = int(last)
    if not 1 <= count <= _MOST_SHARDS:
        return None
    shards = [path.with_name(f"{name}-{i:05d}-of-{last}{kind}") for i in range(1, count + 1)]
    if path not in shards:
        return None
    _check(shards, "of the same model")
    return shards, None


def _of_index(path: Path) -> tuple[list[Path], dict[str, str]] | None:
    if path.stat().st_size > _LONGEST_INDEX:
        return None
    try:
        index = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not names or any(not isinstance(name, str) for name in names.values()):
        return None
    files = sorted(set(names.values()))
    for name in files:
        # Shards lie beside their index.
        if not name or name in (".", "..") or any(sign in name for sign in "/\\:\0"):
            raise CheckpointError(f"is no index of a model: it leads to '{name[:80]}', which is outside of its folder")
    if len(files) > _MOST_SHARDS:
        raise CheckpointError(f"is no index of a model: it names {len(files):,} files")
    shards = [path.with_name(name) for name in files]
    _check(shards, "that its index names")
    return shards, names


def _check(shards: list[Path], which: str) -> None:
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CheckpointError(
            f"is one of {len(shards)} files {which}, of which '{missing[0][:80]}'{more} is missing: put all of them "
            "into its folder"
        )
