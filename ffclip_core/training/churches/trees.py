"""Drawing trees of every season."""

from __future__ import annotations

from .church import Church
from .pen import Pen
from .shapes import disc, poly

LEAVES = {
    "spring": ("f6b3cd", "fde3ec", "e88bb0"),
    "summer": ("4d9c45", "74bd58", "367a3a"),
    "autumn": ("e08a2c", "f4bb45", "c4502a"),
}
"""Crown, light and dark leaves."""
_BARK = "6a4c38"
_CROWN = ((-0.55, 0.3, 0.55), (0.55, 0.3, 0.55), (-0.3, -0.35, 0.6), (0.35, -0.3, 0.6), (0, 0, 0.75))
_DEEP = ((0.5, 0.45), (0.1, 0.5), (0.6, 0))
_BRIGHT = ((-0.5, -0.4), (-0.1, -0.6), (-0.65, 0.15), (0.35, -0.45), (-0.15, 0.05), (0.1, -0.2), (0.6, 0.15),
           (-0.4, 0.5))  # fmt: skip
_CAP = ((-0.3, -0.55, 0.45), (0.35, -0.5, 0.45), (0, -0.65, 0.42), (-0.75, 0.05, 0.28), (0.78, 0.05, 0.28))
_WAYS = ((-0.95, -0.15), (-0.6, -0.75), (-0.08, -1.0), (0.5, -0.8), (0.95, -0.2))


def draw_tree(pen: Pen, church: Church, x: float, base: float, height: float) -> None:
    season, snowy = church.values["season"], church.values["weather"] == "snow"
    middle, reach = base - 0.66 * height, 0.31 * height

    def puffs(places: tuple[tuple[float, float, float], ...], flat: float = 1.0) -> str:
        return "".join(disc(x + a * reach, middle + b * reach, r * reach, flat * r * reach) for a, b, r in places)

    pen.shape(disc(x, base, 0.8 * reach, 4), "000000", 0.14)
    pen.shape(poly([(x - 5, base), (x - 2.5, middle), (x + 2.5, middle), (x + 5, base)]), _BARK)
    if season == "winter":
        _draw_branches(pen, x, middle, reach, snowy)
        return
    crown, bright, deep = LEAVES[season]
    pen.shape(puffs(_CROWN), crown)
    pen.shape(puffs(tuple((a, b, 0.3) for a, b in _DEEP)), deep, 0.55)
    pen.shape(puffs(tuple((a, b, 0.19) for a, b in _BRIGHT)), bright)
    if snowy:
        pen.shape(puffs(_CAP, 0.6), "ffffff")


def _draw_branches(pen: Pen, x: float, middle: float, reach: float, snowy: bool) -> None:
    low = middle + 0.35 * reach

    def at(a: float, b: float) -> str:
        return f"{x + a * reach:.2f} {middle + b * reach:.2f}"

    pen.line("".join(f"M{x:.2f} {low:.2f}Q{at(0.3 * a, 0.3 * b)} {at(a, b)}" for a, b in _WAYS), _BARK, 3.4)
    twigs = [(a, b, c) for a, b in _WAYS for c in (-0.22, 0.24)]
    pen.line("".join(f"M{at(0.6 * a, 0.55 * b)}L{at(0.6 * a + c, 0.55 * b - 0.3)}" for a, b, c in twigs), _BARK, 2.4)
    if snowy:
        pen.line("".join(f"M{at(0.62 * a, 0.57 * b - 0.09)}L{at(a, b - 0.09)}" for a, b in _WAYS), "ffffff", 2.6)
