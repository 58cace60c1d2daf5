"""Train a family on your own pictures: from pictures to free-text editing.

python run.py train PICTURES OUT [--minutes 30]

PICTURES is a folder or a zip of pictures, with captions beside them (NAME.txt, one per line), or of pairs before and
after an edit (NAME.before.png, NAME.after.png, NAME.txt with what was asked for). OUT becomes a folder with the four
parts of a family, which the nodes load at any time; run again, it goes on. Parts that you have already are given by
their files, in any layout that loads, and only the missing ones are trained.

PICTURES may also be a Python object, as module:name: any source of pictures, or a domain of drawings.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import FFCLIPError, InputError
from ..families import installed_families
from .brought import brought
from .loop import StoppedError
from .training import Task, train


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="run.py train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("pictures", type=_pictures, metavar="PICTURES", help="a folder, a zip, or module:name")
    result.add_argument("out", type=Path, metavar="OUT", help="the family's folder")
    result.add_argument("--config", type=Path, metavar="FILE", help="settings, as docs/training.md lists them (YAML)")
    result.add_argument("--minutes", type=float, help="for all of it; by default the settings', or 30")
    for part in ("generator", "encoder", "text-encoder", "modulator", "identity"):
        result.add_argument(f"--{part}", type=Path, metavar="FILE", help=PARTS_HELP[part])
    families = ", ".join(family.name for family in installed_families())
    result.add_argument("--family", metavar="NAME", help=f"all parts of a family that comes with FFCLIP ({families})")
    result.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), help="by default the settings', or auto")
    return result


def _pictures(text: str) -> Any:
    """A path, or where there is no such file the object that module:name names."""
    if Path(text).exists() or not _OBJECT.fullmatch(text):
        return Path(text)
    try:
        return brought(text, "source", "any iterable of sources.Example and Pair, or a drawings.Domain")
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_OBJECT = re.compile(r"[A-Za-z_]\w+(\.\w+)*:[A-Za-z_]\w*")
PARTS_HELP = {
    "generator": "a StyleGAN2 generator; it is not trained",
    "encoder": "its e4e encoder",
    "text-encoder": "CLIP ViT-B/32, of which the text tower is used, and in training the image tower",
    "modulator": "modulation blocks to go on from",
    "identity": "ArcFace (model_ir_se50.pth): faces shall stay who they are",
}


def main(arguments: Sequence[str] | None = None) -> int:
    options = vars(parser().parse_args(arguments))
    files = {kind: options.pop(kind) for kind in ("generator", "encoder", "text_encoder", "modulator", "identity")}
    try:
        train(Task(files={kind: path for kind, path in files.items() if path}, **options))
    except StoppedError as stopped:
        sys.stderr.write(f"{stopped}\n")
        return 130
    except FFCLIPError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
