"""What a drawing is made from, as numbers."""

from __future__ import annotations

import numpy as np

from ..codes import ALL
from .church import SHARES, Church
from .drawing import place
from .extras import flag_colour, graffiti_colour
from .land import ground_colour
from .looks import seen_colour
from .pen import SIDE
from .sky import sky_colour
from .vocabulary import COLOURED, VARIANTS

_SCALES = {
    "style": "coarse",
    "tower": "coarse",
    "tower_top": "coarse medium",
    "material": "medium fine",
    "lights": "medium fine",
    "time": "coarse fine",
    "weather": ALL,
    "season": "coarse fine",
    "surroundings": "coarse medium",
}
"""Of the attributes that are not of the medium layers alone."""
_SHARES = {"tall": "coarse", "wide": "coarse", "drift": "coarse", "left tree": "coarse", "right tree": "coarse"}
_COLUMNS = [(name, variant) for name, table in VARIANTS.items() for variant in sum(table.values(), ())]
# Nothing is drawn of an attribute where all its columns are zero.

SCALES: tuple[str, ...] = (
    *(_SCALES.get(name, "medium") for name, _ in _COLUMNS),
    *("fine",) * 3 * (len(COLOURED) + 4),
    *(_SHARES[name] for name in SHARES),
    *(ALL,) * 3,
)
"""Which layers see each: where large shapes lie the coarse ones, parts the medium ones, colours and what is made of
them the fine ones, and all how the whole is moved."""


def parameters(church: Church) -> np.ndarray:
    """float32 [P], about unit scale: which variants, which colours as they look, how much of what, where. What is not
    seen is zero."""
    values, plain, shown = church.values, church.plain, church.shown
    chosen = {name: church.variant(name) if shown.get(name, True) else "" for name in VARIANTS}
    row = [float(chosen[name] == variant) for name, variant in _COLUMNS]
    inks = [(values[name], name in plain, True) for name in COLOURED]
    inks.append((graffiti_colour(church), "graffiti" in plain, values["graffiti"] != "none"))
    inks.append((flag_colour(church), "flag" in plain, values["flag"] != "none"))
    inks += [(sky_colour(church), False, True), (ground_colour(church), False, True)]
    for colour, asked, seen in inks:
        row += [seen * (2 * channel - 1) for channel in seen_colour(church, colour, asked)]
    row += [1.5 * church.shares[name] * shown.get(name, True) for name in SHARES]
    right, down, larger = place(church)
    row += [right / 0.02 / SIDE, down / 0.02 / SIDE, (larger - 1) / 0.02]
    return np.array(row, np.float32)
