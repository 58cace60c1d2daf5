"""What a car has beside its body, as SVG in the units of bodies.Body. `tone` says how a colour looks at that time."""

from __future__ import annotations

import math

from ..colours import mix
from .bodies import Body
from .scenery import Tone, box, boxes, disc, discs, line, shape

RADIUS = 16.0
"""Of wheels of the middle size."""
_MUD = ("6e5234", "8f6e47")


def wheel(x: float, radius: float, kind: str, muddy: bool, tone: Tone) -> str:
    """On the road, its middle at x."""
    y, rim = -radius, 0.66 * radius
    silver, dark = tone("d9dee3"), tone("3a3f47")
    found = disc(x, y, radius, tone("24262b"))
    if kind == "white-wall":
        found += disc(x, y, 0.84 * radius, tone("fbfaf5")) + disc(x, y, 0.56 * radius, tone("24262b"))
        found += disc(x, y, 0.46 * radius, silver) + disc(x, y, 0.2 * radius, tone("8d959e"))
    elif kind == "plain":
        found += disc(x, y, rim, tone("aeb5bd")) + disc(x, y, 0.5 * radius, tone("c9cfd5"))
        found += disc(x, y, 0.2 * radius, tone("7d858e"))
    else:
        found += disc(x, y, 0.72 * radius, silver) + disc(x, y, 0.6 * radius, dark)
        if kind == "spoked":
            found += _spokes(x, y, rim, 10, 2.0, silver) + disc(x, y, 0.17 * radius, tone("e8b54a"))
        else:
            found += _spokes(x, y, rim, 5, 0.28 * radius, silver) + disc(x, y, 0.22 * radius, silver)
            found += disc(x, y, 0.1 * radius, dark)
    if muddy:
        found += disc(x - 0.62 * radius, y + 0.5 * radius, 0.26 * radius, tone(_MUD[0]))
        found += disc(x + 0.6 * radius, y - 0.56 * radius, 0.2 * radius, tone(_MUD[1]))
        found += disc(x + 0.5 * radius, y + 0.66 * radius, 0.24 * radius, tone(_MUD[0]))
    return found


def _spokes(x: float, y: float, reach: float, count: int, wide: float, colour: str) -> str:
    ends = (2 * math.pi * i / count - math.pi / 2 for i in range(count))
    return line(
        " ".join(f"M{x:.2f},{y:.2f} l{reach * math.cos(end):.2f},{reach * math.sin(end):.2f}" for end in ends),
        colour,
        wide,
    )


def load(body: Body, kind: str, facing: int, tone: Tone) -> str:
    left, right, y = body.roof
    middle, metal = (left + right) / 2, tone("4a515b")
    if kind == "roof rack":
        posts = [(left - 1.5 + part * (right - left) / 3, y - 12, 3, 14) for part in range(4)]
        rails = [(left - 5, y - up, right - left + 10, 3) for up in (13, 6.5)]
        return boxes([*posts, *rails], metal)
    if kind == "surfboard":
        posts = box(left + 6, y - 6, 4, 8, metal) + box(right - 10, y - 6, 4, 8, metal)
        reach = 48
        rear, front, up = middle - reach, middle + reach, y - 10.5
        upper = f"M{rear},{up} C{rear + 20},{up - 7} {front - 34},{up - 7} {front},{up - 4}"
        lower = f"C{front - 24},{up + 6} {rear + 20},{up + 5} {rear},{up} Z"
        stripe = line(f"M{rear + 16},{up - 0.5} L{front - 22},{up - 1.5}", tone("e5493d"), 3)
        fin = shape(f"M{rear + 8},{up} L{rear + 4},{up + 9} L{rear + 18},{up + 2} Z", tone("e5493d"))
        return posts + fin + shape(f"{upper} {lower}", tone("fbe6a8")) + stripe
    if kind == "luggage":
        return _luggage(middle, y, tone)
    if kind == "taxi sign":
        return _taxi_sign(middle, y, facing, tone)
    if kind == "police light":
        base = box(middle - 17, y - 4, 34, 5, metal, 2)
        halo = '<circle cx="{}" cy="{}" r="15" fill="#{}" fill-opacity=".32"/>'
        lamps = halo.format(middle - 8, y - 9, "3b7bff") + halo.format(middle + 8, y - 9, "ff4040")
        lamps += box(middle - 15, y - 13, 14, 10, "2f6dff", 4) + box(middle + 1, y - 13, 14, 10, "f23030", 4)
        shine = box(middle - 12, y - 11, 4, 3, "a9c8ff", 1.5) + box(middle + 4, y - 11, 4, 3, "ffb3ad", 1.5)
        return base + lamps + shine
    return ""


def _luggage(middle: float, y: float, tone: Tone) -> str:
    bar = box(middle - 30, y - 3, 60, 4, tone("4a515b"))
    found = box(middle - 28, y - 19, 26, 16, tone("a4623a"), 2.5) + box(middle + 1, y - 16, 27, 13, tone("2f8d88"), 2.5)
    found += box(middle - 19, y - 29, 30, 11, tone("d65a4a"), 2.5)
    found += boxes(((middle - 23, y - 19, 2.5, 16), (middle - 10, y - 19, 2.5, 16)), tone("6f3f25"))
    straps = ((7, 16, 13), (20, 16, 13), (-12, 29, 10), (3, 29, 10))
    return bar + found + boxes(((middle + x, y - up, 2.5, high) for x, up, high in straps), tone("f4e2bb"))


def _taxi_sign(middle: float, y: float, facing: int, tone: Tone) -> str:
    """Its letters are not mirrored where the car is."""
    top = y - 15
    letters = f"M-15,{top + 4} h6 m-3,0 v8 M-7.5,{top + 12} l3,-8 l3,8 M1.5,{top + 4} l6,8 m0,-8 l-6,8 M12,{top + 4} v8"
    return (
        box(middle - 13, y - 2, 26, 3, tone("4a515b"))
        + f'<g transform="translate({middle:g} 0) scale({facing} 1)">'
        + box(-20, top - 1, 40, 16, tone("2b2b2e"), 4)
        + box(-18, top + 1, 36, 12, "ffcf33", 2.5)
        + f'<path d="{letters}" transform="translate(1.5 -1)" fill="none" stroke="#1d1d1f" stroke-width="2.2"/></g>'
    )


def spoiler(body: Body, kind: str, paint: str) -> str:
    x, y = body.perch
    dark, edge = mix(paint, "000000", 0.28), mix(paint, "000000", 0.5)
    if kind == "lip":
        tip = f"L{x + 12},{y - 4} L{x - 14},{y - 11} Q{x - 20},{y - 11} {x - 18},{y - 6} L{x - 5},{y + 5} Z"
        path = f"M{x + 18},{y + 4} {tip}"
        return shape(path, dark)
    if kind == "wing":
        strut = shape(f"M{x - 3},{y + 5} L{x - 9},{y - 14} L{x - 2},{y - 14} L{x + 7},{y + 3} Z", edge)
        blade = f"M{x + 15},{y - 16} Q{x + 19},{y - 13.5} {x + 14},{y - 12} L{x - 18},{y - 13} L{x - 18},{y - 17.5} Z"
        return strut + shape(blade, dark) + box(x - 20, y - 21, 9, 12, edge, 2.5)
    return ""


def decals(body: Body, kind: str, colour: str, tone: Tone) -> str:
    """On the side, to be cut to the body's outline."""
    rear, front = body.axles
    above, high = body.belt + 3, body.sill - body.belt - 6
    if kind == "racing stripes":
        left, right, _ = body.ends
        return boxes(((left, above + 0.14 * high + y, right - left, wide) for y, wide in ((0, 6), (8.5, 3))), colour)
    if kind == "flames":
        return _flames(front + 40, rear + 14, above + 1, high, colour) + _flames(
            front + 36, rear + 42, above + 0.22 * high, 0.56 * high, mix(colour, tone("fff1a0"), 0.72)
        )
    if kind == "flowers":
        places = ((-31, 0.3, 1.0), (-4, 0.62, 1.15), (23, 0.28, 1.0), (rear - 25, 0.34, 0.8), (front + 25, 0.3, 0.8))
        return "".join(_flower(x, above + part * high, 5.8 * size, colour, tone) for x, part, size in places)
    return ""


def _flames(front: float, rear: float, top: float, high: float, colour: str) -> str:
    """Four tongues that lick from front to rear."""
    wide = front - rear
    reach = [front - part * wide for part in (0.86, 0.62, 1.0, 0.7)]
    root = front - 0.38 * wide
    step = high / 4
    path = f"M{front},{top}"
    for i, tip in enumerate(reach):
        y = top + i * step
        path += (
            f" C{root},{y - 0.1 * step:.1f} {(root + tip) / 2:.1f},{y + 0.7 * step:.1f} {tip:.1f},{y + 0.1 * step:.1f}"
        )
        path += (
            f" C{(root + tip) / 2:.1f},{y + 1.3 * step:.1f} {root + 6},{y + 0.8 * step:.1f} {root + 4},{y + step:.1f}"
        )
    return shape(path + f" L{front},{top + high} Z", colour)


def _flower(x: float, y: float, reach: float, colour: str, tone: Tone) -> str:
    ends = (2 * math.pi * i / 5 - math.pi / 2 for i in range(5))
    petals = ((x + reach * math.cos(end), y + reach * math.sin(end), 0.64 * reach) for end in ends)
    return discs(petals, colour) + disc(x, y, 0.6 * reach, tone("f7b32b"))


def mud(body: Body, tone: Tone) -> str:
    """Splashed from below, to be cut to the body's outline."""
    low, axles, (left, right, _) = body.sill, body.axles, body.ends
    waves = "".join(f"q6,{(-9, -5, -11, -6)[i % 4]} 12,0 " for i in range(int(right - left) // 12))
    dark = [place for x in axles for place in ((x - 24, low - 8, 9), (x - 33, low - 15, 4.5), (x + 23, low - 8, 7))]
    dark += [place for x in axles for place in ((x - 38, low - 26, 2.2), (x + 30, low - 17, 2.8))]
    light = [
        place for x in axles for place in ((x - 27, low - 25, 3), (x - 20, low - 20, 3.2), (x + 24, low - 23, 2.4))
    ]
    dark += [(x, low - up, radius) for x, up, radius in ((-12, 17, 3.2), (2, 14, 4), (-22, 22, 2.4), (18, 15, 3))]
    light += [(x, low - up, 2.4) for x, up in ((12, 22), (6, 28), (-8, 26))]
    edge = shape(f"M{left},{low - 8} {waves}L{right},{low - 8} L{right},{low} L{left},{low} Z", tone(_MUD[0]))
    return edge + discs(dark, tone(_MUD[0])) + discs(light, tone(_MUD[1]))


def lamps(body: Body, on: bool, tone: Tone) -> str:
    (x, y), (back, low) = body.lamp, body.tail
    wide, high = (6.5, 6.5) if body.round_lamps else (7.5, 5)
    eye = '<ellipse cx="{:g}" cy="{:g}" rx="{:g}" ry="{:g}" fill="#{}"/>'
    shell = eye.format(x, y, wide + 2, high + 2, tone("5d6670"))
    rear = box(back - 4, low - 6.5, 8, 13, "ff2a22" if on else tone("8f2320"), 3)
    if not on:
        return shell + eye.format(x, y, wide, high, tone("e3eaee")) + rear
    halo = '<circle cx="{:g}" cy="{:g}" r="{:g}" fill="#{}" fill-opacity="{:g}"/>'
    glow = halo.format(x, y, 15, "fff3a8", 0.5) + halo.format(back, low, 14, "ff4a3a", 0.45)
    return glow + shell + eye.format(x, y, wide, high, "fff9c9") + rear


def beam(body: Body) -> str:
    """Light before the car, to be filled with url(#beam)."""
    x, y = body.lamp
    path = f"M{x:g},{y - 5:g} L{x + 120:g},{y - 34:g} L{x + 120:g},6 L{x + 44:g},6 L{x:g},{y + 5:g} Z"
    return f'<path d="{path}" fill="url(#beam)"/>'
