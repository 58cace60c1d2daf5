"""Whole drawings without a background, from which pictures in any frame are put together."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .avatar import Avatar, sample
from .drawing import art, rasterise

SIDE = 280.0
"""The art's units."""
PIXELS = 192
"""The side of the stored drawings."""

_FILE = "whole.npy"
_BLOCK = 100


def draw_whole(avatar: Avatar, size: int = PIXELS) -> np.ndarray:
    """The person upright in the art's whole square, RGBA uint8 [size, size, 4], straight alpha."""
    defs, body = art(avatar)
    # What the art's own frame cuts off (a bun, the body) is cut off here too.
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE:g} {SIDE:g}"><defs>{defs}</defs>{body}</svg>'
    return rasterise(svg, size, size)


def load_whole(folder: Path, count: int) -> np.ndarray:
    """The drawings of the seeds below count, uint8 [count, PIXELS, PIXELS, 4], a memory map; drawn into the folder by
    all cores where they are not there yet. Raises ValueError if it holds another number of them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _FILE
    if not path.exists():
        new = path.with_suffix(".new")
        np.lib.format.open_memmap(new, mode="w+", dtype=np.uint8, shape=(count, PIXELS, PIXELS, 4))
        jobs = [(new, range(i, min(i + _BLOCK, count))) for i in range(0, count, _BLOCK)]
        with multiprocessing.Pool() as pool, tqdm(total=count, unit=" drawings") as bar:
            for drawn in pool.imap_unordered(_draw_block, jobs):
                bar.update(drawn)
        new.replace(path)
    drawings = np.load(path, mmap_mode="r")
    if len(drawings) != count:
        raise ValueError(f"{path} holds {len(drawings)} drawings, not {count}: give another folder or take it away")
    return drawings


def _draw_block(job: tuple[Path, range]) -> int:
    path, seeds = job
    drawings = np.load(path, mmap_mode="r+")
    for seed in seeds:
        drawings[seed] = draw_whole(sample(seed))
    return len(seeds)
