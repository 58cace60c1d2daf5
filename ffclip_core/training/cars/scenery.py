"""What lies behind the road, as SVG in the picture's units: 256 across, the horizon at HORIZON, the road from ROAD on.

Every scene is drawn wider than the picture, as it moves a little. `tone` says how a colour looks at that time, in that
weather.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

Tone = Callable[[str], str]

HORIZON = 120.0
ROAD = 142.0
_LEFT, _RIGHT = -20, 276


def shape(path: str, colour: str) -> str:
    return f'<path d="{path}" fill="#{colour}"/>'


def box(left: float, top: float, wide: float, high: float, colour: str, round_by: float = 0) -> str:
    return f'<rect x="{left:g}" y="{top:g}" width="{wide:g}" height="{high:g}" rx="{round_by:g}" fill="#{colour}"/>'


def boxes(places: Iterable[tuple[float, float, float, float]], colour: str) -> str:
    """Of left, top, width and height each."""
    return shape("".join(f"M{x:g},{y:g}h{wide:g}v{high:g}h{-wide:g}Z" for x, y, wide, high in places), colour)


def disc(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.5g}" cy="{y:.5g}" r="{radius:.4g}" fill="#{colour}"/>'


def discs(places: Iterable[tuple[float, float, float]], colour: str) -> str:
    """Of x, y and radius each."""
    arc = "M{0:.5g},{1:.5g}a{2:.4g},{2:.4g} 0 1 0 {3:.4g},0a{2:.4g},{2:.4g} 0 1 0 {4:.4g},0Z"
    return shape("".join(arc.format(x - r, y, r, 2 * r, -2 * r) for x, y, r in places), colour)


def line(path: str, colour: str, wide: float) -> str:
    return f'<path d="{path}" fill="none" stroke="#{colour}" stroke-width="{wide:g}" stroke-linecap="round"/>'


def ground(colour: str, top: float = HORIZON) -> str:
    return box(_LEFT, top, _RIGHT - _LEFT, 200 - top, colour)


def _tower(left: float, wide: float, top: float, colour: str, tone: Tone, glow: str) -> str:
    places = [(row, column) for row in range(int((HORIZON - top) // 12)) for column in range(int((wide - 5) // 8))]
    panes = [(left + 5 + 8 * column, top + 6 + 12 * row, 4.0, 6.0) for row, column in places]
    lit = [pane for pane, (row, column) in zip(panes, places, strict=True) if (5 * row + 3 * column + int(left)) % 3]
    found = box(left, top, wide, HORIZON + 12 - top, tone(colour))
    if not glow:
        return found + boxes(panes, tone("dfeaf2"))
    return found + boxes(panes, tone("5d6b8a")) + boxes(lit, glow)


def towers(tone: Tone, glow: str) -> str:
    far = ((-16, 30, 62), (22, 26, 74), (56, 30, 52), (96, 26, 70), (132, 24, 58), (164, 30, 76), (204, 26, 60))
    near = ((-6, 30, 84), (38, 30, 68), (78, 22, 88), (112, 30, 78), (148, 22, 92), (184, 30, 66), (226, 38, 82))
    behind = boxes(((x, top - 22, wide, 154 - top) for x, wide, top in far), tone("b4c0cd"))
    shades = ("8e6f68", "7d8fa3", "a98a72", "6f7f94", "97787a", "82939e", "8c7868")
    front = (_tower(*each, shade, tone, glow) for each, shade in zip(near, shades, strict=True))
    return behind + "".join(front) + ground(tone("b9bcbf"), 130)


def street(tone: Tone, glow: str) -> str:
    shades = ("d98f6c", "e8c681", "8fb5c4", "d87f7f", "b8c98a", "e3b08c")
    corners = [(-18 + 49 * i, top) for i, top in enumerate((74, 84, 68, 80, 72, 86))]
    walls = (box(x, y, 47, 132 - y, tone(shade)) for (x, y), shade in zip(corners, shades, strict=True))
    roofs = shape("".join(f"M{x - 2},{y} L{x + 23.5},{y - 20} L{x + 49},{y} Z" for x, y in corners), tone("8a4b42"))
    doors = boxes(((x + 7, y + 28, 11, 104 - y) for x, y in corners), tone("6a4a3c"))
    panes = [
        place
        for x, y in corners
        for place in ((x + 7, y + 7, 11, 13), (x + 29, y + 7, 11, 13), (x + 27, y + 28, 14, 12))
    ]
    windows = boxes(panes, tone("e9f4f8")) + (
        boxes((pane for i, pane in enumerate(panes) if i % 4), glow) if glow else ""
    )
    return "".join(walls) + roofs + doors + windows + ground(tone("b9bcbf"), 130)


def _firs(places: Iterable[tuple[float, float]], base: float, tone: Tone) -> str:
    """Of x and height each."""
    trunks, lower, upper = [], "", ""
    for x, high in places:
        half, low, up = 0.28 * high, base - 0.68 * high, base - 0.4 * high
        trunks.append((x - 2, base - 6, 4, 7))
        lower += f"M{x - half:g},{base - 4:g} L{x:g},{low:g} L{x + half:g},{base - 4:g} Z"
        upper += f"M{x - 0.75 * half:g},{up:g} L{x:g},{base - high:g} L{x + 0.75 * half:g},{up:g} Z"
    return boxes(trunks, tone("6b4a34")) + shape(lower, tone("2f7048")) + shape(upper, tone("3a8254"))


def _trees(places: Iterable[tuple[float, float, float]], tone: Tone) -> str:
    """Of x, lower end and size each."""
    these = tuple(places)
    trunks = boxes(((x - 2, base - 1.2 * s, 4, 1.2 * s) for x, base, s in these), tone("76523a"))
    sides = discs(((x + d * s, base - 1.5 * s, 0.6 * s) for x, base, s in these for d in (-0.5, 0.5)), tone("4a9345"))
    return trunks + sides + discs(((x, base - 2.1 * s, 0.7 * s) for x, base, s in these), tone("5cab52"))


def _hills(tone: Tone) -> str:
    back = "M-20,124 C20,92 60,90 100,112 C140,84 200,82 276,116 L276,140 L-20,140 Z"
    front = "M-20,118 C40,104 90,108 140,122 C190,106 230,108 276,122 L276,200 L-20,200 Z"
    return shape(back, tone("a9d08c")) + shape(front, tone("86c06a"))


def farm(tone: Tone, glow: str) -> str:
    barn = box(34, 92, 40, 34, tone("c14b3e")) + shape("M30,93 L41,78 L67,78 L78,93 Z", tone("6d3a36"))
    barn += box(46, 104, 16, 22, tone("f4ead8")) + box(50, 83, 8, 7, glow or tone("f4ead8"))
    silo = box(80, 84, 14, 42, tone("d5d9dc")) + shape("M80,85 A7,8 0 0 1 94,85 Z", tone("8f979d"))
    rails = [(_LEFT, y, _RIGHT - _LEFT, 2.5) for y in (128, 133)]
    fence = boxes([*rails, *((x, 126, 4, 13) for x in range(-12, 276, 24))], tone("f3efe6"))
    return _hills(tone) + barn + silo + _trees(((196, 126, 18), (232, 124, 13)), tone) + fence


def forest(tone: Tone, glow: str) -> str:
    _ = glow
    places = ((-6, 50), (16, 64), (40, 46), (70, 30), (168, 34), (190, 50), (214, 66), (238, 52), (262, 60))
    bushes = discs(((x, 134, 8) for x in (4, 28, 100, 150, 226, 250)), tone("5fa552"))
    return _hills(tone) + _firs(places, 128, tone) + bushes


def _sea(tone: Tone) -> str:
    sea = box(_LEFT, 102, _RIGHT - _LEFT, 40, tone("3fa3c8")) + box(_LEFT, 102, _RIGHT - _LEFT, 6, tone("2f8bb4"))
    places = ((0, 113), (58, 117), (118, 112), (178, 117), (236, 112))
    waves = boxes(((x, y, 18, 2) for x, y in places), tone("a8dbe8"))
    sand = "M-20,124 C50,118 110,128 170,122 C220,118 250,122 276,121 L276,200 L-20,200 Z"
    return sea + waves + shape(sand, tone("f3dfae"))


def _palm(x: float, high: float, tone: Tone) -> str:
    top = 132 - high
    trunk = line(f"M{x},132 Q{x + 2},{132 - high / 2} {x + 9},{top}", tone("8d6a45"), 5)
    fronds = (
        f"M{x + 9},{top} q-14,-14 -28,2 q14,-4 28,-2 M{x + 9},{top} q14,-14 28,2 q-14,-4 -28,-2 "
        f"M{x + 9},{top} q-20,-2 -22,17 q8,-13 22,-17 M{x + 9},{top} q20,-2 22,17 q-8,-13 -22,-17 "
        f"M{x + 9},{top} q-4,-15 5,-19 q4,9 -5,19"
    )
    return trunk + shape(fronds, tone("3f9a52"))


def palms(tone: Tone, glow: str) -> str:
    _ = glow
    sail = shape("M176,104 L176,78 L194,104 Z", tone("ffffff")) + shape("M172,104 L172,84 L161,104 Z", tone("f7d9d2"))
    boat = shape("M158,106 L198,106 L191,113 L165,113 Z", tone("c8503f"))
    pole = line("M222,134 L222,100", tone("f6f1e6"), 2.5)
    shade = shape("M200,104 C204,86 240,86 244,104 Z", tone("e8574a"))
    shade += shape("M214,104 C215,88 229,88 230,104 Z", tone("fff4e0"))
    return _sea(tone) + sail + boat + _palm(18, 70, tone) + _palm(54, 54, tone) + pole + shade


def lighthouse(tone: Tone, glow: str) -> str:
    cliff = shape("M276,128 L276,92 C250,88 222,94 204,104 C194,112 184,120 170,128 Z", tone("8f8a78"))
    cliff += shape("M276,96 L276,90 C250,86 224,92 208,101 C226,98 250,92 276,96 Z", tone("7cae5c"))
    tower = shape("M222,94 L226,52 L240,52 L244,94 Z", tone("fafafa"))
    bands = shape("M223.5,82 L224.5,72 L241.5,72 L242.5,82 Z", tone("d8453a"))
    bands += shape("M225,64 L226,52 L240,52 L241,64 Z", tone("d8453a"))
    top = box(227, 42, 12, 10, glow or tone("fdeeb0")) + shape("M224,43 L233,33 L242,43 Z", tone("3d4652"))
    shine = f'<path d="M227,47 L120,22 L120,66 Z" fill="#{glow}" fill-opacity=".3"/>' if glow else ""
    huts = "".join(
        box(x, 112, 20, 22, tone(shade)) + shape(f"M{x - 2},112 L{x + 10},100 L{x + 22},112 Z", tone("fdf8ee"))
        for x, shade in ((6, "f08a7a"), (34, "6fb7d8"), (62, "f4cf62"))
    )
    return shine + _sea(tone) + cliff + tower + bands + top + huts


def _peak(x: float, half: float, top: float, shade: str, tone: Tone) -> str:
    cap = 0.36
    rock = shape(f"M{x - half},128 L{x},{top} L{x + half},128 Z", tone(shade))
    side = shape(
        f"M{x},{top} L{x + half},128 L{x + 0.2 * half},128 L{x - 0.1 * half},{(top + 128) / 2} Z", tone("5f6f86")
    )
    y, left, right = top + cap * (128 - top), x - cap * half, x + cap * half
    snow = f"M{left},{y} L{x},{top} L{right},{y} L{x + 0.14 * half},{y - 7} L{x},{y + 3} L{x - 0.16 * half},{y - 7} Z"
    return rock + side + shape(snow, tone("ffffff"))


def peaks(tone: Tone, glow: str) -> str:
    hut = box(192, 112, 26, 16, tone("8a5a3c")) + shape("M187,113 L205,99 L223,113 Z", tone("5b3a2c"))
    hut += box(200, 117, 9, 7, glow or tone("f6e7b8"))
    meadow = shape("M-20,126 C50,116 120,128 180,124 C220,122 250,120 276,124 L276,200 L-20,200 Z", tone("8fb877"))
    rocks = _peak(34, 66, 44, "8291a6", tone) + _peak(220, 74, 36, "8291a6", tone) + _peak(128, 78, 24, "76869d", tone)
    return rocks + meadow + hut + _firs(((12, 30), (32, 38), (236, 36), (254, 26)), 132, tone)


def lake(tone: Tone, glow: str) -> str:
    _ = glow
    rocks = _peak(-4, 80, 52, "7a8fa8", tone) + _peak(96, 62, 60, "8a9bb0", tone) + _peak(208, 92, 30, "7a8fa8", tone)
    water = box(_LEFT, 116, _RIGHT - _LEFT, 22, tone("6fb4cf"))
    water += boxes(((x, y, 26, 2) for x, y in ((10, 122), (80, 126), (150, 121), (214, 127))), tone("bfe2ec"))
    shore = shape("M-20,132 C40,128 120,134 276,130 L276,200 L-20,200 Z", tone("93b57c"))
    return rocks + water + shore + _firs(((-8, 44), (12, 54), (34, 40), (228, 42), (250, 56), (270, 44)), 134, tone)


def _cactus(x: float, high: float, tone: Tone) -> str:
    top, green = 134 - high, tone("4d8f5a")
    return line(f"M{x},134 L{x},{top}", green, 8) + line(
        f"M{x},{top + 0.5 * high} L{x - 11},{top + 0.5 * high} L{x - 11},{top + 0.26 * high} "
        f"M{x},{top + 0.62 * high} L{x + 11},{top + 0.62 * high} L{x + 11},{top + 0.36 * high}",
        green,
        6,
    )


def dunes(tone: Tone, glow: str) -> str:
    _ = glow
    back = shape(
        "M-20,126 C20,88 50,84 84,108 C120,80 170,78 206,104 C236,90 260,96 276,108 L276,140 L-20,140 Z", tone("e9b873")
    )
    lee = shape("M84,108 C120,80 140,82 150,88 C132,96 120,112 118,128 L60,128 Z", tone("d79f5c"))
    front = shape("M-20,122 C40,110 100,124 150,120 C200,112 240,116 276,124 L276,200 L-20,200 Z", tone("f2cb88"))
    return back + lee + front + _cactus(26, 50, tone) + _cactus(234, 58, tone) + _cactus(204, 30, tone)


def mesas(tone: Tone, glow: str) -> str:
    _ = glow
    places = ((-14, 58, 56), (172, 262, 46), (104, 132, 72))
    rocks = "".join(
        f"M{x - 12},126 L{x},{y + 30} L{x + 3},{y} L{end - 3},{y} L{end},{y + 30} L{end + 12},126 Z"
        for x, end, y in places
    )
    bands = [(left + 2, top + y, right - left - 4, 4.5) for left, right, top in places for y in (12, 27)]
    front = shape("M-20,122 C40,116 100,124 160,119 C210,115 240,120 276,122 L276,200 L-20,200 Z", tone("eab877"))
    stones = discs(((x, 134, 5) for x in (84, 150, 160, 252)), tone("b98555"))
    return (
        shape(rocks, tone("c8704a"))
        + boxes(bands, tone("aa5a3c"))
        + front
        + stones
        + _cactus(78, 34, tone)
        + _cactus(150, 28, tone)
    )


DRAWN: Mapping[str, Callable[[Tone, str], str]] = {
    each.__name__: each for each in (towers, street, farm, forest, palms, lighthouse, peaks, lake, dunes, mesas)
}
"""By scene, what draws it of how colours look and of the colour of lit windows, "" by day."""
