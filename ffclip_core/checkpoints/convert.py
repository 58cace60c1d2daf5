"""Any model file → FFCLIP's own .safetensors, one per part: smaller, quicker to load, nothing pickled in it.

python -m ffclip.ffclip_core.checkpoints.convert FILE... [--out FOLDER] [--dtype float16] [--overwrite]
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError

from ..errors import CheckpointError, InputError
from . import build, read_parts
from .files import read_file
from .own import check_version, save_part
from .shards import find_shards

DTYPES = {"float16": torch.float16, "float32": torch.float32}


def convert(path: str | Path, folder: str | Path, dtype: str = "float16", overwrite: bool = False) -> list[Path]:
    """Write every part of a file as <its name>-<part>.safetensors into the folder; the paths of the results.

    dtype: "float16" or "float32". The header says which file it was (SHA-256) and of which layout. What an earlier
    conversion of the same file to the same dtype left is kept as it is. Raises CheckpointError for a file that can't be
    read, for one to be written that is there already unless `overwrite`, and where nothing can be written.
    """
    if dtype not in DTYPES:
        raise InputError(f"The dtype is {' or '.join(DTYPES)}, not '{dtype}'.")
    path, folder = Path(path), Path(folder)
    parts = read_parts(path)
    results = {kind: _target(path, folder, kind) for kind in parts}
    about = {"source_sha256": _digest(path), "dtype": dtype}
    if not overwrite:
        results_there = [target for target in results.values() if target.exists()]
        taken = [target for target in results_there if not _is_result(target, about)]
        if taken:
            raise CheckpointError(f"{taken[0]} exists: move it away, or allow overwriting, which the source never is.")
    elif any(target.exists() and target.samefile(path) for target in results.values()):
        raise CheckpointError(f"{path} is the source, which is never overwritten: choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, part in parts.items():
            if not overwrite and results[kind].exists():
                continue
            network = build(path, parts, kind)
            # Under its own name only when it is whole.
            with tempfile.TemporaryDirectory(dir=folder, prefix=".ffclip-") as place:
                new = Path(place) / results[kind].name
                save_part(new, network, DTYPES[dtype], about | {"source_layout": part.layout})
                new.replace(results[kind])
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CheckpointError(
            f"{folder} can't be written to ({reason}): choose another folder, or make room and allow writing there."
        ) from error
    return list(results.values())


def targets(path: str | Path, folder: str | Path) -> list[Path]:
    """Where convert() puts the parts of a file. Raises CheckpointError for a file that can't be read."""
    return [_target(Path(path), Path(folder), kind) for kind in read_parts(path)]


def _target(path: Path, folder: Path, kind: str) -> Path:
    return folder / f"{path.stem}-{kind}.safetensors"


def _digest(path: Path) -> str:
    """Of a file's bytes; of a model in several files, of all of them."""
    digest = hashlib.sha256()
    shards = find_shards(path)
    try:
        for place in [path] if shards is None else sorted({path, *shards[0]}):
            with place.open("rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
    except OSError as error:
        raise CheckpointError(f"{path.name} can't be read ({error.strerror}): look at its permissions.") from error
    return digest.hexdigest()


def _is_result(target: Path, about: dict[str, str]) -> bool:
    """Whether a file is what an earlier conversion of the same source to the same dtype made, and can be read here."""
    try:
        metadata = read_file(target).metadata
        check_version(metadata)
    except CheckpointError:
        return False
    return all(metadata.get(key) == value for key, value in about.items())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--out", type=Path, help="the folder to write into (default: that of each file)")
    parser.add_argument("--dtype", choices=DTYPES, default="float16", help="how weights are stored (default: float16)")
    parser.add_argument("--overwrite", action="store_true", help="replace files of the same names")
    arguments = parser.parse_args()
    for path in arguments.files:
        try:
            written = convert(path, arguments.out or path.parent, arguments.dtype, arguments.overwrite)
        except (CheckpointError, InputError) as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
        print(*written, sep="\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
