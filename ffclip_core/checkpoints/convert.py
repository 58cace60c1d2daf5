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

from ..errors import CheckpointError, InputError
from . import build, read_parts
from .own import save_part

DTYPES = {"float16": torch.float16, "float32": torch.float32}


def convert(path: str | Path, folder: str | Path, dtype: str = "float16", overwrite: bool = False) -> list[Path]:
    """Write every part of a file as <its name>-<part>.safetensors into the folder; the paths that were written.

    dtype: "float16" or "float32". The header says which file it was (SHA-256) and of which layout. Raises
    CheckpointError for a file that can't be read, and for one to be written that is there already unless `overwrite`.
    """
    if dtype not in DTYPES:
        raise InputError(f"The dtype is {' or '.join(DTYPES)}, not '{dtype}'.")
    path, folder = Path(path), Path(folder)
    parts = read_parts(path)
    targets = {kind: folder / f"{path.stem}-{kind}.safetensors" for kind in parts}
    for target in targets.values():
        if target.exists() and (not overwrite or target.samefile(path)):
            raise CheckpointError(f"{target} exists: move it away, or allow overwriting, which the source never is.")
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, part in parts.items():
        network = build(path, part)
        about = {"source_sha256": digest.hexdigest(), "source_layout": part.layout}
        # Under its own name only when it is whole.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".ffclip-") as place:
            new = Path(place) / targets[kind].name
            save_part(new, network, DTYPES[dtype], about)
            new.replace(targets[kind])
    return list(targets.values())


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
        except (CheckpointError, InputError, OSError) as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
        print(*written, sep="\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
