"""One car, where and when it is seen, and what becomes of it in an edit.

A Car has a seed and values. Every other choice (what lies behind, how large the wheels are, the place) has a random
stream of its own, of the seed and the choice's name alone: an edit moves nothing but what it names.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .. import colours
from ..facts import Fact
from .vocabulary import ATTRIBUTES, COLOURS, MORE, SCENES, WHEEL_SIZES, is_held_out, meant

COLOURED = ("body_colour", "roof_colour", "decal_colour")
PLAIN_VALUES = tuple(name for name in ATTRIBUTES if name not in COLOURED)
"""Attributes that have a name for each value."""
_WEIGHTS = {
    "roof": (1.3, 1),
    "wheel_size": (1, 1.4, 1),
    "load": (4, 1, 1, 1, 1, 1),
    "spoiler": (2.5, 1, 1),
    "decals": (2.5, 1, 1, 1),
    "windows": (1.4, 1),
    "time": (2, 1, 1.2),
    "weather": (2, 1, 1, 1, 1),
    "condition": (1.5, 1),
}
_HIDDEN = {"roof": "one colour", "load": "none"}
"""What an attribute looks like that comes to light."""
_FIRST_COLOURS = {
    "racing stripes": ("white", "black"),
    "flames": ("orange", "yellow"),
    "flowers": ("pink", "white"),
    "roof": ("white", "black"),
}
"""What colour a thing has that nobody named, and what where that can't be told from the body's."""
_APART = 26.0
"""ΔE (CIE 1976) from which on a colour is told from another one beside it."""


@dataclass(frozen=True)
class Car:
    """values: of PLAIN_VALUES by name, of COLOURED six hexadecimal digits; plain: attributes that look as the first
    one of their value does."""

    seed: int
    values: Mapping[str, str]
    plain: frozenset[str] = frozenset()

    def stream(self, choice: str) -> random.Random:
        return random.Random(f"{self.seed}/{choice}")

    @property
    def scene(self) -> str:
        """What lies behind the road: one of SCENES."""
        options, value = SCENES[self.values["scenery"]], self.values["scenery"]
        return options[0] if "scenery" in self.plain else self.stream(f"scenery/{value}").choice(options)

    @property
    def wheel_scale(self) -> float:
        """About that of its name."""
        value = self.values["wheel_size"]
        near = 0.0 if "wheel_size" in self.plain else self.stream(f"wheel_size/{value}").uniform(-0.04, 0.04)
        return WHEEL_SIZES[value] + near

    @cached_property
    def shown(self) -> Mapping[str, bool]:
        """What can be seen at all, by attribute; others can."""
        roofed = self.values["body"] != "convertible"
        return {
            "roof": roofed,
            "roof_colour": roofed and self.values["roof"] == "two-tone",
            "load": roofed,
            "decal_colour": self.values["decals"] != "none",
        }

    @cached_property
    def is_distinct(self) -> bool:
        """Whether roof and decals are told from the body's colour."""
        seen = (name for name in ("roof_colour", "decal_colour") if self.shown[name])
        return all(_differ(self.values[name], self.values["body_colour"]) for name in seen)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The value of every attribute, "" for what is not seen and for colours without a name."""
        found = {name: value if self.shown.get(name, True) else "" for name, value in self.values.items()}
        for name in COLOURED:
            found[name] = found[name] and colours.name_of(found[name], COLOURS, COLOURS)
        return {name: found[name] for name in ATTRIBUTES}

    def facts(self) -> set[Fact]:
        return {(name, value) for name, value in self.labels.items() if value}

    def is_so(self, fact: Fact) -> bool:
        """Whether it is seen to be true."""
        return self.labels[fact[0]] in meant(fact)

    def edit(self, facts: Iterable[Fact]) -> Car:
        """The same car with these facts and nothing else that follows from no picture: what changes, or comes to light,
        looks plain."""
        said = tuple(facts)
        car = self
        for fact in said:
            car = car._with(fact)
        lit = {name for name, seen in car.shown.items() if seen and not self.shown[name]}
        values = dict(car.values)
        named = {attribute for attribute, _ in said}
        # A colour that was asked for brings what has it.
        brought = {"roof"} if "roof_colour" in named else set()
        for name in lit - named - brought:
            values[name] = _HIDDEN.get(name, values[name])
        after = replace(car, values=values, plain=car.plain | lit)
        for name, of in (("roof_colour", "roof"), ("decal_colour", values["decals"])):
            if after.shown[name] and not self.shown[name] and name not in named:
                values[name] = _first_colour(of, values["body_colour"])
        return replace(after, values=values)

    def _with(self, fact: Fact) -> Car:
        attribute, _ = fact
        if fact not in MORE and self.is_so(fact):
            return self
        now = self.labels[attribute]
        value = MORE[fact].get(now, now) if fact in MORE else meant(fact)[0]
        if not value:
            value = meant(fact)[0]
        values = dict(self.values)
        if attribute == "roof_colour":
            values["roof"] = "two-tone"
        if attribute == "decal_colour" and values["decals"] == "none":
            values["decals"] = "racing stripes"
        values[attribute] = COLOURS[value] if attribute in COLOURED else value
        return replace(self, values=values, plain=self.plain | {attribute})


def sample(seed: int) -> Car:
    """A random car; never one that shows a HELD_OUT pair, or what can't be told from its ground."""
    for attempt in range(1000):
        car = _sample(seed, random.Random(f"{seed}/{attempt}/car"))
        if car.is_distinct and not is_held_out(car.facts()):
            return car
    raise AssertionError("no car without a held-out pair in 1000 attempts")


def _sample(seed: int, stream: random.Random) -> Car:
    values = {name: stream.choices(ATTRIBUTES[name], _WEIGHTS.get(name))[0] for name in PLAIN_VALUES}
    if values["time"] == "night" and stream.random() < 0.3:
        values["lights"] = "on"
    return Car(seed, values | {name: _colour(stream) for name in COLOURED})


def _colour(stream: random.Random) -> str:
    if stream.random() < 0.12:
        return colours.random_colour(stream)
    return colours.jitter(COLOURS[stream.choice(list(COLOURS))], stream)


def _first_colour(of: str, body: str) -> str:
    first, other = (COLOURS[name] for name in _FIRST_COLOURS[of])
    return first if _differ(first, body) else other


def _differ(one: str, other: str) -> bool:
    return float(np.linalg.norm(colours.lab(one) - colours.lab(other))) > _APART
