"""Facts: what captions say and pictures show, as values of named attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

Fact = tuple[str, str]
"""An attribute and its value."""

Attributes = Mapping[str, tuple[str, ...]]
"""The values of every attribute. A row of labels has a column per attribute: the value's index, -1 for none."""

Concepts = Mapping[Fact, Sequence[str]]
"""All that captions may say, and of which values of the attribute each is true: such as the values themselves, and what
is true of several, ("head wear", "a hat") of "cap" and "fedora"."""

_HOW_MANY = (0.4, 0.35, 0.15, 0.1)
_ITSELF = 0.6
"""How often the value is said where something more general may be said as well."""


def values_alone(attributes: Attributes) -> Concepts:
    """Of captions that say values and nothing else."""
    return {(name, value): (value,) for name, values in attributes.items() for value in values}


@dataclass(frozen=True, eq=False)
class Sayings:
    """What captions say: spoken: how often they speak of each attribute, of those that are not there, never."""

    attributes: Attributes
    spoken: Mapping[str, float]
    concepts: Concepts

    def of_picture(self, labels: np.ndarray, rng: np.random.Generator) -> list[Fact]:
        """One to four facts, random ones, of a picture with these labels [attributes]. None at all where nothing is
        shown that is spoken of."""
        sayable = [label >= 0 and bool(of[label]) for label, of in zip(labels, self._sayable, strict=True)]
        weights = np.array([self.spoken.get(name, 0.0) for name in self.attributes]) * sayable
        count = min(int(rng.choice(len(_HOW_MANY), p=_HOW_MANY)) + 1, int((weights > 0).sum()))
        if not count:
            return []
        chosen = rng.choice(len(labels), count, replace=False, p=weights / weights.sum())
        names = list(self.attributes)
        return [self._said(names[i], int(labels[i]), self._sayable[i][labels[i]], rng) for i in chosen]

    def _said(self, name: str, label: int, sayable: Sequence[Fact], rng: np.random.Generator) -> Fact:
        itself = (name, self.attributes[name][label])
        if len(sayable) == 1 or (itself in sayable and rng.random() < _ITSELF):
            return sayable[0]
        return sayable[int(rng.integers(len(sayable)))]

    @cached_property
    def _sayable(self) -> list[list[list[Fact]]]:
        """By attribute and value what may be said, the value itself first."""
        return [
            [
                sorted(
                    (fact for fact in self.concepts if fact[0] == name and value in self.concepts[fact]),
                    key=_other(value),
                )
                for value in values
            ]
            for name, values in self.attributes.items()
        ]

    def meant(self, facts: Sequence[Iterable[Fact]]) -> list[Tensor]:
        """By attribute which of its values captions of these facts allow, bool [captions, values + 1]; the last stands
        for none: captions that do not speak of the attribute allow all, and it."""
        found = [torch.ones(len(facts), len(values) + 1, dtype=torch.bool) for values in self.attributes.values()]
        for row, said in enumerate(facts):
            for fact in said:
                place = self._places[fact[0]]
                found[place][row] &= self._rows[fact]
        return found

    def truth(self, facts: Sequence[Iterable[Fact]], labels: Tensor) -> Tensor:
        """Which captions (rows; the facts each needs) are true of which pictures (columns; labels [B, attributes])."""
        true = torch.ones(len(facts), len(labels), dtype=torch.bool, device=labels.device)
        for column, allowed in enumerate(self.meant(facts)):
            true &= allowed.to(labels.device)[:, labels[:, column]]
        return true

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.attributes)}

    @cached_property
    def _rows(self) -> dict[Fact, Tensor]:
        return {
            fact: torch.tensor([*(value in values for value in self.attributes[fact[0]]), False])
            for fact, values in self.concepts.items()
        }


def _other(value: str) -> Callable[[Fact], bool]:
    return lambda fact: fact[1] != value


def shows_pair(facts: Iterable[Fact], pairs: Iterable[tuple[Fact, Fact]], concepts: Concepts) -> bool:
    """Whether these facts, values or concepts, imply both of one of the pairs."""
    said = [(fact[0], set(concepts.get(fact, (fact[1],)))) for fact in facts]

    def among(fact: Fact) -> bool:
        meant = set(concepts.get(fact, (fact[1],)))
        return any(name == fact[0] and values <= meant for name, values in said)

    return any(among(first) and among(second) for first, second in pairs)
