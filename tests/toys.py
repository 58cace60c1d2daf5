"""A domain of drawings that is quick: a square on a ground, of four colours each, somewhere in the middle."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ffclip.ffclip_core.training.codes import ALL
from ffclip.ffclip_core.training.facts import Fact, values_alone

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 230), "white": (240, 240, 240)}
NAMES = tuple(COLOURS)


@dataclass(frozen=True)
class Square:
    inner: str
    outer: str
    left: int


class Squares:
    attributes = {"square": NAMES, "ground": NAMES}
    spoken = {"square": 2.0, "ground": 1.0}
    concepts = values_alone(attributes)
    questions = ()
    prompts = ("red square", "blue square", "green ground", "white ground")
    fingerprint = "squares"

    def sample(self, seed: int) -> Square:
        stream = random.Random(seed)
        return Square(stream.choice(NAMES), stream.choice(NAMES), stream.randrange(3))

    def draw(self, thing: Square, size: int) -> np.ndarray:
        picture = np.full((size, size, 3), COLOURS[thing.outer], np.uint8)
        picture[size // 4 : -size // 4, size // 4 + thing.left : thing.left - size // 4] = COLOURS[thing.inner]
        return picture

    def faithful(self, thing: Square) -> bool:
        return True

    def parameters(self, thing: Square) -> np.ndarray:
        colours = [value / 127.5 - 1 for name in (thing.inner, thing.outer) for value in COLOURS[name]]
        return np.array([*colours, thing.left - 1])

    scales = (ALL,) * 7

    def labels(self, thing: Square) -> Sequence[int]:
        """The colour of a square that is not seen has no name."""
        return -1 if thing.inner == thing.outer else NAMES.index(thing.inner), NAMES.index(thing.outer)

    def focus(self, thing: Square) -> tuple[float, float, float, float]:
        return 0.25, 0.25, 0.75, 0.75

    def random_edit(self, thing: Square, stream: random.Random) -> tuple[Fact, ...]:
        return (("square", stream.choice([name for name in NAMES if name not in (thing.inner, thing.outer)])),)

    def edit(self, thing: Square, facts: Iterable[Fact]) -> Square:
        told = dict(facts)
        return Square(told.get("square", thing.inner), told.get("ground", thing.outer), thing.left)

    def caption(self, facts: Sequence[Fact], stream: random.Random) -> str:
        return ", ".join(f"{value} {attribute}" for attribute, value in facts)


SQUARES = Squares()
