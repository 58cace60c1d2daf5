"""Drawing what lies before a church: graves, a lake, leaves, puddles, a flag."""

from __future__ import annotations

import random
from functools import cache

from .. import colours
from .church import Church
from .extras import flag_colour
from .land import is_snowy
from .pen import FAR, SIDE, Pen
from .shapes import arch, darker, disc, lighter, poly, rect
from .trees import LEAVES

_LEFT, _RIGHT = -FAR, SIDE + FAR
_WATER = {"day": "4f9fd8", "sunset": "a2acdc", "night": "3c5c9c"}
_DULL = {"clear": 0.0, "cloudy": 0.3, "rain": 0.45, "snow": 0.35, "fog": 0.45}
_STONES = ("9c9ca4", "b4b0aa", "86868e")


def draw_front(pen: Pen, church: Church) -> None:
    where = church.values["surroundings"]
    if church.values["flag"] == "flag":
        _flag(pen, flag_colour(church))
    if church.values["season"] == "autumn" and not is_snowy(church):
        for i, colour in enumerate(LEAVES["autumn"]):
            pen.shape("".join(disc(x, y, 2.5, 1.9) for x, y in _fallen()[i::3]), colour)
    if where == "graveyard":
        _graves(pen, is_snowy(church))
    elif where == "lake":
        _lake(pen, church)
    if church.values["weather"] == "rain" and where != "lake":
        for x, y, broad in ((74, 233, 18), (186, 242, 22), (98, 250, 14)):
            pen.shape(disc(x, y, broad, 4), "9ab0c8", 0.85)
            pen.shape(disc(x - 0.2 * broad, y - 1, 0.5 * broad, 1.4), "dce8f4", 0.8)


@cache
def _fallen() -> list[tuple[float, float]]:
    stream = random.Random("leaves")
    return [(stream.uniform(0, 62) if i % 2 else stream.uniform(194, 256), stream.uniform(217, 228)) for i in range(33)]


def _graves(pen: Pen, snowy: bool) -> None:
    for i, (x, y) in enumerate(((18, 240), (50, 249), (82, 238), (174, 238), (206, 249), (238, 240))):
        stone = _STONES[i % 3]
        pen.shape(disc(x, y + 1, 14, 3), "000000", 0.16)
        if i % 3 == 1:
            pen.shape(rect(x - 2.5, y - 27, x + 2.5, y) + rect(x - 9, y - 21, x + 9, y - 16), stone)
            caps = rect(x - 9, y - 23, x + 9, y - 20) + rect(x - 2.5, y - 29, x + 2.5, y - 26)
        else:
            pen.shape(arch("round", x, y, 19, 23), stone)
            pen.shape(rect(x - 5, y - 14, x + 5, y - 12) + rect(x - 5, y - 9, x + 5, y - 7), darker(stone, 0.35))
            caps = f"M{x - 9.5} {y - 14}A9.5 9.5 0 0 1 {x + 9.5} {y - 14}Q{x} {y - 22} {x - 9.5} {y - 14}Z"
        pen.shape(caps if snowy else "", "ffffff")


def _lake(pen: Pen, church: Church) -> None:
    water = colours.mix(_WATER[church.values["time"]], "8a98a8", _DULL[church.values["weather"]])
    shore = f"M{_LEFT} 290V231C30 226 80 228 128 227S220 224 {_RIGHT} 231V290Z"
    pen.line(shore, "dccb9c", 5)
    pen.shape(shore, water, glowing=church.values["time"] == "night")
    wall, roof = church.values["wall_colour"], church.values["roof_colour"]
    pen.shape("M70 229H186L180 235L184 239L176 244L180 248H76L80 244L72 239L76 235Z", wall, 0.38)
    pen.shape(f"M78 248H178L168 253L172 258L150 {_RIGHT}H106L84 258L88 253Z", roof, 0.42)
    for x, y, half in ((36, 235, 22), (210, 237, 26), (128, 240, 40), (62, 247, 30), (196, 251, 34), (20, 253, 18)):
        pen.shape(rect(x - half, y, x + half, y + 2), lighter(water, 0.5), 0.7)
    reeds = [(x, 220 + x % 5) for x in (8, 15, 22, 236, 243, 250)]
    pen.line("".join(f"M{x} 238V{y}" for x, y in reeds), "6a7a3c", 2)
    pen.line("".join(f"M{x} {y}v6" for x, y in reeds), "6b4628", 4)


def _flag(pen: Pen, colour: str) -> None:
    x = 216.0
    pen.shape(rect(x - 1.5, 112, x + 1.5, 226), "e8e4dc")
    pen.shape(disc(x, 111, 3), "e0ac3a")
    pen.shape(f"M{x + 1.5} 115q8-6 16 0t16 0v26q-8 6-16 0t-16 0Z", colour)
    pen.shape(f"M{x + 1.5} 123.5q8-6 16 0t16 0v9q-8 6-16 0t-16 0Z", "ffffff")
    pen.shape(poly([(x - 6, 228), (x - 4, 223), (x + 4, 223), (x + 6, 228)]), "9a968f")
