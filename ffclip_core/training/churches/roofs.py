"""Drawing roofs, and snow on them."""

from __future__ import annotations

from collections.abc import Sequence

from .pen import Pen
from .shapes import Outline, Point, above, extent, poly

_COVERED = 0.5
"""How far down snow lies."""


def draw_roof(pen: Pen, outline: Sequence[Point], colour: str, snowy: bool) -> None:
    """Seen from its front."""
    pen.shaded(outline, colour)
    if snowy:
        _, top, _, bottom = extent(outline)
        pen.shaded(above(outline, top + _COVERED * (bottom - top)), "ffffff", 0.08)


def draw_slopes(pen: Pen, upper: Sequence[Point], lower: Sequence[Point], colour: str, snowy: bool) -> None:
    """Between an upper and a lower edge, from left to right."""
    pen.shaded([*upper, *reversed(lower)], colour)
    if snowy:
        under = [(a + _COVERED * (c - a), b + _COVERED * (d - b)) for (a, b), (c, d) in zip(upper, lower, strict=True)]
        pen.shape(poly([*((x, y - 1) for x, y in upper), *reversed(under)]), "ffffff")


def pinnacle(x: float, bottom: float, half: float, height: float) -> Outline:
    return (x - half, bottom), (x, bottom - height), (x + half, bottom)
