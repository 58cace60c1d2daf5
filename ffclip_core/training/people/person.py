"""One person of the art, and what becomes of them in an edit.

A Person has a seed and values. Every other choice (the variant of a value, a colour's jitter, the frame) has a random
stream of its own, of the seed and the choice's name alone: an edit moves nothing but what it names.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .. import colours
from ..colours import COLOURS, OF_HAIR_ALONE
from ..facts import Fact
from .vocabulary import (
    ATTRIBUTES,
    EXPRESSIONS,
    HATS,
    MORE,
    NO_HAIR_SEEN,
    SKIN,
    is_held_out,
    meant,
)

COLOURED = ("hair_colour", "beard_colour", "glasses_colour", "clothes_colour", "hat_colour", "background")
DRAWN = ("hair", "facial_hair", "glasses", "eyes", "brows", "mouth", "clothes", "graphic", "skin")
"""Attributes whose values have variants, and the skin."""
FACE = ("eyes", "brows", "mouth")
_WEIGHTS = {
    "facial_hair": (6, 1, 1.5, 1.5, 1, 1),
    "glasses": (5, 1.5, 1.2, 1.5, 0.7, 0.7),
    "clothes": (1, 1, 1, 1.2, 1, 1, 1, 1, 3),
    "skin": (1, 2, 2, 2, 1.5, 0.6, 0.6),
}
_PALETTES = {  # Those of the art's own site and of DiceBear.
    "hair": "a55728 2c1b18 b58143 d6b370 724133 4a312c f59797 ecdcbf c93305 e8e1e1".split(),
    "other": (
        "262e33 65c9ff 5199e4 25557c e6e6e6 929598 3c4f5c b1e2ff a7ffc4 ffdeb5 ffafb9 ffffb1 ff488e ff5c5c ffffff"
    ).split(),
}
_TONES = ("pale", "light", "tanned", "brown", "dark")
_DARK_FRAMES = ("262e33", "262e33", "1c1614", "3c2a1e")
_HIDDEN = {"hair_colour": "4a312c", "clothes": "crew neck", "eyes": "open", "brows": "normal"}


@dataclass(frozen=True)
class Person:
    """values: of DRAWN by name, of COLOURED six hexadecimal digits; plain: attributes that have the first variant of
    their value."""

    seed: int
    values: Mapping[str, str]
    plain: frozenset[str] = frozenset()

    def stream(self, choice: str) -> random.Random:
        return random.Random(f"{self.seed}/{choice}")

    def variant(self, attribute: str, options: Sequence[str]) -> str:
        """One of the options: the seed's, or the first where it is plain."""
        if attribute in self.plain:
            return options[0]
        return self.stream(f"{attribute}/{self.values[attribute]}").choice(options)

    @cached_property
    def shown(self) -> Mapping[str, bool]:
        """What can be seen at all, by attribute; others can."""
        values = self.values
        return {
            "hair_colour": values["hair"] not in NO_HAIR_SEEN,
            "beard_colour": values["facial_hair"] != "none",
            "glasses_colour": values["glasses"] != "none",
            "hat_colour": values["hair"] in HATS,
            "eyes": values["glasses"] not in ("sunglasses", "kurt"),
            "clothes": values["hair"] != "hijab",
            "graphic": values["clothes"] == "graphic shirt" and values["hair"] != "hijab",
        }

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The value of every attribute, "" for what is not seen and for colours and looks without a name."""
        found = {name: self.values[name] if self.shown.get(name, True) else "" for name in DRAWN}
        for name in COLOURED:
            of = (each for each in COLOURS if name in ("hair_colour", "beard_colour") or each not in OF_HAIR_ALONE)
            found[name] = colours.name_of(self.values[name], COLOURS, of) if self.shown.get(name, True) else ""
        found["expression"] = self._expression() if self.shown["eyes"] else ""
        return {name: found[name] for name in ATTRIBUTES}

    def _expression(self) -> str:
        face = [self.values[name] for name in FACE]
        for feeling, looks in EXPRESSIONS.items():
            if all(value in of for value, of in zip(face, looks, strict=True)):
                return feeling
        return ""

    def facts(self) -> set[Fact]:
        return {(name, value) for name, value in self.labels.items() if value}

    def is_so(self, fact: Fact) -> bool:
        """Whether it is seen to be true."""
        return self.labels[fact[0]] in meant(fact)

    def edit(self, facts: Iterable[Fact]) -> Person:
        """The same person with these facts and nothing else that follows from no picture: what changes, or comes to
        light, looks plain."""
        person = self
        for fact in facts:
            person = person._with(fact)
        lit = {name for name, seen in person.shown.items() if seen and not self.shown[name]}
        values = dict(person.values)
        for name in lit - {attribute for attribute, _ in facts}:
            values[name] = _HIDDEN.get(name, values[name])
        if "hair_colour" in lit and self.shown["beard_colour"]:
            values["hair_colour"] = values["beard_colour"]
        return replace(person, values=values, plain=person.plain | lit)

    def _with(self, fact: Fact) -> Person:
        attribute, _ = fact
        if fact not in MORE and self.is_so(fact):
            return self
        now = self.labels[attribute]
        value = MORE[fact].get(now, now) if fact in MORE else meant(fact)[0]
        if not value:
            value = meant(fact)[0]
        values = dict(self.values)
        if attribute == "expression":
            values |= {name: of[0] for name, of in zip(FACE, EXPRESSIONS[value], strict=True)}
            return replace(self, values=values, plain=self.plain | {*FACE})
        if attribute in COLOURED:
            if attribute == "hair_colour" and self.shown["beard_colour"] and self._one_colour():
                values["beard_colour"] = COLOURS[value]
            values[attribute] = COLOURS[value]
            return replace(self, values=values, plain=self.plain | {attribute})
        if attribute == "graphic":
            values["clothes"] = "graphic shirt"
        if attribute == "facial_hair" and self.values["facial_hair"] == "none" and self.shown["hair_colour"]:
            values["beard_colour"] = values["hair_colour"]
        values[attribute] = value
        return replace(self, values=values, plain=self.plain | {attribute})

    def _one_colour(self) -> bool:
        return self.values["hair_colour"] == self.values["beard_colour"]


def sample(seed: int) -> Person:
    """A random person; never one that shows a HELD_OUT pair."""
    for attempt in range(1000):
        person = _sample(seed, random.Random(f"{seed}/{attempt}/person"))
        if not is_held_out(person.facts()):
            return person
    raise AssertionError("nobody without a held-out pair in 1000 attempts")


def _sample(seed: int, stream: random.Random) -> Person:
    values = {name: stream.choices(ATTRIBUTES[name], _WEIGHTS.get(name))[0] for name in DRAWN}
    if stream.random() < 0.6:  # Elsewhere the face is whatever comes together.
        looks = stream.choice(list(EXPRESSIONS.values()))
        values |= {name: stream.choice(of) for name, of in zip(FACE, looks, strict=True)}
        if stream.random() < 0.2:
            values["eyes"] = stream.choice(ATTRIBUTES["eyes"])
    for name in COLOURED:
        values[name] = _colour(name, stream)
    if stream.random() < 0.6:
        values["beard_colour"] = values["hair_colour"]
    if stream.random() < 0.7:
        values["glasses_colour"] = colours.jitter(stream.choice(_DARK_FRAMES), stream)
    return Person(seed, values)


def _colour(attribute: str, stream: random.Random) -> str:
    of_hair = attribute in ("hair_colour", "beard_colour")
    kind = stream.random()
    if kind < 0.25:
        return stream.choice(_PALETTES["hair" if of_hair else "other"])
    if kind < 0.35:
        return colours.random_colour(stream)
    names = [name for name in COLOURS if of_hair or name not in OF_HAIR_ALONE]
    return colours.jitter(COLOURS[stream.choice(names)], stream)


def skin_colour(person: Person) -> str:
    """About that of its name, anywhere between two; where it was edited the colour itself."""
    name = person.values["skin"]
    if "skin" in person.plain:
        return SKIN[name]
    stream = person.stream(f"skin/{name}")
    if name not in _TONES:
        return colours.jitter(SKIN[name], stream)
    place = min(max(_TONES.index(name) + stream.uniform(-0.45, 0.45), 0), len(_TONES) - 1)
    at = min(int(place), len(_TONES) - 2)
    return colours.mix(SKIN[_TONES[at]], SKIN[_TONES[at + 1]], place - at)
