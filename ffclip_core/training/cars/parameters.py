"""What a drawing is made from, as numbers."""

from __future__ import annotations

import numpy as np

from ..codes import ALL
from .car import COLOURED, Car
from .drawing import SIDE, place
from .looks import seen_colour
from .vocabulary import ATTRIBUTES, SCENES

_OF_ALL = {"direction": ("right",), "scenery": tuple(scene for scenes in SCENES.values() for scene in scenes)}
"""Attributes that all layers see, and what they have columns of."""
_SCALES = {
    "body": "coarse medium",
    "roof": "medium",
    "wheels": "medium fine",
    "load": "medium",
    "lights": "medium",
    "spoiler": "medium",
    "decals": "medium fine",
    "windows": "fine",
    "time": ALL,
    "weather": "medium fine",
    "condition": "medium fine",
}
"""Of attributes with a column per value, which layers see them."""
_NOTHING = {"one colour", "none", "off", "clear", "clean"}
"""Values that are drawn where all columns of their attribute are zero."""
_COLUMNS = [(name, value) for name in _SCALES for value in ATTRIBUTES[name] if value not in _NOTHING]

SCALES: tuple[str, ...] = (
    *(_SCALES[name] for name, _ in _COLUMNS),
    *(ALL,) * sum(map(len, _OF_ALL.values())),
    *("fine",) * 3 * len(COLOURED),
    "medium",
    *(ALL,) * 4,
)
"""Which layers see each: what a body is the coarser ones, its parts the medium ones, colours and patterns the fine
ones, and all where it stands, which way it looks, and what lies behind."""


def parameters(car: Car) -> np.ndarray:
    """float32 [P], about unit scale: which values, which colours as they look, how large wheels are, where all is. What
    is not seen is zero."""
    values, shown = car.values, car.shown
    row = [float(shown.get(name, True) and values[name] == value) for name, value in _COLUMNS]
    row.append(1.0 if values["direction"] == "right" else -1.0)
    row += [float(car.scene == scene) for scene in _OF_ALL["scenery"]]
    for name in COLOURED:
        row += [shown.get(name, True) * (2 * c - 1) for c in seen_colour(car, name)]
    row.append((car.wheel_scale - 1) / 0.12)
    right, down, larger, shift = place(car)
    row += [right / 0.02 / SIDE, down / 0.008 / SIDE, (larger - 1) / 0.02, shift / 0.02 / SIDE]
    return np.array(row, np.float32)
