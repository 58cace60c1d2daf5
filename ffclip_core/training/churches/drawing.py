"""Drawing a church: the sky, and before it all else, moved as one."""

from __future__ import annotations

import numpy as np

from ..avatars.drawing import rasterise
from .building import draw_building
from .church import Church
from .extras import draw_before, draw_on_walls
from .foreground import draw_front
from .land import draw_land
from .openings import draw_openings
from .pen import GROUND, MIDDLE, SIDE, Pen
from .sky import draw_haze, draw_sky, draw_weather, tint

STANDS = 215.0
"""Where the building's ground lies in the drawing."""
LARGER = 1.08
"""How much larger than planned it is drawn."""


def place(church: Church) -> tuple[float, float, float]:
    """How far right and down the middle lies, in the drawing's units, and how much larger all is drawn."""
    stream, reach = church.stream("place"), 0.04 * SIDE
    return stream.uniform(-reach, reach), stream.uniform(-reach, reach), stream.uniform(0.96, 1.04)


def svg(church: Church) -> str:
    pen = Pen(tint(church))
    draw_sky(pen, church)
    right, down, larger = place(church)
    pen.begin(MIDDLE, MIDDLE, larger, MIDDLE + right, MIDDLE + down)
    draw_land(pen, church)
    draw_haze(pen, church)
    pen.begin(MIDDLE, GROUND, LARGER, MIDDLE, STANDS)
    draw_building(pen, church)
    draw_on_walls(pen, church)
    draw_openings(pen, church)
    draw_before(pen, church)
    pen.end()
    draw_front(pen, church)
    pen.end()
    draw_weather(pen, church)
    return pen.svg()


def draw(church: Church, size: int) -> np.ndarray:
    """As it is, uint8 [size, size, 3]."""
    return rasterise(svg(church), size, size)[..., :3]
