"""Drawing what is in the walls: windows, the door, the clock."""

from __future__ import annotations

import math

from .church import Church
from .pen import GROUND, MIDDLE, Pen
from .plan import Slot, across, nave_of, towers, windows
from .shapes import apart, arch, darker, disc, lighter, poly, rect

_LIT, _UNLIT, _LEAD, _BRASS = "ffd45e", "34455e", "221c2c", "e8c25a"
_GLASS = ("e03c34", "f8c83a", "2f80dc", "36a862", "9c4cc4", "f08c2e")
_DOOR = (26.0, 36.0)


def draw_openings(pen: Pen, church: Church) -> None:
    kind, nave, standing = church.values["windows"], nave_of(church), towers(church)
    for x, slot in windows(church):
        _WINDOWS[kind](pen, church, x, slot)
    x, y, radius = (0.0, 147.0, 17.0) if church.values["tower"] == "central" else nave.rose
    if kind == "rose":
        _rose(pen, church, MIDDLE + x, y, radius)
    else:
        _WINDOWS[kind](pen, church, MIDDLE + x, Slot(0, y + radius + 1, 15, 2 * radius + 1))
    _door(pen, church)
    if church.values["clock"] == "clock":
        if not standing:
            right, down, radius = nave.clock
            _clock(pen, across(church, right), down, radius)
        for tower in standing:
            _clock(pen, tower.x, tower.top + 39, min(11.0, 0.55 * tower.half))


def _frame(church: Church) -> str:
    """The colour around openings."""
    return apart(church.values["wall_colour"], 0.24, 0.45, 0.7)


def _pane(pen: Pen, church: Church, path: str) -> None:
    lit = church.values["lights"] == "on"
    pen.shape(path, _LIT if lit else _UNLIT, glowing=lit)


def _glow(pen: Pen, church: Church, x: float, y: float, right: float, down: float) -> None:
    if church.values["lights"] == "on":
        pen.shape(disc(x, y, right, down), _LIT, 0.2, glowing=True)


def _plain(pen: Pen, church: Church, x: float, slot: Slot) -> None:
    """Two by two panes under a lintel."""
    half, height, frame = 0.54 * slot.width, 0.68 * slot.height, _frame(church)
    sill = slot.sill - 0.12 * slot.height
    top, middle = sill - height, sill - height / 2
    _glow(pen, church, x, middle, 1.9 * half, 0.9 * height)
    pen.shape(
        rect(x - half - 2.2, top - 2.2, x + half + 2.2, sill + 1) + rect(x - half - 4, sill, x + half + 4, sill + 3),
        frame,
    )
    _pane(pen, church, rect(x - half, top, x + half, sill))
    pen.shape(rect(x - 1, top, x + 1, sill) + rect(x - half, middle - 1, x + half, middle + 1), frame)


def _pointed(pen: Pen, church: Church, x: float, slot: Slot) -> None:
    """Two lancets under an arch."""
    width, height, sill, frame = 0.92 * slot.width, 1.04 * slot.height, slot.sill, _frame(church)
    _glow(pen, church, x, sill - height / 2, 0.95 * width, 0.62 * height)
    pen.shape(arch("pointed", x, sill + 2, width + 4.6, height + 5), frame)
    _pane(pen, church, arch("pointed", x, sill, width, height))
    pen.shape(rect(x - 1, sill - 0.72 * height, x + 1, sill), frame)


def _stained(pen: Pen, church: Church, x: float, slot: Slot) -> None:
    """A mosaic of all colours, leaded."""
    lit, half, sill = church.values["lights"] == "on", slot.width / 2, slot.sill
    top = sill - slot.height
    _glow(pen, church, x, sill - slot.height / 2, 2 * half, 0.62 * slot.height)
    pen.shape(arch("round", x, sill + 2, slot.width + 4.4, slot.height + 4.2), _frame(church))
    pen.shape(arch("round", x, sill, slot.width, slot.height), _LEAD)
    rows = max(2, round((slot.height - half) / 8))
    step = (slot.height - half) / rows
    cells: dict[str, str] = {_GLASS[5]: arch("round", x, top + half - 1, slot.width - 2, half - 2)}
    for i in range(rows):
        first = top + half + i * step
        for j in (0, 1):
            left, right = (x - half + 1, x - 1) if j == 0 else (x + 1, x + half - 1)
            colour = _GLASS[(2 * i + 3 * j + i // 2) % 5]
            cells[colour] = cells.get(colour, "") + rect(left, first + 1, right, first + step - 1)
    for colour, path in cells.items():
        pen.shape(path, lighter(colour, 0.16) if lit else darker(colour, 0.24), glowing=lit)


def _rose(pen: Pen, church: Church, x: float, y: float, radius: float) -> None:
    lit, frame = church.values["lights"] == "on", _frame(church)
    _glow(pen, church, x, y, 1.35 * radius, 1.35 * radius)
    pen.shape(disc(x, y, radius + 1.6), darker(frame, 0.35))
    pen.shape(disc(x, y, radius), frame)
    angles = [math.pi / 8 * (2 * i + 1) for i in range(8)]
    petals = [disc(x + 0.66 * radius * math.cos(a), y + 0.66 * radius * math.sin(a), 0.22 * radius) for a in angles]
    _pane(pen, church, "".join(petals))
    pen.shape(disc(x, y, 0.32 * radius), lighter(_GLASS[0], 0.1) if lit else darker(_GLASS[0], 0.2), glowing=lit)


_WINDOWS = {"plain": _plain, "pointed": _pointed, "rose": _plain, "stained": _stained}


def _door(pen: Pen, church: Church) -> None:
    style, wall = church.values["style"], church.values["wall_colour"]
    width, height = _DOOR
    head = "ogee" if style == "orthodox" else nave_of(church).head
    frame = apart(wall, 0.2, 0.35, 0.7)
    nested = ((12, darker(frame, 0.25)), (6, frame)) if style in ("gothic", "romanesque") else ((7, frame),)
    for more, tone in nested:
        pen.shape(arch(head, MIDDLE, GROUND, width + more, height + 0.6 * more), tone)
    (_open_door if church.values["door"] == "open" else _closed_door)(pen, church, head)
    left, right = MIDDLE - width / 2, MIDDLE + width / 2
    pen.shape(rect(left - 6, GROUND - 1, right + 6, GROUND + 2), "bcb8b2")
    pen.shape(rect(left - 9, GROUND + 2, right + 9, GROUND + 5), "9c9891")


def _closed_door(pen: Pen, church: Church, head: str) -> None:
    leaf, (width, height) = church.values["door_colour"], _DOOR
    line = apart(leaf, 0.3, 0.28, 0.78)
    half, top, low = width / 2, GROUND - 0.62 * height, GROUND - 0.2 * height
    pen.shape(arch(head, MIDDLE, GROUND, width, height), leaf)
    bars = rect(MIDDLE - 1, GROUND - height + 3, MIDDLE + 1, GROUND)
    bars += "".join(rect(MIDDLE - half, y - 1, MIDDLE + half, y + 1) for y in (top, low))
    pen.shape(bars, line)
    pen.shape(disc(MIDDLE - 4, GROUND - 15, 1.7) + disc(MIDDLE + 4, GROUND - 15, 1.7), _BRASS)


def _open_door(pen: Pen, church: Church, head: str) -> None:
    """Into the aisle, its leaves at both sides."""
    leaf, lit, (width, height) = church.values["door_colour"], church.values["lights"] == "on", _DOOR
    pen.shape(arch(head, MIDDLE, GROUND, width, height), "ffcb60" if lit else "2a2028", glowing=lit)
    aisle = [(MIDDLE - 3, GROUND - 15), (MIDDLE + 3, GROUND - 15), (MIDDLE + 9, GROUND), (MIDDLE - 9, GROUND)]
    pen.shape(poly(aisle), "b5302c" if lit else "5c2630", glowing=lit)
    tall = height if head == "flat" else 0.72 * height
    for side in (-1, 1):
        hinge, edge = MIDDLE + side * width / 2, MIDDLE + side * (width / 2 + 11)
        quad = poly([(hinge, GROUND), (hinge, GROUND - tall), (edge, GROUND - tall - 3), (edge, GROUND + 5)])
        pen.shape(quad, leaf if side < 0 else darker(leaf, 0.14))
        pen.line(quad, apart(leaf, 0.32, 0.3, 0.78), 2)


def _clock(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.shape(disc(x, y, radius), "3a3038")
    pen.shape(disc(x, y, radius - 2), "fbf7ea")
    hands = f"M{x:.2f} {y - 0.6 * radius:.2f}V{y:.2f}L{x + 0.42 * radius:.2f} {y + 0.22 * radius:.2f}"
    pen.line(hands, "3a3038", 2)
