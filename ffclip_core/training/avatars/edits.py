"""What is asked of whom, and what shall come of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..codes import Codes
from ..facts import Fact, facts_of_picture
from .avatar import Avatar, applicable, label_row
from .captions import caption
from .parameters import parameters
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
_NOTHING_NEW = 0.1


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


@dataclass(frozen=True)
class Edits:
    """Edits to learn: codes before and as they should be after [B, L, D], captions, the persons after the edit."""

    w: Tensor
    wanted: Tensor
    captions: list[str]
    avatars: list[Avatar]


def edits(codes: Codes, avatars: Sequence[Avatar], w: Tensor, rng: np.random.Generator) -> Edits:
    """A random edit of each of these persons, whose pictures have the codes w [B, L, D]."""
    stream = random.Random(int(rng.integers(2**62)))
    after, captions = [], []
    for avatar in avatars:
        if rng.random() < _NOTHING_NEW:
            facts = facts_of_picture(np.array(label_row(avatar)), ATTRIBUTES, SPOKEN, rng)
            after.append(avatar)
        else:
            facts = random_edit(avatar, stream)
            after.append(avatar.edit_plainly(facts))
        captions.append(caption(facts, stream))
    start, goal = (torch.from_numpy(np.stack([parameters(a) for a in p])).to(w.device) for p in (avatars, after))
    change = codes.along(codes.w(goal))[:, None] - codes.along(w)
    change = torch.where((start != goal)[:, None], change, 0) @ codes.directions
    return Edits(w, w + change, captions, after)
