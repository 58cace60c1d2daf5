"""What a drawing is made from, as numbers."""

from __future__ import annotations

import numpy as np

from ..codes import ALL
from .drawing import SIDE, VARIANTS, place, variants
from .looks import background_of, seen_colour
from .person import Person

_SCALES = {"top": "coarse", "clothes": "coarse", "clothesGraphic": "fine"}
"""Of the components of the art that are not of the medium layers."""
_COLOURED = ("hair_colour", "beard_colour", "hat_colour", "clothes_colour", "glasses_colour")
# None is drawn where all are zero.
_COLUMNS = [(component, variant) for component, (_, table) in VARIANTS.items() for variant in sum(table.values(), ())]

SCALES: tuple[str, ...] = (
    *(_SCALES.get(component, "medium") for component, _ in _COLUMNS),
    *("fine",) * 3 * (len(_COLOURED) + 2),
    *(ALL,) * 4,
)
"""Which layers see each: where hair and clothes lie the coarse ones, features the medium ones, colours and prints the
fine ones, and all how the whole is moved."""


def parameters(person: Person) -> np.ndarray:
    """float32 [P], about unit scale: which variants, which colours as they look, where. What is not seen is zero."""
    chosen, shown = variants(person), person.shown
    seen = {component: shown.get(attribute, True) for component, (attribute, _) in VARIANTS.items()}
    row = [float(seen[component] and chosen[component] == variant) for component, variant in _COLUMNS]
    for name in _COLOURED:
        row += [shown.get(name, True) * (2 * c - 1) for c in seen_colour(person, name)]
    row += [2 * c - 1 for c in (*seen_colour(person, "skin"), *background_of(person))]
    right, down, larger, turn = place(person)
    row += [right / 0.02 / SIDE, down / 0.02 / SIDE, (larger - 1) / 0.02, turn / 2]
    return np.array(row, np.float32)
