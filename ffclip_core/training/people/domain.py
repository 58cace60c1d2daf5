"""People as a domain that a family is trained on:

python run.py train ffclip.ffclip_core.training.people.domain:PEOPLE runs/avatars --config FILE

FILE says at least `size: 256` and how many `pictures` are drawn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..drawings import Box
from ..told import Told
from .drawing import SIDE, place
from .looks import picture_of
from .parameters import SCALES, parameters
from .person import COLOURED, Person, sample
from .vocabulary import CONCEPTS, HELD_OUT, MORE
from .words import WORDS

_FACE = (84.0, 76.0, 196.0, 190.0)
"""Left, top, right and bottom of brows, eyes, nose, mouth and beard, in the art's units."""
_SPOKEN = {
    "hair": 3.0,
    "hair_colour": 3.0,
    "facial_hair": 2.0,
    "beard_colour": 0.7,
    "glasses": 2.0,
    "glasses_colour": 0.5,
    "expression": 3.0,
    "eyes": 1.5,
    "brows": 0.8,
    "mouth": 1.5,
    "clothes": 1.2,
    "clothes_colour": 1.2,
    "graphic": 1.0,
    "hat_colour": 0.7,
    "skin": 1.0,
    "background": 0.6,
}
"""How often texts speak of each attribute."""
_REMOVED = {
    ("hair", "no hat"),
    ("facial_hair", "none"),
    ("glasses", "none"),
    ("clothes", "plain"),
    *(fact for fact in CONCEPTS if fact[1].startswith("not ")),
}
"""What takes something away."""
_APART = [
    frozenset(pair)
    for pair in (("expression", "eyes"), ("expression", "brows"), ("expression", "mouth"), ("clothes", "graphic"))
]
"""Attributes of which one is made of the other."""
_PROMPTS = ("purple hair", "bald", "beard", "glasses", "surprised", "sad", "afro", "closed eyes", "sunglasses", "happy")


class People(Told):
    """The Domain of person.Person."""

    package = Path(__file__).parent
    drawn_by = ("dicebear-core", "dicebear-styles", "resvg_py")
    words = WORDS
    spoken = _SPOKEN
    prompts = _PROMPTS
    scales = SCALES
    coloured = COLOURED
    more = MORE
    held_out = HELD_OUT
    removed = _REMOVED
    apart = _APART

    def sample(self, seed: int) -> Person:
        return sample(seed)

    def draw(self, thing: Person, size: int) -> np.ndarray:
        return picture_of(thing, size)

    def parameters(self, thing: Person) -> np.ndarray:
        return parameters(thing)

    def focus(self, thing: Person) -> Box:
        right, down, _, _ = place(thing)
        left, top, end, bottom = _FACE
        return (left + right) / SIDE, (top + down) / SIDE, (end + right) / SIDE, (bottom + down) / SIDE


PEOPLE = People()
