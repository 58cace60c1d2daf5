"""Cars as a domain that a family is trained on:

python run.py train ffclip.ffclip_core.training.cars.domain:CARS runs/cars --config FILE

FILE says at least `size: 256` and how many `pictures` are drawn.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ..drawings import Box
from ..told import Told
from ..wear import look_of, wear
from .car import COLOURED, Car, sample
from .drawing import HEIGHT, SIDE, draw, extent
from .parameters import SCALES, parameters
from .vocabulary import CONCEPTS, HELD_OUT, MORE
from .words import WORDS

_SPOKEN = {
    "body": 3.0,
    "body_colour": 3.0,
    "roof": 0.8,
    "roof_colour": 1.0,
    "wheels": 1.5,
    "wheel_size": 1.0,
    "load": 2.0,
    "lights": 1.2,
    "spoiler": 1.2,
    "decals": 1.5,
    "decal_colour": 0.8,
    "windows": 1.0,
    "direction": 1.0,
    "time": 1.5,
    "weather": 2.0,
    "scenery": 2.0,
    "condition": 1.0,
}
"""How often texts speak of each attribute."""
_REMOVED = {
    ("body", "not open"),
    ("roof", "one colour"),
    ("load", "none"),
    ("lights", "off"),
    ("spoiler", "none"),
    ("decals", "none"),
    ("condition", "clean"),
    ("time", "not night"),
    *(fact for fact in CONCEPTS if fact[1].startswith("no ")),
}
"""What takes something away."""
_APART = [
    frozenset(pair)
    for pair in (("roof", "roof_colour"), ("decals", "decal_colour"), ("body", "roof"), ("body", "roof_colour"))
]
"""Attributes of which one is made of the other."""
_PROMPTS = (
    "yellow car", "convertible", "pickup truck", "flames", "surfboard on the roof", "at night", "snow", "at the beach",
    "rear wing", "muddy",
)  # fmt: skip


class Cars(Told):
    """The Domain of car.Car."""

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

    def sample(self, seed: int) -> Car:
        return sample(seed)

    def draw(self, thing: Car, size: int) -> np.ndarray:
        return wear(look_of(thing), partial(draw, thing), size)

    def parameters(self, thing: Car) -> np.ndarray:
        return parameters(thing)

    def focus(self, thing: Car) -> Box:
        """The car without what stands on it."""
        left, top, right, bottom = extent(thing)
        bar = (SIDE - HEIGHT) / 2
        return left / SIDE, (top + bar) / SIDE, right / SIDE, (bottom + bar) / SIDE

    def can_be(self, thing: Car) -> bool:
        return thing.is_distinct


CARS = Cars()
