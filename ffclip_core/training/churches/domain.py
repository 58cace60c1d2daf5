"""Churches as a domain that a family is trained on:

python run.py train ffclip.ffclip_core.training.churches.domain:CHURCHES runs/churches
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ..drawings import Box
from ..told import Told
from ..wear import look_of, wear
from .church import Church, sample
from .drawing import draw, place
from .parameters import SCALES, parameters
from .pen import MIDDLE, SIDE
from .vocabulary import COLOURED, CONCEPTS, HELD_OUT, MORE
from .words import WORDS

_FRONT = (46.0, 26.0, 210.0, 220.0)
"""Left, top, right and bottom of a church with its towers, in the drawing's units."""
_SPOKEN = {
    "style": 2.0,
    "tower": 2.0,
    "tower_top": 2.0,
    "material": 2.0,
    "wall_colour": 3.0,
    "roof_colour": 2.5,
    "windows": 1.6,
    "door": 1.2,
    "door_colour": 1.5,
    "clock": 0.9,
    "lights": 1.2,
    "time": 2.2,
    "weather": 3.0,
    "season": 2.2,
    "surroundings": 2.0,
    "scaffolding": 0.9,
    "graffiti": 0.9,
    "ivy": 0.9,
    "flag": 0.9,
}
"""How often texts speak of each attribute."""
_REMOVED = {
    *((name, "none") for name in ("tower", "clock", "scaffolding", "graffiti", "ivy", "flag")),
    *(fact for fact in CONCEPTS if fact[1].startswith("no ")),
    ("lights", "off"),
}
"""What takes something away."""
_APART = [frozenset(("tower", "tower_top")), frozenset(("material", "wall_colour"))]
"""Attributes of which one is made of the other."""
_PROMPTS = (
    "at night",
    "in the snow",
    "red roof",
    "pink walls",
    "onion dome",
    "two towers",
    "brick walls",
    "autumn",
    "by a lake",
    "no tower",
)


class Churches(Told):
    """The Domain of church.Church."""

    package = Path(__file__).parent

    words = WORDS
    spoken = _SPOKEN
    prompts = _PROMPTS
    scales = SCALES
    coloured = COLOURED
    more = MORE
    held_out = HELD_OUT
    removed = _REMOVED
    apart = _APART

    def sample(self, seed: int) -> Church:
        return sample(seed)

    def draw(self, thing: Church, size: int) -> np.ndarray:
        return wear(look_of(thing), partial(draw, thing), size)

    def parameters(self, thing: Church) -> np.ndarray:
        return parameters(thing)

    def focus(self, thing: Church) -> Box:
        right, down, larger = place(thing)
        left, top, end, bottom = (MIDDLE + (at - MIDDLE) * larger for at in _FRONT)
        return (left + right) / SIDE, (top + down) / SIDE, (end + right) / SIDE, (bottom + down) / SIDE


CHURCHES = Churches()
