"""One person of the drawn domain, and what becomes of it in an edit.

An Avatar is a seed and one value per attribute. Every other choice (the variant of a hairstyle, a colour's jitter, the
crop, ...) has a random stream of its own that depends on the seed and the choice's name alone, so an edit moves nothing
but what it names: the edited picture of any avatar can be drawn.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..facts import Fact
from . import colours
from .vocabulary import ATTRIBUTES, HAIR_COLOURS, NO_HAIR_SEEN, is_held_out

EYES_PLACE = "place of the eyes"
_WEIGHTS = {
    "facial_hair": (5, 3, 3),
    "glasses": (5, 3, 3),
    "eyes": (7, 1),
}
_UNNAMED_HAIR = 0.12
# What edit_plainly takes for what cannot be seen.
_UNKNOWN = {"hair_colour": "brown", "eyes": "open", "clothes": "shirt", "clothes_colour": "gray"}


@dataclass(frozen=True)
class Avatar:
    """One person: a seed, and for every key of ATTRIBUTES its value ("" for a hair colour without a name).

    The attributes in `plain` have the first variant of their value and the named colour itself, not the seed's choice;
    with EYES_PLACE the eyes are where they are on average.
    """

    seed: int
    values: Mapping[str, str]
    plain: frozenset[str] = frozenset()

    def labels(self) -> dict[str, str | None]:
        """What can be seen, by attribute: None for an unnamed hair colour and for what something else hides."""
        labels: dict[str, str | None] = dict(self.values)
        if not self.values["hair_colour"] or not self.shows_hair_colour():
            labels["hair_colour"] = None
        if self.values["glasses"] == "sunglasses":
            labels["eyes"] = None
        if self.values["hair"] == "hijab":
            labels["clothes"] = labels["clothes_colour"] = None
        return labels

    def facts(self) -> set[Fact]:
        """The labels that are not None."""
        return {(attribute, value) for attribute, value in self.labels().items() if value is not None}

    def shows_held_out(self) -> bool:
        """Whether the picture shows a HELD_OUT pair; a colour without a name counts as the nearest that has one."""
        facts = self.facts()
        if not self.values["hair_colour"] and self.shows_hair_colour():
            colour = colours.rgb(self.hair_colour()[1:])
            nearest = min(HAIR_COLOURS, key=lambda name: math.dist(colour, colours.rgb(HAIR_COLOURS[name])))
            facts.add(("hair_colour", nearest))
        return is_held_out(facts)

    def edit(self, facts: Iterable[Fact]) -> Avatar:
        """The same person with these facts changed and nothing else."""
        return replace(self, values={**self.values, **dict(facts)})

    def edit_plainly(self, facts: Iterable[Fact]) -> Avatar:
        """The edit as far as it follows from the picture: what changes or comes to light looks plain."""
        told = dict(facts)
        hidden = {name for name, label in self.labels().items() if label is None}
        if self.shows_hair_colour():
            hidden.discard("hair_colour")  # It has no name.
        changed = {name for name, value in told.items() if value != self.values[name]}
        values = {**self.values, **{name: _UNKNOWN[name] for name in hidden}, **told}
        lit = {EYES_PLACE} if "eyes" in hidden else set()
        return replace(self, values=values, plain=self.plain | changed | hidden | lit)

    def shows_hair_colour(self) -> bool:
        """Whether there is hair to be seen, on the head or in the face."""
        return self.values["hair"] not in NO_HAIR_SEEN or self.values["facial_hair"] != "none"

    def hair_colour(self) -> str:
        """The colour of hair and beard; one without a name is a mix of two that have one."""
        name = self.values["hair_colour"]
        if name:
            return self.jitter("hair_colour", f"hair colour/{name}", HAIR_COLOURS[name])
        stream = self.stream(f"hair colour/{name}")
        first, second = stream.sample(list(HAIR_COLOURS.values()), 2)
        return colours.mix(first, second, stream.uniform(0.3, 0.7))

    def stream(self, choice: str) -> random.Random:
        """The random numbers that this choice of this person is made from."""
        return random.Random(f"{self.seed}/{choice}")

    def choice(self, attribute: str, choice: str, options: Sequence[str]) -> str:
        """One of the options: the seed's, or the first if the attribute is plain."""
        return options[0] if attribute in self.plain else self.stream(choice).choice(options)

    def jitter(self, attribute: str, choice: str, colour: str) -> str:
        """About this colour, or the colour itself if the attribute is plain."""
        return "#" + colour if attribute in self.plain else colours.jitter(colour, self.stream(choice))


def sample(seed: int) -> Avatar:
    """A random avatar; never one that shows a HELD_OUT pair."""
    for attempt in range(1000):
        values = {}
        for attribute, options in ATTRIBUTES.items():
            stream = random.Random(f"{seed}/{attempt}/{attribute}")
            values[attribute] = stream.choices(options, _WEIGHTS.get(attribute))[0]
            if attribute == "hair_colour" and stream.random() < _UNNAMED_HAIR:
                values[attribute] = ""
        avatar = Avatar(seed, values)
        if not avatar.shows_held_out():
            return avatar
    raise AssertionError("no avatar without a held-out pair in 1000 attempts")


def applicable(avatar: Avatar, facts: Iterable[Fact]) -> bool:
    """Whether a picture of this person can show all these facts (no hair colour where no hair is seen, ...)."""
    facts = set(facts)
    return facts <= avatar.edit(facts).facts()


def label_row(avatar: Avatar) -> list[int]:
    """The index of each attribute's value, -1 where it has none."""
    labels = avatar.labels()
    return [-1 if labels[name] is None else values.index(labels[name]) for name, values in ATTRIBUTES.items()]
