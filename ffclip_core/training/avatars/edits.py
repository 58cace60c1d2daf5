"""What is asked of whom."""

from __future__ import annotations

import random

from ..facts import Fact
from .avatar import Avatar, applicable
from .vocabulary import ATTRIBUTES

# How often an edit is about each attribute.
_EDITED = {
    "hair": 3.0,
    "hair_colour": 2.5,
    "facial_hair": 2.5,
    "glasses": 2.5,
    "expression": 4.0,
    "eyes": 1.5,
    "clothes": 0.7,
    "clothes_colour": 0.7,
}
# How often a caption speaks about each attribute.
SPOKEN = {
    "hair": 3.0,
    "hair_colour": 3.0,
    "facial_hair": 2.5,
    "glasses": 2.5,
    "expression": 3.0,
    "eyes": 1.0,
    "clothes": 0.7,
    "clothes_colour": 0.7,
}


def random_edit(avatar: Avatar, stream: random.Random) -> tuple[Fact, ...]:
    """One to three facts that this person's picture can show, at least one of them new; never a held-out pair."""
    while True:
        count = stream.choices((1, 2, 3), (5, 3.5, 1.5))[0]
        attributes: list[str] = []
        while len(attributes) < count:
            attribute = stream.choices(list(_EDITED), list(_EDITED.values()))[0]
            if attribute not in attributes:
                attributes.append(attribute)
        facts = tuple((attribute, stream.choice(ATTRIBUTES[attribute])) for attribute in attributes)
        new = not set(facts) <= avatar.facts()
        if new and applicable(avatar, facts) and not avatar.edit(facts).shows_held_out():
            return facts
