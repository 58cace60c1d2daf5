"""Drawing what may be on a church: ivy, graffiti, scaffolding."""

from __future__ import annotations

import random
from functools import cache

from .. import colours
from .church import Church
from .pen import GROUND, MIDDLE, Pen
from .plan import edges, nave_of, placed, tower_wall, towers
from .shapes import darker, disc, lighter, rect, span

_SPRAY, _CLOTH = "d4269c", "d62a1c"
_BRIGHT = "d4269c d62a1c 2b6be0 1fb5ad 2ea84f f28a22 8438c0 f4d63a".split()
_POLE, _PLANK, _INK = "7d8794", "c89a58", "241c2c"
_IVY = ("2f6b35", "3f8a44", "56a552")


def graffiti_colour(church: Church) -> str:
    return _SPRAY if "graffiti" in church.plain else _any(church, "graffiti colour")


def flag_colour(church: Church) -> str:
    return _CLOTH if "flag" in church.plain else _any(church, "flag colour")


def _any(church: Church, choice: str) -> str:
    stream = church.stream(choice)
    return colours.jitter(stream.choice(_BRIGHT), stream)


def draw_on_walls(pen: Pen, church: Church) -> None:
    """Ivy, which leaves windows free."""
    if church.values["ivy"] != "ivy":
        return
    left = edges(church)[0]
    walls = [placed(church, wall) for wall in nave_of(church).walls] + [tower_wall(tower) for tower in towers(church)]
    leaves = ["", "", ""]
    for i, (right, up, radius) in enumerate(_leaves()):
        x, y = left + right, GROUND - up
        ends = [span(wall, y) for wall in walls]
        if any(start - 2 < x < end + 2 for start, end in ends):
            leaves[i % 3] += disc(x, y, radius)
    for path, colour in zip(leaves, _IVY, strict=True):
        pen.shape(path, colour)


@cache
def _leaves() -> list[tuple[float, float, float]]:
    """Right of the building's edge, up, and radius: many below, fewer above."""
    stream, found = random.Random("ivy"), []
    while len(found) < 110:
        x, y = stream.uniform(-2, 44), stream.uniform(1, 88)
        if x < 44 - 0.5 * y + stream.uniform(-6, 6) or (x < 9 and y < 82):
            found.append((x, y, stream.uniform(2.8, 4.8)))
    return sorted(found, key=lambda leaf: -leaf[1])


def draw_before(pen: Pen, church: Church) -> None:
    """Graffiti and scaffolding."""
    if church.values["graffiti"] == "graffiti":
        x, y = max(edges(church)[1] - 48, MIDDLE + 17), GROUND - 4
        _GRAFFITI[church.variant("graffiti")](pen, graffiti_colour(church), x, y)
    if church.values["scaffolding"] == "scaffolding":
        left, right = edges(church)
        side = church.variant("scaffolding") == "left"
        _scaffold(pen, *((left - 5, MIDDLE - 19) if side else (MIDDLE + 19, right + 5)))


def _letters(pen: Pen, colour: str, x: float, y: float) -> None:
    word = f"M{x + 3:.2f} {y - 16}h9l-9 14h10M{x + 18:.2f} {y - 2}l4.5-15l6.5 15M{x + 35:.2f} {y - 17}v15h7"
    pen.line(word, _INK, 8)
    pen.line(word, colour, 4.8)


def _heart(pen: Pen, colour: str, x: float, y: float) -> None:
    left = f"M{x + 12:.2f} {y}C{x - 9:.2f} {y - 14} {x + 4:.2f} {y - 26} {x + 12:.2f} {y - 16}"
    heart = f"{left}C{x + 20:.2f} {y - 26} {x + 33:.2f} {y - 14} {x + 12:.2f} {y}Z"
    pen.line(heart, _INK, 4)
    pen.shape(heart, colour)
    bolt = f"M{x + 38:.2f} {y - 20}l-5 10h7l-5 10"
    pen.line(bolt, _INK, 6.5)
    pen.line(bolt, lighter(colour, 0.45), 3.5)


_GRAFFITI = {"letters": _letters, "heart": _heart}


def _scaffold(pen: Pen, first: float, last: float) -> None:
    middle, decks = (first + last) / 2, range(194, 94, -25)
    pen.shape(rect(first, 96, last, GROUND + 4), "5a9a8a", 0.22)
    braces = [f"M{first:.2f} {y}L{middle:.2f} {y - 25}M{middle:.2f} {y}L{last:.2f} {y - 25}" for y in decks if y > 125]
    pen.line("".join(braces), lighter(_POLE, 0.25), 2)
    pen.shape("".join(rect(x - 1.6, 92, x + 1.6, GROUND + 5) for x in (first, middle, last)), _POLE)
    pen.shape("".join(rect(first - 3, y - 12, last + 3, y - 10) for y in decks), _POLE)
    pen.shape("".join(rect(first - 4, y, last + 4, y + 4) for y in decks), _PLANK)
    pen.shape("".join(rect(first - 4, y + 4, last + 4, y + 6) for y in decks), darker(_PLANK, 0.4))
