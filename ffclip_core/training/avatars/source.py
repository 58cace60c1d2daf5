"""Drawn avatars as what is trained on: pictures with captions, and pairs of one edit."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path

import numpy as np

from ..facts import facts_of_picture
from ..sources import Example, Pair
from ..sources.in_order import cores, in_order
from .avatar import Avatar, label_row, sample
from .captions import caption, description
from .drawing import draw
from .edits import SPOKEN, random_edit
from .vocabulary import ATTRIBUTES, SIZE

_CAPTIONS = 3
_BLOCK = 16
_DRAWN_BY = ("dicebear-core", "dicebear-styles", "resvg_py")


@dataclass(frozen=True)
class DrawnAvatars:
    """A source without end: the persons of the seeds from `seed` on, drawn at this size by all cores; with pairs, after
    each a pair of the same person and a random edit. Every iteration gives the same."""

    size: int = SIZE
    seed: int = 0
    pairs: bool = False

    def __iter__(self) -> Iterator[Example | Pair]:
        draw_block = partial(_drawn, size=self.size, pairs=self.pairs)
        starts = count(self.seed, _BLOCK)
        with ProcessPoolExecutor(cores()) as executor:
            for block in in_order(draw_block, starts, executor, 2 * cores()):
                yield from block

    @property
    def fingerprint(self) -> str:
        """Of the settings, and of all code that draws and speaks."""
        digest = hashlib.sha256(repr(self).encode())
        for path in (Path(__file__).parents[1] / "facts.py", *sorted(Path(__file__).parent.glob("*.py"))):
            digest.update(path.read_bytes())
        digest.update(repr([version(package) for package in _DRAWN_BY]).encode())
        return digest.hexdigest()


def drawn_example(seed: int, size: int) -> Example:
    """The person of this seed, and captions of what is seen."""
    avatar = sample(seed)
    labels, stream, rng = np.array(label_row(avatar)), avatar.stream("captions"), np.random.default_rng([seed, 1])
    captions = [caption(facts_of_picture(labels, ATTRIBUTES, SPOKEN, rng), stream) for _ in range(_CAPTIONS)]
    return Example(picture=draw(avatar, size), captions=tuple(captions))


def described_example(seed: int, size: int) -> Example:
    """The person of this seed, and one caption of all that is seen and has a word."""
    avatar = sample(seed)
    text = description(sorted(avatar.facts()), avatar.stream("description"))
    return Example(picture=draw(avatar, size), captions=(text,))


def drawn_pair(before: Avatar, after: Avatar, texts: tuple[str, ...], size: int) -> Pair:
    """A person before and after an edit."""
    return Pair(before=draw(before, size), after=draw(after, size), texts=texts)


def _drawn(start: int, size: int, pairs: bool) -> list[Example | Pair]:
    found: list[Example | Pair] = []
    for seed in range(start, start + _BLOCK):
        found.append(drawn_example(seed, size))
        if pairs:
            avatar = sample(seed)
            facts = random_edit(avatar, random.Random(f"{seed}/edit"))
            text = caption(facts, random.Random(f"{seed}/text"))
            found.append(drawn_pair(avatar, avatar.edit(facts), (text,), size))
    return found
