"""Where the parts of a church lie: naves of every style, and the towers before or beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .church import Church
from .pen import GROUND, MIDDLE
from .shapes import Outline, Point, both, box, curves, hump


@dataclass(frozen=True)
class Slot:
    """Room for a window: how far right of the middle, its sill, width and height."""

    right: float
    sill: float
    width: float
    height: float


@dataclass(frozen=True)
class Nave:
    """The front of a style, x right of the middle. walls: that a level cuts once each; roofs: upper and lower edge;
    behind: roofs behind the walls; slots: room for windows, at both sides; rose, clock: x, y and radius, the clock's
    where no tower has it; apex: where a cross stands; flank: how far from the middle towers at the side are; head: of
    the style's arches; edge: half the breadth."""

    walls: tuple[Outline, ...]
    roofs: tuple[tuple[Outline, Outline], ...]
    behind: tuple[Outline, ...]
    slots: tuple[Slot, ...]
    rose: tuple[float, float, float]
    clock: tuple[float, float, float]
    apex: Point
    flank: float
    head: str
    edge: float


@dataclass(frozen=True)
class Tower:
    """x: its middle; half: of its width; top: where its walls end."""

    x: float
    half: float
    top: float


def _gable(upper: Sequence[Point], lower: Sequence[Point]) -> tuple[Outline, Outline]:
    return both(upper), both(lower)


def _aisles(*edges: Sequence[Point]) -> tuple[tuple[Outline, Outline], ...]:
    """Of the right one's edges both."""
    upper, lower = (tuple(edge) for edge in edges)
    return (upper, lower), (tuple((-x, y) for x, y in upper), tuple((-x, y) for x, y in lower))


_SCROLLS = both(
    ((0, 94), (8, 94), (10, 98), (12, 104), (15, 109), (22, 107), (26, 112), (28, 126), (37, 122), (46, 135))
)
NAVES = {
    "village chapel": Nave(
        walls=(both([(0, 104), (50, 152), (50, GROUND)]),),
        roofs=(_gable([(0, 84), (68, 149)], [(0, 105), (59, 162)]),),
        behind=(),
        slots=(Slot(32, 195, 15, 32),),
        rose=(0, 147, 16),
        clock=(0, 121.5, 8),
        apex=(0, 85),
        flank=58,
        head="round",
        edge=50,
    ),
    "gothic": Nave(
        walls=(both([(0, 84), (40, 128), (40, 150), (64, 168), (64, GROUND)]),),
        roofs=(
            _gable([(0, 66), (52, 124)], [(0, 86), (45, 135)]),
            *_aisles([(40, 140), (73, 165)], [(40, 154), (70, 176)]),
        ),
        behind=(),
        slots=(Slot(53, 201, 11, 25), Slot(26, 188, 11, 44)),
        rose=(0, 147, 19),
        clock=(0, 113, 9),
        apex=(0, 68),
        flank=58,
        head="pointed",
        edge=64,
    ),
    "romanesque": Nave(
        walls=(both([(0, 112), (44, 140), (44, 156), (70, 172), (70, GROUND)]),),
        roofs=(
            _gable([(0, 94), (57, 132)], [(0, 114), (51, 147)]),
            *_aisles([(44, 143), (79, 166)], [(44, 160), (76, 180)]),
        ),
        behind=(),
        slots=(Slot(57, 205, 11, 20), Slot(29, 188, 11, 32)),
        rose=(0, 151, 16),
        clock=(0, 127, 8),
        apex=(0, 95),
        flank=60,
        head="round",
        edge=70,
    ),
    "baroque": Nave(
        walls=(curves(_SCROLLS), box(-60, 134, 60, GROUND)),
        roofs=(),
        behind=(both([(48, 96), (72, 137)]),),
        slots=(Slot(41, 195, 15, 36),),
        rose=(0, 157, 14),
        clock=(0, 117, 10),
        apex=(0, 94),
        flank=58,
        head="round",
        edge=60,
    ),
    "orthodox": Nave(
        walls=(
            box(-60, 142, 60, GROUND),
            hump(0, 142.5, 25, 25),
            hump(-42.5, 142.5, 17.5, 18),
            hump(42.5, 142.5, 17.5, 18),
        ),
        roofs=(),
        behind=(
            both([(9, 94), (44, 134)]),
            *(hump(x, 144, half + 6, half + 6) for x, half in ((-42.5, 17.5), (42.5, 17.5), (0, 25))),
        ),
        slots=(Slot(41, 192, 13, 36),),
        rose=(0, 155, 13),
        clock=(0, 131, 8),
        apex=(0, 95),
        flank=60,
        head="round",
        edge=60,
    ),
    "modern": Nave(
        walls=(((-60, 168), (26, 96), (60, 126), (60, GROUND), (-60, GROUND)),),
        roofs=((((-74, 165), (26, 79), (74, 122)), ((-65, 178), (26, 101), (66, 136))),),
        behind=(),
        slots=(Slot(40, 197, 12, 30),),
        rose=(0, 149, 16),
        clock=(32, 124, 8),
        apex=(26, 80),
        flank=62,
        head="flat",
        edge=60,
    ),
}


def nave_of(church: Church) -> Nave:
    return NAVES[church.values["style"]]


def across(church: Church, x: float) -> float:
    """Where in the drawing lies what is as far right of the nave's middle."""
    return MIDDLE + x * (1 + 0.05 * church.shares["wide"])


def placed(church: Church, outline: Outline) -> list[Point]:
    return [(across(church, x), y) for x, y in outline]


def towers(church: Church) -> tuple[Tower, ...]:
    """From left to right."""
    where, flank = church.variant("tower"), nave_of(church).flank
    rise = 4 * church.shares["tall"]
    if where == "central":
        return (Tower(MIDDLE, 25, 83 - rise),)
    if where == "twin":
        return tuple(Tower(across(church, x), 18, 86 - rise) for x in (-flank, flank))
    if where:
        return (Tower(across(church, flank if where == "right" else -flank), 21, 83 - rise),)
    return ()


def tower_wall(tower: Tower) -> Outline:
    return box(tower.x - tower.half, tower.top, tower.x + tower.half, GROUND)


def edges(church: Church) -> tuple[float, float]:
    """Where the building begins and ends at the left and the right."""
    half, standing = nave_of(church).edge, towers(church)
    left, right = across(church, -half), across(church, half)
    return min([left, *(tower.x - tower.half for tower in standing)]), max(
        [right, *(tower.x + tower.half for tower in standing)]
    )


def windows(church: Church) -> list[tuple[float, Slot]]:
    """Room for windows at both sides, where no tower stands before it, and in towers there: x, and the slot."""
    nave, standing = nave_of(church), towers(church)
    central, found = any(tower.x == MIDDLE for tower in standing), []
    for slot in nave.slots:
        for side in (-1, 1):
            x, half = across(church, side * slot.right), slot.width / 2
            if central and len(nave.slots) == 1:
                inner, outer = standing[0].half, across(church, nave.edge) - MIDDLE
                narrow = Slot(slot.right, slot.sill, min(slot.width, outer - inner - 9), slot.height)
                found.append((MIDDLE + side * (inner + outer) / 2, narrow))
            elif all(abs(x - tower.x) >= tower.half + half for tower in standing):
                found.append((x, slot))
    return found + [(tower.x, Slot(0, 190, 12, 34)) for tower in standing if tower.x != MIDDLE]
