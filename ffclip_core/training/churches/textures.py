"""What walls of each material look like: boards, bricks and blocks of a few tones over their colour."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from .pen import Pen
from .shapes import Point, apart, darker, disc, extent, lighter, poly, rect, span

_Painter = Callable[[Pen, Sequence[Point], str], None]


def draw_wall(pen: Pen, outline: Sequence[Point], material: str, colour: str) -> None:
    """outline: such as each level cuts once."""
    pen.shape(poly(outline), colour)
    if material in _PAINTERS:
        _PAINTERS[material](pen, outline, colour)
    pen.shade(outline, darker(colour, 1), 0.15)


def _tone(colour: str, share: float) -> str:
    """Away from it: lighter where it is dark itself."""
    return apart(colour, share, share, 0.13)


def _rows(outline: Sequence[Point], height: float) -> Iterator[tuple[int, float, float, float]]:
    """Courses that fit: number, top, left and right."""
    _, top, _, bottom = extent(outline)
    for i in range(int(top // height), int(bottom // height) + 1):
        first, last = max(i * height, top + 0.1), min((i + 1) * height, bottom - 0.1)
        if last - first > 1:
            ends = span(outline, first), span(outline, last)
            left, right = max(end[0] for end in ends), min(end[1] for end in ends)
            if right - left > 2:
                yield i, first, left, right


def _bricks(pen: Pen, outline: Sequence[Point], colour: str) -> None:
    mortar, dark, bottom = "", "", extent(outline)[3]
    for i, top, left, right in _rows(outline, 8):
        end = min(8 * i + 8, bottom)
        mortar += rect(left, top, right, min(top + 2, end))
        first = 16 * (left // 16) + 8 * (i % 2)
        for x in range(int(first), int(right) + 1, 16):
            if left < x and x + 2 < right:
                mortar += rect(x, top, x + 2, end)
            if i % 2 and left < x + 2 and x + 16 < right:
                dark += rect(x + 2, top + 2, x + 16, end)
    pen.shape(dark, darker(colour, 0.08))
    pen.shape(mortar, apart(colour, 0.24, 0.34, 0.7))


@cache
def _joints(row: int) -> tuple[float, ...]:
    """Where the stones of a course end."""
    stream, at = random.Random(f"course {row}"), [-8.0]
    while at[-1] < 270:
        at.append(at[-1] + stream.uniform(10, 19))
    return tuple(at)


def _rubble(pen: Pen, outline: Sequence[Point], colour: str) -> None:
    paths, bottom = ["", "", ""], extent(outline)[3]
    for i, top, left, right in _rows(outline, 11):
        end, joints = min(11 * i + 11, bottom), _joints(i)
        for j, (start, stop) in enumerate(zip(joints, joints[1:], strict=False)):
            a, b, c, d = max(start + 1, left), max(top, 11 * i) + 1, min(stop - 1, right), end - 1
            if c - a > 4 and d - b > 4:
                paths[(i + 2 * j + j // 3) % 3] += poly(
                    [
                        (a + 2.5, b),
                        (c - 2.5, b),
                        (c, b + 2.5),
                        (c, d - 2.5),
                        (c - 2.5, d),
                        (a + 2.5, d),
                        (a, d - 2.5),
                        (a, b + 2.5),
                    ]
                )
    pen.shape(poly(outline), _tone(colour, 0.34))
    for path, tone in zip(paths, (colour, lighter(colour, 0.14), darker(colour, 0.1)), strict=True):
        pen.shape(path, tone)


def _ashlar(pen: Pen, outline: Sequence[Point], colour: str) -> None:
    joints, bright, bottom = "", "", extent(outline)[3]
    for i, top, left, right in _rows(outline, 14):
        end = min(14 * i + 14, bottom)
        joints += rect(left, top, right, min(top + 2, end))
        for x in range(int(28 * (left // 28) + 14 * (i % 2)) - 28, int(right) + 1, 28):
            if left < x and x + 2 < right:
                joints += rect(x, top, x + 2, end)
            if (x // 14 + 2 * i) % 3 == 0 and min(x + 28, right) - max(x, left) > 3:
                bright += rect(max(x, left), top, min(x + 28, right), end)
    pen.shape(bright, lighter(colour, 0.22))
    pen.shape(joints, _tone(colour, 0.2))


def _boards(pen: Pen, outline: Sequence[Point], colour: str) -> None:
    left, _, right, bottom = extent(outline)
    gaps = ""
    for x in range(int(left // 9) * 9, int(right) + 1, 9):
        if left <= x and x + 2 <= right:
            turned = [(y, a) for a, y in outline]
            top = max(span(turned, x + 0.1)[0], span(turned, x + 1.9)[0])
            gaps += rect(x, top, x + 2, bottom)
    pen.shape(gaps, _tone(colour, 0.32))


def _panels(pen: Pen, outline: Sequence[Point], colour: str) -> None:
    joints, holes, bottom = "", "", extent(outline)[3]
    for i, top, left, right in _rows(outline, 26):
        end = min(26 * i + 26, bottom)
        joints += rect(left, top, right, min(top + 2, end))
        for x in range(int(34 * (left // 34)), int(right) + 1, 34):
            if left < x and x + 2 < right:
                joints += rect(x, top, x + 2, end)
            for at in (x + 9, x + 27):
                if left + 3 < at < right - 3 and 26 * i + 16 < end:
                    holes += disc(at, 26 * i + 14, 1.6)
    pen.shape(joints, _tone(colour, 0.17))
    pen.shape(holes, _tone(colour, 0.4))


_PAINTERS: dict[str, _Painter] = {
    "stone": _rubble,
    "brick": _bricks,
    "sandstone": _ashlar,
    "wood": _boards,
    "concrete": _panels,
}
