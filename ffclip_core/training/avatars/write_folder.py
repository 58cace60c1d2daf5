"""Draw a folder of pictures as users have them, to try training: PNG files, captions, pairs of one edit.

python -m ffclip.ffclip_core.training.avatars.write_folder FOLDER [--pictures 2000] [--size 128] [--seed 0]
    [--pairs 200 --edit "turquoise hair"]

Picture i is the avatar of seed + i; its caption names all that is seen and has a word, as one who tags pictures
writes. The pairs are of avatars after these, drawn before and after the edit alone; several edits take turns. All
cores draw.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ..drawings import TEST_SEEDS
from .avatar import sample
from .source import described_example, drawn_pair
from .text_edits import text_edits

_EDITS = text_edits()


def write_folder(
    folder: Path, pictures: int, size: int, seed: int = 0, pairs: int = 0, edits: Sequence[str] = ()
) -> None:
    """Fill a folder that is empty or not there. edits: of text_edits(). Raises ValueError for any other folder, and for
    seeds that are kept for tests."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} has other files: give a folder that is empty or not there yet")
    jobs = [(folder, f"{at:06}", at, size, "") for at in range(seed, seed + pictures)]
    for i, (at, edit) in enumerate(islice(_applicable(seed + pictures, edits), pairs if edits else 0)):
        jobs.append((folder, f"pair_{i + 1:05}", at, size, edit))
    if jobs and jobs[-1][2] >= TEST_SEEDS:
        raise ValueError(f"seeds from {TEST_SEEDS} on are kept for tests: give a smaller --seed")
    folder.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool() as pool:
        for _ in tqdm(pool.imap_unordered(_write, jobs, chunksize=8), total=len(jobs), unit=" pictures"):
            pass


def _applicable(start: int, edits: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Persons who can be edited so, each edit in turn."""
    turn = 0
    for seed in count(start):
        edit = edits[turn % len(edits)]
        if _EDITS[edit](sample(seed)) is not None:
            turn += 1
            yield seed, edit


def _write(job: tuple[Path, str, int, int, str]) -> None:
    folder, name, seed, size, edit = job
    before = sample(seed)
    after = _EDITS[edit](before) if edit else None
    if after is None:
        example = described_example(seed, size)
        files, texts = {f"{name}.png": example.picture}, example.captions
    else:
        pair = drawn_pair(before, after, (edit,), size)
        files, texts = {f"{name}.before.png": pair.before, f"{name}.after.png": pair.after}, pair.texts
    for path, picture in files.items():
        Image.fromarray(np.ascontiguousarray(picture)).save(folder / path)
    (folder / f"{name}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=2000, help="how many pictures with captions")
    parser.add_argument("--size", type=int, default=128, help="their side in px")
    parser.add_argument("--seed", type=int, default=0, help="of the first avatar")
    parser.add_argument("--pairs", type=int, default=0, help="how many pairs")
    parser.add_argument("--edit", action="append", choices=_EDITS, metavar="TEXT", help=f"one of: {', '.join(_EDITS)}")
    arguments = parser.parse_args()
    if min(arguments.pictures, arguments.pairs, arguments.seed) < 0 or arguments.size < 1:
        parser.error("numbers of pictures and pairs and the seed are zero or above, the size is above zero")
    if bool(arguments.pairs) != bool(arguments.edit):
        parser.error('pairs are of an edit: give both, as in --pairs 200 --edit "turquoise hair"')
    try:
        write_folder(
            arguments.folder, arguments.pictures, arguments.size, arguments.seed, arguments.pairs, arguments.edit or ()
        )
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
