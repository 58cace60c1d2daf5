"""One church in its scene, and what becomes of it in an edit.

A Church has a seed and values. Every other choice (the variant of a value, a tower's height, the frame) has a random
stream of its own, of the seed and the choice's name alone: an edit moves nothing but what it names.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .. import colours
from ..facts import Fact
from .vocabulary import (
    ATTRIBUTES,
    COLOURED,
    COLOURS,
    MORE,
    OF_MATERIAL,
    TOP_OF_STYLE,
    VARIANTS,
    is_held_out,
    meant,
)

_WEIGHTS = {
    "tower": (1, 2.2, 1.6, 1.6),
    "tower_top": (1, 1, 1, 1.7, 1),
    "door": (3, 2),
    "clock": (3, 2),
    "lights": (3, 2),
    "time": (4, 2, 2.5),
    "weather": (4, 2.2, 2, 2, 2),
    "scaffolding": (4, 1),
    "graffiti": (3.5, 1),
    "ivy": (3, 1),
    "flag": (3, 1),
}
_WALLS = {
    "plaster": "f6f6f6 f6f6f6 f3e8cd efe6d2 f4d98e fbc9a5 fbc6d9 8cc4f2".split(),
    "stone": "8e9196 a2a4a8 7f8388 b8b2a6 9a9186".split(),
    "brick": "b53a28 c0623f a84a34 8a3a2a 7e1a20".split(),
    "sandstone": "e0c28c ecd09c e6be8a f0c9a8 cfae74".split(),
    "wood": "a5724a 8a5a38 6b3d2a c08a58 45291f 9a2a22 f6f6f6".split(),
    "concrete": "c4c6cc b4b6ba 8e9196 d4d2cc".split(),
}
_ROOFS = "c0623f b5532f 4c4c50 3d4650 6b3d2a 45291f 7e1a20 5fa08a 1d5c33 cfa02a 2b6be0 1e2f6e".split()
_DOORS = "6b3d2a 45291f a5724a 7e1a20 1d5c33 1e2f6e d62a1c 4c4c50".split()

SHARES = ("tall", "wide", "drift", "left tree", "right tree")
"""How tall towers are, how wide the nave, where clouds, sun and moon are, how tall the trees."""


@dataclass(frozen=True)
class Church:
    """values: of ATTRIBUTES by name, of COLOURED six hexadecimal digits each; plain: what has the first variant of its
    value, and the middle of what it may be."""

    seed: int
    values: Mapping[str, str]
    plain: frozenset[str] = frozenset()

    def stream(self, choice: str) -> random.Random:
        return random.Random(f"{self.seed}/{choice}")

    def variant(self, attribute: str) -> str:
        """Which of the value's variants is drawn: the seed's, or the first where it is plain; "" for none."""
        options = VARIANTS[attribute][self.values[attribute]]
        if len(options) < 2 or attribute in self.plain:
            return next(iter(options), "")
        return self.stream(f"{attribute}/{self.values[attribute]}").choice(options)

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """Of all that may be more or less, how much, in [-1, 1]; 0 where it is plain."""
        return {name: 0.0 if name in self.plain else self.stream(name).uniform(-1, 1) for name in SHARES}

    @cached_property
    def shown(self) -> Mapping[str, bool]:
        """What can be seen at all; others can."""
        tower = self.values["tower"] != "none"
        return {"tower_top": tower, "tall": tower}

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The value of every attribute, "" for what is not seen and for colours without a name."""
        found = {}
        for name in ATTRIBUTES:
            value = self.values[name] if self.shown.get(name, True) else ""
            found[name] = colours.name_of(value, COLOURS, COLOURS) if name in COLOURED else value
        return found

    def facts(self) -> set[Fact]:
        return {(name, value) for name, value in self.labels.items() if value}

    def is_so(self, fact: Fact) -> bool:
        """Whether it is seen to be true."""
        return self.labels[fact[0]] in meant(fact)

    def edit(self, facts: Iterable[Fact]) -> Church:
        """The same church with these facts and nothing else that follows from no picture: what changes, or comes to
        light, looks plain."""
        church, asked = self, sorted(facts, key=lambda fact: fact[0] in COLOURED)
        for fact in asked:
            church = church._with(fact)
        lit = {name for name, seen in church.shown.items() if seen and not self.shown[name]}
        values = dict(church.values)
        if "tower_top" in lit and "tower_top" not in (attribute for attribute, _ in asked):
            values["tower_top"] = TOP_OF_STYLE[values["style"]]
        return replace(church, values=values, plain=church.plain | lit)

    def _with(self, fact: Fact) -> Church:
        attribute, _ = fact
        now = self.labels[attribute]
        value = MORE[fact].get(now, now) if fact in MORE else now if self.is_so(fact) else ""
        value = value or meant(fact)[0]
        if value == now:
            return self
        values, plain = {**self.values, attribute: value}, self.plain | {attribute}
        if attribute in COLOURED:
            values[attribute] = COLOURS[value]
        if attribute == "material":
            values["wall_colour"] = OF_MATERIAL[value]
        if attribute == "tower_top" and not self.shown["tower_top"]:
            values["tower"], plain = "central", plain | {"tower"}
        return replace(self, values=values, plain=plain)


def sample(seed: int) -> Church:
    """A random church; never one that shows a HELD_OUT pair."""
    for attempt in range(1000):
        church = _sample(seed, random.Random(f"{seed}/{attempt}/church"))
        if not is_held_out(church.facts()):
            return church
    raise AssertionError("no church without a held-out pair in 1000 attempts")


def _sample(seed: int, stream: random.Random) -> Church:
    values = {name: stream.choices(ATTRIBUTES[name], _WEIGHTS.get(name))[0] for name in VARIANTS}
    if stream.random() < 0.4:  # Elsewhere towers are whatever comes together.
        values["tower_top"] = TOP_OF_STYLE[values["style"]]
    if values["time"] == "night" and stream.random() < 0.5:
        values["lights"] = "on"
    if values["weather"] == "snow" and stream.random() < 0.6:
        values["season"] = "winter"
    values["wall_colour"] = _colour(_WALLS[values["material"]], 0.52, stream)
    values["roof_colour"] = _colour(_ROOFS, 0.45, stream)
    values["door_colour"] = _colour(_DOORS, 0.35, stream)
    return Church(seed, values)


def _colour(usual: Sequence[str], often: float, stream: random.Random) -> str:
    kind = stream.random()
    if kind < often:
        return colours.jitter(stream.choice(usual), stream)
    if kind < often + 0.08:
        return colours.random_colour(stream)
    return colours.jitter(COLOURS[stream.choice(list(COLOURS))], stream)
