"""What a drawing is written with: shapes in SVG, in the colours that the light of the hour makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from .. import colours
from .shapes import Point, darker, extent, poly, right_of

SIDE = 256.0
"""The drawing's units."""
MIDDLE = SIDE / 2
GROUND = 210.0
"""Where walls meet the ground."""
FAR = 24.0
"""How far the land goes on beyond the frame, as all of it may be moved."""
_LIT = 0.62
"""The part of a shape's breadth that is in the light."""


class Pen:
    """Collects shapes; tint: what is left of a colour's channels in this light."""

    def __init__(self, tint: Sequence[float]) -> None:
        self._tint = tint
        self._parts: list[str] = []

    def shape(self, path: str, colour: str, opacity: float = 1.0, glowing: bool = False) -> None:
        """glowing: in light of its own; nothing where the path is empty."""
        if not path:
            return
        seen = "" if opacity == 1 else f' fill-opacity="{opacity:.2f}"'
        self._parts.append(f'<path d="{path}" fill="#{self._ink(colour, glowing)}"{seen}/>')

    def line(self, path: str, colour: str, width: float, opacity: float = 1.0, glowing: bool = False) -> None:
        seen = "" if opacity == 1 else f' stroke-opacity="{opacity:.2f}"'
        self._parts.append(
            f'<path d="{path}" fill="none" stroke="#{self._ink(colour, glowing)}" stroke-width="{width:.2f}" '
            f'stroke-linecap="round" stroke-linejoin="round"{seen}/>'
        )

    def shaded(self, outline: Sequence[Point], colour: str, share: float = 0.16) -> None:
        """With less light on its right."""
        self.shape(poly(outline), colour)
        self.shade(outline, darker(colour, share))

    def shade(self, outline: Sequence[Point], colour: str, opacity: float = 1.0) -> None:
        left, _, right, _ = extent(outline)
        if part := right_of(outline, left + _LIT * (right - left)):
            self.shape(poly(part), colour, opacity)

    def begin(self, x: float, y: float, larger: float, to_x: float, to_y: float) -> None:
        """From here on all is larger, and the point x, y lies at to_x, to_y."""
        self._parts.append(
            f'<g transform="translate({to_x:.3f} {to_y:.3f}) scale({larger:.4f}) translate({-x:.3f} {-y:.3f})">'
        )

    def end(self) -> None:
        self._parts.append("</g>")

    def svg(self) -> str:
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE:g} {SIDE:g}">{"".join(self._parts)}</svg>'

    def _ink(self, colour: str, glowing: bool) -> str:
        if glowing:
            return colour
        return colours.as_hex(channel * left for channel, left in zip(colours.rgb(colour), self._tint, strict=True))
