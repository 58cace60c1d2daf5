"""Pictures that a program draws, of which everything is known: what they are drawn from, and what they show.

A Domain says how. Then nothing has to be guessed from pictures: generator and encoder learn the codes of what is drawn,
the text tower which captions are true of what, the blocks what an edit's drawing would be drawn from (the stages text,
drawn_generator, drawn_encoder, drawn_modulator).
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch

from ..errors import InputError
from .facts import Attributes, Concepts, Fact, Sayings
from .loop.storage import storing, write_whole
from .sources import Example
from .sources.in_order import cores, in_order

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as parts of a picture's side."""

TEST_SEEDS = 900_000_000
"""Drawings from this seed on are never trained on."""

_BLOCK = 16
_CAPTIONS = 3


class Question(NamedTuple):
    """A prompt and what it says; kind: the row of the table that it is of, "single" for what says one thing in words
    that captions have."""

    kind: str
    prompt: str
    facts: tuple[Fact, ...]


@runtime_checkable
class Domain(Protocol):
    """What can be drawn, and said of it; its things are whatever draws one picture. It goes to other processes, over
    and over, so it is pickled by name or holds little."""

    @property
    def attributes(self) -> Attributes:
        """The values of all that captions speak of."""
        ...

    @property
    def spoken(self) -> Mapping[str, float]:
        """How often captions speak of each attribute; of those that are not here, never."""
        ...

    @property
    def concepts(self) -> Concepts:
        """All that captions may say; where nothing but values, facts.values_alone(attributes)."""
        ...

    @property
    def questions(self) -> Sequence[Question]:
        """What an evaluation asks for."""
        ...

    @property
    def prompts(self) -> Sequence[str]:
        """Texts that sample sheets, report and manifest ask for."""
        ...

    @property
    def fingerprint(self) -> str:
        """Another one as soon as anything is otherwise that is drawn of a seed, or said of it here."""
        ...

    def sample(self, seed: int) -> Any:
        """The thing of a seed."""
        ...

    def draw(self, thing: Any, size: int) -> np.ndarray:
        """Its picture, uint8 [size, size, 3]."""
        ...

    def faithful(self, thing: Any) -> bool:
        """Whether the picture follows from the parameters alone. A generator learns of no others; those, such as worn
        ones, are for encoder and texts."""
        ...

    def parameters(self, thing: Any) -> np.ndarray:
        """All that the picture follows from, float32 [P], each about of unit scale; 0 for what can't be seen."""
        ...

    @property
    def scales(self) -> Sequence[str]:
        """Which layers of the generator see each parameter: some words of codes.SCALES, or codes.ALL."""
        ...

    def labels(self, thing: Any) -> Sequence[int]:
        """The place of each attribute's value among its values, -1 where the picture shows none; one at least is shown
        of those that captions speak of."""
        ...

    def focus(self, thing: Any) -> Box:
        """Where most is to be seen in least room, such as a face's features."""
        ...

    def random_edit(self, thing: Any, stream: random.Random) -> tuple[Fact, ...]:
        """What somebody may want of it: facts that it can show, and not all of which it shows already."""
        ...

    def edit(self, thing: Any, facts: Iterable[Fact]) -> Any:
        """It with these facts and else as it was; all that does not follow from its picture and the facts is plain."""
        ...

    def caption(self, facts: Sequence[Fact], stream: random.Random) -> str:
        """A text that says so, of many."""
        ...


@dataclass(frozen=True)
class Drawings:
    """A source without end: the things of the seeds from `seed` on, drawn by all cores, with captions. Every iteration
    gives the same."""

    domain: Domain
    size: int
    seed: int = 0

    def __iter__(self) -> Iterator[Example]:
        draw_block = partial(_drawn, self.domain, size=self.size)
        with _processes() as executor:
            for block in in_order(draw_block, count(self.seed, _BLOCK), executor, 2 * cores()):
                yield from block

    def after(self, items: int) -> Drawings:
        """What comes after so many of its items."""
        return replace(self, seed=self.seed + items)

    @property
    def fingerprint(self) -> str:
        return f"{self.domain.fingerprint} {self.size} {self.seed}"

    def thing(self, row: int) -> Any:
        """What the picture in this row is drawn of."""
        return self.domain.sample(self.seed + row)


def _processes() -> ProcessPoolExecutor:
    """One for each core, each of one thread."""
    return ProcessPoolExecutor(cores(), initializer=torch.set_num_threads, initargs=(1,))


def sayings(domain: Domain) -> Sayings:
    """What captions say of its things."""
    return Sayings(domain.attributes, domain.spoken, domain.concepts)


def _drawn(domain: Domain, start: int, size: int) -> list[Example]:
    found, said = [], sayings(domain)
    for seed in range(start, start + _BLOCK):
        thing, stream = domain.sample(seed), random.Random(f"{seed}/captions")
        labels, rng = np.array(domain.labels(thing)), np.random.default_rng([seed, 1])
        facts = [said.of_picture(labels, rng) for _ in range(_CAPTIONS)]
        captions = tuple(domain.caption(each, stream) for each in facts if each)
        found.append(Example(picture=domain.draw(thing, size), captions=captions))
    return found


@dataclass(frozen=True, eq=False)
class Known:
    """Of the drawings in rows 0 to N: parameters float32 [N, P], labels int64 [N, attributes], focus float32 [N, 4],
    faithful bool [N]."""

    parameters: np.ndarray
    labels: np.ndarray
    focus: np.ndarray
    faithful: np.ndarray

    @classmethod
    def of(cls, drawings: Drawings, rows: int, path: Path) -> Known:
        """Computed by all cores where the file does not have it yet."""
        mark = f"{drawings.fingerprint} {rows}"
        if path.exists():
            with np.load(path) as stored:
                if str(stored["mark"]) == mark:
                    return cls(*(stored[each.name] for each in fields(cls)))
        columns: tuple[list[Any], ...] = ([], [], [], [])
        domain = drawings.domain
        with _processes() as executor:
            known = partial(_known, domain)
            seeds = (range(i, min(i + 500, rows)) for i in range(0, rows, 500))
            shifted = (range(block.start + drawings.seed, block.stop + drawings.seed) for block in seeds)
            for block in in_order(known, shifted, executor, 2 * cores()):
                for column, values in zip(columns, block, strict=True):
                    column.extend(values)
        kinds = (np.float32, np.int64, np.float32, bool)
        found = cls(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))
        nothing = ~((found.labels >= 0) & [domain.spoken.get(name, 0) > 0 for name in domain.attributes]).any(1)
        if nothing.any():
            seed = drawings.seed + int(nothing.argmax())
            raise InputError(f"The drawing of seed {seed} shows nothing that captions speak of: leave such ones out.")
        np.savez(whole := io.BytesIO(), mark=mark, **vars(found))
        with storing(path):
            write_whole(path, lambda file: file.write(whole.getbuffer()))
        return found


def _known(domain: Domain, seeds: Iterable[int]) -> tuple[list[Any], ...]:
    things = [domain.sample(seed) for seed in seeds]
    return tuple(
        [tell(t) for t in things] for tell in (domain.parameters, domain.labels, domain.focus, domain.faithful)
    )
