"""Drawing towers: walls, bells and tops."""

from __future__ import annotations

from collections.abc import Sequence

from .church import Church
from .pen import GROUND, Pen
from .plan import Tower, nave_of, tower_wall
from .roofs import draw_roof, draw_slopes, pinnacle
from .shapes import Point, arch, box, curves, darker, disc, hump, lighter, rect
from .textures import draw_wall

_GOLD, _IRON = "e0ac3a", "3c3a44"


def cross(pen: Pen, church: Church, x: float, bottom: float) -> None:
    """Standing on its foot."""
    style = church.values["style"]
    colour = _GOLD if style in ("baroque", "orthodox", "gothic") else _IRON
    top = bottom - 13
    bars = f"M{x:.2f} {bottom:.2f}V{top:.2f}M{x - 4:.2f} {top + 4.5:.2f}H{x + 4:.2f}"
    if style == "orthodox":
        bars += f"M{x - 3:.2f} {top + 8:.2f}L{x + 3:.2f} {top + 10:.2f}"
    pen.line(bars, colour, 2.5)


def tower_colour(church: Church) -> str:
    return lighter(church.values["wall_colour"], 0.07)


def draw_tower(pen: Pen, church: Church, tower: Tower) -> None:
    style, wall = church.values["style"], tower_colour(church)
    x, half, top = tower.x, tower.half, tower.top
    left, right = x - half, x + half
    _TOPS[church.variant("tower_top")](pen, church, tower)
    draw_wall(pen, tower_wall(tower), church.values["material"], wall)
    corner = lighter(wall, 0.2)
    if style in ("gothic", "baroque", "romanesque"):
        for edge in (left + 3, right - 3):
            pen.shaded(box(edge - 3.5, top, edge + 3.5, GROUND), corner, 0.2)
    if style == "gothic":
        for edge in (left + 2, right - 2):
            pen.shaded(pinnacle(edge, top, 5, 17), corner, 0.2)
    if style == "romanesque":
        step = (2 * half - 14) / 4
        arches = "".join(arch("round", left + 7 + (i + 0.5) * step, top + 36, step - 2, 6) for i in range(4))
        pen.shape(arches, darker(wall, 0.35))
    if style != "modern":
        for ledge in (top, top + 25):
            pen.shape(rect(left - 2, ledge, right + 2, ledge + 3), lighter(wall, 0.3))
            pen.shape(rect(left - 2, ledge + 3, right + 2, ledge + 5), darker(wall, 0.28))
    pen.shape(rect(left, GROUND - 7, right, GROUND), darker(wall, 0.2))
    single = style in ("village chapel", "modern")
    width = 11.0 if single else 0.42 * half
    head = nave_of(church).head
    bells = "".join(
        arch(head, at, top + 23, width, 15) for at in ((x,) if single else (x - 0.3 * half, x + 0.3 * half))
    )
    pen.shape(bells, darker(wall, 0.72))


def _spire(pen: Pen, church: Church, tower: Tower) -> None:
    x, top, edge = tower.x, tower.top, tower.half + 3
    cross(pen, church, x, top - 42)
    outline = [
        (x - edge, top + 1),
        (x - edge + 5, top - 5),
        (x, top - 43),
        (x + edge - 5, top - 5),
        (x + edge, top + 1),
    ]
    _roof(pen, church, outline)


def _onion(pen: Pen, church: Church, tower: Tower) -> None:
    x, top, half = tower.x, tower.top, tower.half
    cross(pen, church, x, top - 42)
    pen.shaded(box(x - 0.7 * half, top - 7, x + 0.7 * half, top + 1), lighter(church.values["wall_colour"], 0.3))
    right = [(0.72, 0), (1.5, 10), (1.15, 19), (0.42, 25), (0.16, 29), (0.08, 34), (0, 38)]
    points = [(x + part * half, top - 5 - up) for part, up in right]
    _roof(pen, church, curves([*points, *((2 * x - at, y) for at, y in reversed(points[:-1]))]))


def _dome(pen: Pen, church: Church, tower: Tower) -> None:
    x, top, half = tower.x, tower.top, tower.half
    stone, crown = lighter(church.values["wall_colour"], 0.3), top - 6 - half
    cross(pen, church, x, crown - 8)
    pen.shaded(box(x - 4, crown - 5, x + 4, crown + 2), stone)
    _roof(pen, church, hump(x, crown - 4, 6, 5))
    pen.shaded(box(x - 0.9 * half, top - 6, x + 0.9 * half, top + 1), stone)
    _roof(pen, church, hump(x, top - 5, half + 1, half + 2))


def _gables(pen: Pen, church: Church, tower: Tower) -> None:
    x, top, half, edge = tower.x, tower.top, tower.half, tower.half + 5
    cross(pen, church, x, top - 31)
    draw_wall(pen, pinnacle(x, top + 1, half, 22), church.values["material"], tower_colour(church))
    pen.shape(disc(x, top - 6, 3.4), darker(church.values["wall_colour"], 0.6))
    upper, lower = (
        [(x - edge, top - 2), (x, top - 33), (x + edge, top - 2)],
        [(x - edge + 4, top + 6), (x, top - 20), (x + edge - 4, top + 6)],
    )
    draw_slopes(pen, upper, lower, church.values["roof_colour"], church.values["weather"] == "snow")


def _battlements(pen: Pen, church: Church, tower: Tower) -> None:
    x, top, half, wall = tower.x, tower.top, tower.half + 1, tower_colour(church)
    cross(pen, church, x, top - 2)
    step = 2 * half / 7
    for i in (0, 2, 4, 6):
        left = x - half + i * step
        pen.shape(rect(left, top - 13, left + step, top), darker(wall, 0.15) if i > 3 else wall)
        if church.values["weather"] == "snow":
            pen.shape(rect(left - 0.5, top - 15, left + step + 0.5, top - 11), "ffffff")
    pen.shaded(box(x - half, top - 5, x + half, top + 1), wall)


def _roof(pen: Pen, church: Church, outline: Sequence[Point]) -> None:
    draw_roof(pen, outline, church.values["roof_colour"], church.values["weather"] == "snow")


_TOPS = {"spire": _spire, "onion": _onion, "battlements": _battlements, "dome": _dome, "gabled": _gables}
