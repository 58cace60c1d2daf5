"""Outlines as points, x to the right and y down, and their path data in SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .. import colours

Point = tuple[float, float]
Outline = tuple[Point, ...]

_INK = "1b1530"
_STEPS = 5
"""Straight pieces of a Bézier curve."""


def darker(colour: str, share: float) -> str:
    return colours.mix(colour, _INK, share)


def lighter(colour: str, share: float) -> str:
    return colours.mix(colour, "ffffff", share)


def apart(colour: str, down: float, up: float, at: float) -> str:
    """Darker by `down` where it is brighter than `at`, else lighter by `up`; about there between the two."""
    bright = sum(colours.rgb(colour)) / 3
    return colours.mix(lighter(colour, up), darker(colour, down), min(max(20 * (bright - at) + 0.5, 0), 1))


def poly(points: Iterable[Point]) -> str:
    """Path data of a closed polygon."""
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points) + "Z"


def rect(left: float, top: float, right: float, bottom: float) -> str:
    return f"M{left:.2f} {top:.2f}H{right:.2f}V{bottom:.2f}H{left:.2f}Z"


def box(left: float, top: float, right: float, bottom: float) -> Outline:
    return (left, top), (right, top), (right, bottom), (left, bottom)


def disc(x: float, y: float, radius: float, down: float = 0.0) -> str:
    """Path data of an ellipse; down: its other radius, where it is no circle."""
    down = down or radius
    half = f"a{radius:.2f} {down:.2f} 0 1 1"
    return f"M{x - radius:.2f} {y:.2f}{half} {2 * radius:.2f} 0{half} {-2 * radius:.2f} 0Z"


def arch(kind: str, x: float, bottom: float, width: float, height: float) -> str:
    """Path data of an opening on its sill; kind: flat, round, pointed or ogee."""
    half = width / 2
    left, right, top = x - half, x + half, bottom - height
    if kind == "flat":
        return rect(left, top, right, bottom)
    spring = top + {"round": half, "pointed": 0.95 * width, "ogee": 0.9 * width}[kind]
    start, end = f"M{left:.2f} {bottom:.2f}V{spring:.2f}", f"V{bottom:.2f}Z"
    if kind == "round":
        return f"{start}A{half:.2f} {half:.2f} 0 0 1 {right:.2f} {spring:.2f}{end}"
    if kind == "pointed":
        to = f"A{1.1 * width:.2f} {1.1 * width:.2f} 0 0 1"
        return f"{start}{to} {x:.2f} {top:.2f}{to} {right:.2f} {spring:.2f}{end}"
    low = 0.5 * (top + spring)
    return (
        f"{start}C{left:.2f} {low:.2f} {x - 0.12 * width:.2f} {low:.2f} {x:.2f} {top:.2f}"
        f"C{x + 0.12 * width:.2f} {low:.2f} {right:.2f} {low:.2f} {right:.2f} {spring:.2f}{end}"
    )


def hump(x: float, bottom: float, half: float, rise: float) -> Outline:
    """Half an ellipse upon a level, from left to right."""
    angles = [math.pi * (1 - i / 14) for i in range(15)]
    return tuple((x + half * math.cos(angle), bottom - rise * math.sin(angle)) for angle in angles)


def curves(points: Sequence[Point]) -> Outline:
    """Cubic Bézier curves (start, two handles, end, two handles, end, …) as straight pieces."""
    found = [points[0]]
    for i in range(0, len(points) - 3, 3):
        a, b, c, d = points[i : i + 4]
        for t in (j / _STEPS for j in range(1, _STEPS + 1)):
            share = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            x, y = (sum(s * p[axis] for s, p in zip(share, (a, b, c, d), strict=True)) for axis in (0, 1))
            found.append((x, y))
    return tuple(found)


def both(right: Sequence[Point]) -> Outline:
    """Of the right half, from the top to the bottom, the whole from left to right."""
    return (*((-x, y) for x, y in reversed(right) if x), *right)


def right_of(outline: Sequence[Point], at: float) -> Outline:
    """What of it lies further right."""
    found = []
    for (x, y), (to_x, to_y) in zip(outline, (*outline[1:], outline[0]), strict=True):
        if x >= at:
            found.append((x, y))
        if (x >= at) != (to_x >= at):
            found.append((at, y + (to_y - y) * (at - x) / (to_x - x)))
    return tuple(found)


def above(outline: Sequence[Point], at: float) -> Outline:
    """What of it lies higher."""
    turned = right_of([(-y, x) for x, y in outline], -at)
    return tuple((x, -y) for y, x in turned)


def span(outline: Sequence[Point], y: float) -> tuple[float, float]:
    """From where to where it goes at this level; the end before the start where it doesn't."""
    at = [
        x + (to_x - x) * (y - from_y) / (to_y - from_y)
        for (x, from_y), (to_x, to_y) in zip(outline, (*outline[1:], outline[0]), strict=True)
        if (from_y > y) != (to_y > y)
    ]
    return (min(at), max(at)) if at else (math.inf, -math.inf)


def extent(outline: Sequence[Point]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    xs, ys = zip(*outline, strict=True)
    return min(xs), min(ys), max(xs), max(ys)
