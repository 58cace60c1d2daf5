"""Drawing walls and roofs of the nave."""

from __future__ import annotations

from .church import Church
from .pen import GROUND, Pen
from .plan import across, nave_of, placed, towers
from .roofs import draw_roof, draw_slopes, pinnacle
from .shapes import arch, box, darker, disc, lighter, poly, rect
from .textures import draw_wall
from .tower import cross, draw_tower


def draw_building(pen: Pen, church: Church) -> None:
    """Nave and towers, without what is in their walls."""
    nave, wall, roof = nave_of(church), church.values["wall_colour"], church.values["roof_colour"]
    snowy = church.values["weather"] == "snow"
    if church.values["tower"] != "central":
        cross(pen, church, across(church, nave.apex[0]), nave.apex[1])
    for outline in nave.behind:
        draw_roof(pen, placed(church, outline), roof, snowy)
    for outline in nave.walls:
        draw_wall(pen, placed(church, outline), church.values["material"], wall)
    _TRIMS[church.values["style"]](pen, church)
    for upper, lower in nave.roofs:
        draw_slopes(pen, placed(church, upper), placed(church, lower), roof, snowy)
    for tower in towers(church):
        draw_tower(pen, church, tower)


def _columns(pen: Pen, church: Church, offset: float, top: float, width: float) -> None:
    """Flat pillars at both sides."""
    tone = lighter(church.values["wall_colour"], 0.22)
    for side in (-1, 1):
        x = across(church, side * offset)
        pen.shaded(box(x - width / 2, top, x + width / 2, GROUND), tone, 0.2)


def _band(pen: Pen, church: Church, reach: float, top: float, height: float) -> None:
    """A ledge across the nave."""
    tone, left, right = lighter(church.values["wall_colour"], 0.3), across(church, -reach), across(church, reach)
    pen.shape(rect(left, top, right, top + height), tone)
    pen.shape(rect(left, top + height, right, top + height + 2), darker(tone, 0.3))


def _plinth(pen: Pen, church: Church) -> None:
    edge = nave_of(church).edge
    left, right = across(church, -edge), across(church, edge)
    pen.shape(rect(left, GROUND - 7, right, GROUND), darker(church.values["wall_colour"], 0.2))


def _gothic(pen: Pen, church: Church) -> None:
    _plinth(pen, church)
    tone = lighter(church.values["wall_colour"], 0.22)
    for offset, top in ((63, 164), (40, 118)):
        _columns(pen, church, offset, top, 9)
        for side in (-1, 1):
            pen.shaded(pinnacle(across(church, side * offset), top, 6.5, 20), tone, 0.2)


def _romanesque(pen: Pen, church: Church) -> None:
    _plinth(pen, church)
    _columns(pen, church, 68, 176, 6)
    _columns(pen, church, 44, 144, 6)
    steps = [(x, 127 + 0.63 * x) for x in (6, 15, 24, 33)] + [(x, 170 + 0.6 * (x - 48)) for x in (52, 61)]
    small = "".join(arch("round", across(church, side * x), y + 2, 6, 7) for x, y in steps for side in (-1, 1))
    pen.shape(small, darker(church.values["wall_colour"], 0.35))


def _baroque(pen: Pen, church: Church) -> None:
    _plinth(pen, church)
    _columns(pen, church, 56, 138, 8)
    _columns(pen, church, 26, 138, 8)
    tone = lighter(church.values["wall_colour"], 0.3)
    for side in (-1, 1):
        x = across(church, side * 55)
        pen.shape(rect(x - 3, 124, x + 3, 133) + disc(x, 121.5, 4.5), tone)
    scrolls = placed(church, nave_of(church).walls[0])
    pen.line(poly(scrolls[:-1]).removesuffix("Z"), church.values["roof_colour"], 4.5)
    if church.values["weather"] == "snow":
        pen.line("M" + "L".join(f"{x:.2f} {y - 2:.2f}" for x, y in scrolls[:-1]), "ffffff", 3)
    _band(pen, church, 64, 132, 5)


def _orthodox(pen: Pen, church: Church) -> None:
    _plinth(pen, church)
    _columns(pen, church, 57, 146, 6)
    _columns(pen, church, 25, 146, 6)
    _band(pen, church, 61, 142, 3)


_TRIMS = {
    "village chapel": _plinth,
    "gothic": _gothic,
    "romanesque": _romanesque,
    "baroque": _baroque,
    "orthodox": _orthodox,
    "modern": _plinth,
}
