"""Drawing a car: the scene, the road and the car on it, in the middle three quarters of a square's rows.

All of it is SVG made here, rasterised by resvg.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..avatars.drawing import rasterise
from ..colours import mix
from . import parts, weather
from .bodies import BODIES, Body
from .car import Car
from .scenery import DRAWN, ROAD, Tone, box, boxes, discs, line, shape

SIDE = 256.0
"""The units that a picture is across."""
HEIGHT = 192.0
_STAND = 168.0
"""Where wheels stand, y."""
_SCALE = 1.1
"""How large cars are drawn."""
_BACK = 6.0
"""How far back from the middle they stand, so that there is room for their light."""
_VERGE = {"city": "c9cbcc", "country": "7fb566", "beach": "efd9a4", "mountains": "86ae72", "desert": "e6bd7d"}


def place(car: Car) -> tuple[float, float, float, float]:
    """How far right and down the car stands, in the picture's units, how much larger it is, and how far right the scene
    lies."""
    stream = car.stream("place")
    reach = 0.04 * SIDE
    return (
        stream.uniform(-reach, reach),
        stream.uniform(-0.4 * reach, 0.4 * reach),
        stream.uniform(0.96, 1.04),
        stream.uniform(-reach, reach),
    )


def extent(car: Car) -> tuple[float, float, float, float]:
    """The car without its load: left, top, right and bottom in the picture's units, from its upper edge."""
    body, (right, down, larger, _) = BODIES[car.values["body"]], place(car)
    larger *= _SCALE
    rear, front, _ = body.ends
    ends = sorted(_facing(car) * (larger * x - _BACK) + SIDE / 2 + right for x in (rear, front))
    return ends[0], _STAND + down + larger * body.top, ends[1], _STAND + down


def draw(car: Car, size: int) -> np.ndarray:
    """uint8 [size, size, 3], black above and below."""
    drawn = rasterise(svg(car), size, -(-3 * size // 4))
    bar = (size - len(drawn)) // 2
    picture = np.zeros((size, size, 3), np.uint8)
    picture[bar : bar + len(drawn)] = drawn[..., :3]
    return picture


def svg(car: Car) -> str:
    """The picture between the bars."""
    values = car.values
    time, air = values["time"], values["weather"]
    tone = partial(weather.toned, time=time, weather=air)
    right, down, larger, shift = place(car)
    larger *= _SCALE
    body = BODIES[values["body"]]
    scene = DRAWN[car.scene](lambda colour: tone(weather.snowed(colour, air, 0.42)), weather.GLOW[time])
    middle = SIDE / 2 + right - _BACK * _facing(car)
    moved = f"translate({middle:.3f} {_STAND + down:.3f}) scale({_facing(car) * larger:.4f} {larger:.4f})"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE:g} {HEIGHT:g}">'
        f'{weather.sky(time, air)}<g transform="translate({shift:.3f} 0)">{scene}</g>{_road(car, tone)}'
        f'<g transform="{moved}">{_car(car, body)}</g>{weather.falling(time, air)}</svg>'
    )


def _facing(car: Car) -> int:
    return 1 if car.values["direction"] == "right" else -1


def _road(car: Car, tone: Tone) -> str:
    air, scenery = car.values["weather"], car.values["scenery"]
    verge = tone(weather.snowed(_VERGE[scenery], air, 0.85))
    asphalt = tone("6b6f76") if air != "snow" else tone("b9c0c8")
    found = (
        box(0, ROAD - 6, SIDE, 8, verge)
        + box(0, ROAD, SIDE, 60, asphalt)
        + box(0, ROAD, SIDE, 2.5, mix(asphalt, "ffffff", 0.35))
    )
    found += boxes(((x, 181, 26, 4) for x in range(-4, 256, 52)), mix(asphalt, "ffffff", 0.65))
    if air == "rain":
        puddle = '<ellipse cx="{}" cy="{}" rx="{}" ry="3.5" fill="#{}"/>'
        wet = mix(asphalt, "b9d3e6", 0.5)
        found += puddle.format(40, 176, 26, wet) + puddle.format(196, 187, 34, wet) + puddle.format(232, 158, 20, wet)
    return found


def _car(car: Car, body: Body) -> str:
    values = car.values
    tone = partial(weather.on_car, time=values["time"])
    paint, on, kind = tone(values["body_colour"]), values["lights"] == "on", values["body"]
    radius, muddy = parts.RADIUS * car.wheel_scale, values["condition"] == "dirty"
    rear, front, bumper = body.ends
    found = (
        f'<defs><clipPath id="whole"><path d="{body.outline}"/></clipPath><linearGradient id="beam"><stop offset="0" '
        'stop-color="#fff2a0" stop-opacity=".85"/><stop offset="1" stop-color="#fff2a0" stop-opacity=".06"/>'
        f'</linearGradient></defs><ellipse cx="{(rear + front) / 2:g}" cy="0" rx="{(front - rear) / 2 + 4:g}" ry="5" '
        'fill="#10131a" fill-opacity=".45"/>'
    )
    if on:
        found += parts.beam(body)
    if car.shown["load"]:
        found += parts.load(body, values["load"], _facing(car), tone)
    if kind == "suv":
        found += box(rear - 8, -54, 11, 30, tone("24262b"), 4)
    if kind == "convertible":
        found += _open(car, body, tone)
    inner = _painted(car, body, paint, tone) + (parts.mud(body, tone) if muddy else "")
    inner += discs(((x, -radius, radius + 2.5) for x in body.axles), tone("191b20"))
    found += f'<g clip-path="url(#whole)">{inner}</g>'
    bumpers = tone("33363c" if kind == "suv" else "c3c9cf")
    found += "".join(box(x - 5, bumper - 4, 10, 8, bumpers, 3) for x in (rear + 3, front - 3))
    found += parts.spoiler(body, values["spoiler"], paint) + parts.lamps(body, on, tone)
    return found + "".join(parts.wheel(x, radius, values["wheels"], muddy, tone) for x in body.axles)


def _painted(car: Car, body: Body, paint: str, tone: Tone) -> str:
    """All that is cut to the body's outline."""
    values, kind, belt = car.values, car.values["body"], body.belt
    above = tone(values["roof_colour"]) if car.shown["roof_colour"] else paint
    rear, front, _ = body.ends
    wide, shade = front - rear, belt + 0.62 * (body.sill - belt)
    # No larger than they need be: what is cut takes time by its size.
    found = shape(body.outline, paint)
    if above != paint:
        found += box(rear, body.top - 2, wide, belt - body.top + 2, above)
    found += box(rear, shade, wide, body.sill - shade, mix(paint, "000000", 0.2))
    found += box(rear, belt + 1, wide, 2.5, mix(paint, "ffffff", 0.35))
    if kind == "small car":
        found += discs(((x, -18, 27) for x in body.axles), mix(paint, "000000", 0.13))
    found += parts.decals(body, values["decals"], tone(values["decal_colour"]), tone)
    if kind == "suv":
        found += discs(((x, -19, 25) for x in body.axles), tone("33363c")) + box(
            rear, body.sill - 6, wide, 6, tone("33363c")
        )
    if kind == "pickup":
        found += box(-90, belt + 3, 62, 4, mix(paint, "000000", 0.45))
    if kind != "convertible":
        found += _windows(car, body, above, tone)
    doors = [(x - 1, belt + 3, 2, body.sill - belt - 6) for x in body.doors]
    return found + boxes([*doors, (body.doors[-1] - 13, belt + 8, 9, 3)], mix(paint, "000000", 0.34))


def _glass(car: Car, tone: Tone) -> str:
    if car.values["windows"] == "tinted":
        return tone("1d232b")
    return mix(tone("b9def0"), "22304f", {"day": 0.0, "sunset": 0.12, "night": 0.3}[car.values["time"]])


def _windows(car: Car, body: Body, pillar: str, tone: Tone) -> str:
    glass, tinted = _glass(car, tone), car.values["windows"] == "tinted"
    high, middle = body.belt - body.roof[2], max((x for x in body.pillars if x < 20), default=10)
    found = shape(body.glass, glass)
    if not tinted:
        seats = ((middle + x, body.belt - 0.45 * high, 9, 0.45 * high) for x in (-17, 8))
        found += "".join(box(*seat, mix(glass, "2f4a66", 0.5), 3.5) for seat in seats)
    reach = 0.7 * high
    gleams = (
        f"M{middle + x:g},{body.belt:g}l{0.35 * reach:g},{-reach:g}h6l{-0.35 * reach:g},{reach:g}Z" for x in (-27, 9)
    )
    found += shape("".join(gleams), mix(glass, "ffffff", 0.14 if tinted else 0.6))
    return found + boxes(((x - 3, body.roof[2], 6, high) for x in body.pillars), pillar)


def _open(car: Car, body: Body, tone: Tone) -> str:
    """What is seen of a car without a roof: seats, the folded roof behind them, the wheel, the windscreen."""
    leather, dark = tone("c98a52"), tone("33373f")
    seats = "".join(box(x, -62, 12, 22, leather, 4) + box(x + 1.5, -69, 9, 8, tone("dba46c"), 3) for x in (-27, -4))
    hood = f'<ellipse cx="-52" cy="-48" rx="18" ry="8" fill="#{dark}"/>'
    screen = shape(body.glass, _glass(car, tone)) + line("M37,-47 L20,-70", dark, 3.5)
    return hood + seats + line("M22,-44 L15,-55", dark, 3) + screen
