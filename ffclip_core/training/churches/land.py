"""Drawing what a church stands in: the ground, and what lies behind."""

from __future__ import annotations

import random
from functools import cache

from .. import colours
from .church import Church
from .pen import FAR, MIDDLE, SIDE, Pen
from .shapes import darker, disc, lighter, poly, rect
from .trees import draw_tree

_GRASS = {"spring": "8ed062", "summer": "68b548", "autumn": "b2a04c", "winter": "a2a684"}
_PAVING, _SNOW, _TRACK, _IRON = "cdbda6", "eef3fa", "dcc79c", "3c3a44"
_LEFT, _RIGHT = -FAR, SIDE + FAR
_HOUSES = ((-26, 34, 140, "e6c98e", "a8543a"), (8, 30, 150, "d79a7c", "7a4a40"), (38, 24, 142, "cfd6d2", "a8543a"),
           (194, 26, 146, "e3b98e", "7a4a40"), (220, 30, 138, "c9d3dc", "a8543a"),
           (250, 34, 148, "e8d3a0", "7a4a40"))  # fmt: skip


def is_snowy(church: Church) -> bool:
    return church.values["weather"] == "snow"


def ground_colour(church: Church) -> str:
    """Before the light of the hour."""
    if is_snowy(church):
        return _SNOW
    colour = _PAVING if church.values["surroundings"] == "square" else _GRASS[church.values["season"]]
    settled = church.plain & {"season", "surroundings", "weather"}
    return colour if settled else colours.jitter(colour, church.stream("ground"))


def draw_land(pen: Pen, church: Church) -> None:
    """All behind the church."""
    where = church.values["surroundings"]
    _BEHIND[where](pen, church, ground_colour(church))
    for choice, x in (("left tree", 20.0), ("right tree", 237.0)):
        draw_tree(pen, church, x, 226 if where == "hill" else 218, 98 + 14 * church.shares[choice])


def _hills(pen: Pen, church: Church, ground: str) -> None:
    far = colours.mix(ground, "7fa6c4", 0.5)
    pen.shape(f"M{_LEFT} 205V174C20 152 60 154 100 174S200 150 {_RIGHT} 170V205Z", far)
    pen.shape(f"M{_LEFT} 210V188C40 174 80 180 128 190S230 172 {_RIGHT} 184V210Z", darker(ground, 0.14))
    pen.shape(rect(_LEFT, 198, _RIGHT, _RIGHT), ground)


def _track(pen: Pen, church: Church, half: float) -> None:
    colour = "d4d9e4" if is_snowy(church) else _TRACK
    way = f"M117 217H139C143 229 150 242 {MIDDLE + half} {_RIGHT}H{MIDDLE - half}C106 242 113 229 117 217Z"
    pen.shape(way, colour)


def _meadow(pen: Pen, church: Church, ground: str) -> None:
    _hills(pen, church, ground)
    _track(pen, church, 34)
    fence = "a98a66"
    for left, right in ((_LEFT, 88), (168, _RIGHT)):
        pen.shape(rect(left, 228, right, 231) + rect(left, 235, right, 238), fence)
        posts = [left + 6 + 14 * i for i in range(int((right - left - 4) // 14) + 1)]
        pen.shape("".join(_post(x) for x in posts), lighter(fence, 0.2))
    if not is_snowy(church) and church.values["season"] in ("spring", "summer"):
        for i, colour in enumerate(("ffffff", "f8d648", "e8586a")):
            pen.shape("".join(disc(x, y, 2.3) for x, y in _flowers()[i::3]), colour)


def _post(x: float) -> str:
    return poly([(x - 2.5, 242), (x - 2.5, 225), (x, 222), (x + 2.5, 225), (x + 2.5, 242)])


@cache
def _flowers() -> list[tuple[float, float]]:
    stream = random.Random("flowers")
    side = [(stream.uniform(0, 86), stream.uniform(243, 256)) for _ in range(14)]
    return side + [(SIDE - x, y) for x, y in side]


def _square(pen: Pen, church: Church, ground: str) -> None:
    lit = church.values["time"] == "night"
    for x, width, top, wall, roof in _HOUSES:
        pen.shape(rect(x, top, x + width, 206), wall)
        gable = poly([(x - 2, top + 2), (x + width / 2, top - 20), (x + width + 2, top + 2)])
        pen.shape(gable, "f4f7fc" if is_snowy(church) else roof)
        corners = [(x + a * width, y) for a in (0.2, 0.62) for y in (top + 10, top + 28)]
        pen.shape("".join(rect(a, b, a + 5, b + 8) for a, b in corners), "ffd97a" if lit else "5a6c84", glowing=lit)
    pen.shape(rect(_LEFT, 202, _RIGHT, _RIGHT), ground)
    lines = "".join(rect(_LEFT, y, _RIGHT, y + 2) for y in (219, 230, 244))
    for x in range(-140, 400, 36):
        far = MIDDLE + (x - MIDDLE) * 0.42
        lines += poly([(x - 1, _RIGHT), (far - 1, 202), (far + 1, 202), (x + 1.5, _RIGHT)])
    pen.shape(lines, darker(ground, 0.12))
    for x in (42, 214):
        _lamp(pen, x, lit)


def _lamp(pen: Pen, x: float, lit: bool) -> None:
    pen.shape(rect(x - 1.5, 178, x + 1.5, 238) + rect(x - 4, 235, x + 4, 240), _IRON)
    if lit:
        pen.shape(disc(x, 173, 17), "ffe28a", 0.3, glowing=True)
    glass = poly([(x - 5, 168), (x + 5, 168), (x + 3.5, 179), (x - 3.5, 179)])
    pen.shape(glass, "ffe9a8" if lit else "f4efdc", glowing=lit)
    pen.shape(poly([(x - 7, 169), (x, 162), (x + 7, 169)]), _IRON)


def _hill(pen: Pen, church: Church, ground: str) -> None:
    peaks = colours.mix("6f86a8", ground, 0.12)
    for x, top, half in ((30, 116, 74), (226, 108, 84), (128, 142, 70)):
        pen.shape(poly([(x - half, 236), (x, top), (x + half, 236)]), peaks)
        pen.shape(poly([(x, top), (x + half, 236), (x + 0.3 * half, 236)]), darker(peaks, 0.12))
        cap = ((0, 0), (0.2, 24), (0.05, 18), (-0.06, 26), (-0.2, 24))
        pen.shape(poly([(x + a * half, top + b) for a, b in cap]), "f8faff")
    pen.shape(f"M{_LEFT} 280V230C40 218 90 230 128 230S220 216 {_RIGHT} 232V280Z", colours.mix(ground, "4f7f74", 0.4))
    pen.shape(f"M{_LEFT} 290V268C10 246 32 214 80 213H176C224 214 246 246 {_RIGHT} 268V290Z", ground)
    way = "M118 216H138C140 230 178 232 170 242S120 250 112 290H74C84 252 142 246 148 239S120 230 118 216Z"
    pen.shape(way, "d4d9e4" if is_snowy(church) else _TRACK)


def _graveyard(pen: Pen, church: Church, ground: str) -> None:
    _hills(pen, church, ground)
    wall = "a09a94"
    pen.shape(rect(_LEFT, 196, _RIGHT, 209), wall)
    pen.shape(rect(_LEFT, 193, _RIGHT, 197), "f4f7fc" if is_snowy(church) else lighter(wall, 0.25))
    pen.shape("".join(rect(x, 197, x + 2, 209) for x in range(-18, 280, 16)), darker(wall, 0.2))
    _track(pen, church, 26)


_BEHIND = {"meadow": _meadow, "square": _square, "hill": _hill, "graveyard": _graveyard, "lake": _hills}
