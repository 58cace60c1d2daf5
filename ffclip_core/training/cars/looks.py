"""What colours look like in a picture, which may be lit in any way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..colours import rgb
from ..wear import look_of
from .car import Car


def seen_colour(car: Car, attribute: str) -> np.ndarray:
    """What the colour of an attribute looks like in the picture: channels in [0, 1]. One that was asked for is not gray
    in a gray picture."""
    light = look_of(car).light
    if attribute in car.plain:
        light = replace(light, gray=False)
    return light.of(np.array(rgb(car.values[attribute])))
