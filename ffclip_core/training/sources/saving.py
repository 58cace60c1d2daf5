"""Pairs written one by one into a folder, as prepare() reads them."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from ...errors import FFCLIPError, InputError

_ENDINGS = (".before.png", ".after.png", ".txt")
_LONGEST = 100


def save_pair(folder: Path, prefix: str, before: np.ndarray, after: np.ndarray, texts: Sequence[str]) -> str:
    """Write PREFIX_00001.before.png, .after.png and .txt, with one text per line; the name, "PREFIX_00001".

    before and after: uint8 [H, W, 1, 3 or 4]. The number is the first after all that are there, whoever else writes
    there too, and nothing is ever overwritten. The text comes last: until it is whole, it is empty or not there, and no
    reader takes the pair for one. If anything fails, nothing stays. Raises InputError for a prefix or folder that no
    file can have, FFCLIPError where nothing can be written.
    """
    check_prefix(prefix)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".ffclip-") as place:
            files = [Path(place) / ending for ending in _ENDINGS]
            for path, picture in zip(files, (before, after), strict=False):
                Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(path, compress_level=4)
            files[-1].write_text("\n".join(texts) + "\n", encoding="utf-8", newline="\n")
            for number in count(_last(folder, prefix) + 1):
                name = f"{prefix}_{number:05}"
                if _put(files, [folder / f"{name}{ending}" for ending in _ENDINGS]):
                    return name
    except OSError as error:
        raise FFCLIPError(
            f"{folder} can't be written to ({error.strerror or error}): choose another folder, or make room and allow "
            "writing there."
        ) from error
    except ValueError as error:  # Names with letters that no file has.
        raise InputError(f"There can be no folder {str(folder)!r} ({error}): choose another name.") from error
    raise AssertionError("there is always a next number")


def check_prefix(prefix: str) -> None:
    """Raise InputError for what can't begin the name of a file on every system."""
    if not prefix or prefix[0] in ". " or len(prefix) > _LONGEST or not prefix.isprintable():
        raise InputError(f"A prefix is the beginning of a file's name, such as 'pair', not {prefix[:80]!r}.")
    if found := re.search(r'[<>:"/\\|?*]', prefix):
        raise InputError(f"The prefix {prefix!r} has the letter {found[0]}, which names of files have not everywhere.")


def _last(folder: Path, prefix: str) -> int:
    """The highest number that is there."""
    numbered = re.compile(rf"{re.escape(prefix)}_(\d+)\.", re.IGNORECASE)
    return max((int(found[1]) for name in os.listdir(folder) if (found := numbered.match(name))), default=0)


def _put(files: Sequence[Path], targets: Sequence[Path]) -> bool:
    """Whether the names were free; then the files have them, in this order, else nothing is changed."""
    made: list[Path] = []
    try:
        for target in targets:
            with open(target, "xb"):  # Empty, it is ours.
                made.append(target)
        for file, target in zip(files, targets, strict=True):
            os.replace(file, target)
    except BaseException as error:
        for target in made:
            target.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            return False
        raise
    return True
