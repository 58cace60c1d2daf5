"""The sky of every hour and weather, and what falls out of it."""

from __future__ import annotations

import random
from functools import cache

from .. import colours
from .church import Church
from .pen import FAR, SIDE, Pen
from .shapes import disc, rect

_TINTS = {"day": (1.0, 1.0, 1.0), "sunset": (1.0, 0.83, 0.74), "night": (0.54, 0.58, 0.8)}
_DIM = {"clear": 1.0, "cloudy": 0.93, "rain": 0.86, "snow": 0.98, "fog": 0.95}
_SKIES = {"day": ("5aaef0", "d4eefc"), "sunset": ("6a5fb4", "ffb066"), "night": ("101a44", "42529a")}
_CLOUDS = {"day": "ffffff", "sunset": "ffd0b0", "night": "56649c"}
_GRAYS = {
    "day": {"cloudy": "b4c2d0", "rain": "8794a4", "snow": "c4d2e2", "fog": "dde3e8"},
    "sunset": {"cloudy": "b89aa6", "rain": "8a7c92", "snow": "cfb4c4", "fog": "e6ccc0"},
    "night": {"cloudy": "2e3656", "rain": "20283f", "snow": "38446c", "fog": "4e5878"},
}
_OVERCAST = {"clear": 0.0, "cloudy": 0.45, "rain": 0.75, "snow": 0.6, "fog": 0.75}
_MANY = {"clear": 1, "cloudy": 4, "rain": 4, "snow": 3, "fog": 0}
_PLACES = ((212, 62, 0.8), (44, 40, 1.25), (206, 30, 1.35), (122, 20, 1.1))
_STARS = ((84, 24), (18, 84), (70, 70), (170, 20), (196, 48), (236, 28), (226, 84), (98, 52), (180, 84), (12, 16),
          (248, 60))  # fmt: skip
_DRIFT = 18.0
"""How far clouds drift."""
_BANDS, _HORIZON = 14, 204.0


def tint(church: Church) -> tuple[float, float, float]:
    """What is left of a colour's channels in this light."""
    red, green, blue = _TINTS[church.values["time"]]
    dim = _DIM[church.values["weather"]]
    return red * dim, green * dim, blue * dim


def sky_colour(church: Church) -> str:
    """At the top, as it is seen."""
    top = _overcast(church, _SKIES[church.values["time"]][0])
    return top if church.plain & {"time", "weather"} else colours.jitter(top, church.stream("sky"))


def _overcast(church: Church, colour: str) -> str:
    time, weather = church.values["time"], church.values["weather"]
    return colours.mix(colour, _GRAYS[time].get(weather, colour), _OVERCAST[weather])


def draw_sky(pen: Pen, church: Church) -> None:
    time, weather, drift = church.values["time"], church.values["weather"], _DRIFT * church.shares["drift"]
    top, bottom = sky_colour(church), _overcast(church, _SKIES[time][1])
    for i in range(_BANDS):
        colour = colours.mix(top, bottom, i / (_BANDS - 1))
        first = i * _HORIZON / _BANDS
        pen.shape(rect(0, first, SIDE, first + _HORIZON / _BANDS + 1), colour, glowing=True)
    if weather == "clear":
        _DISCS[time](pen, drift)
        if time == "night":
            return
    cloud = _overcast(church, _CLOUDS[time])
    for i, (x, y, size) in enumerate(_PLACES[: _MANY[weather]]):
        _cloud(pen, x + drift, y, size, colours.mix(cloud, "5a6274", 0.1 * (i % 2) + 0.3 * (weather == "rain")))


def _sun(pen: Pen, drift: float) -> None:
    for radius, opacity in ((27, 0.25), (20, 0.4), (14, 1)):
        pen.shape(disc(40 + drift, 40, radius), "ffe680", opacity, glowing=True)


def _low_sun(pen: Pen, drift: float) -> None:
    for radius, opacity in ((40, 0.22), (31, 0.35), (23, 1)):
        pen.shape(disc(196 + drift, 112, radius), "ff8a4a" if opacity < 1 else "ffd884", opacity, glowing=True)


def _moon(pen: Pen, drift: float) -> None:
    x, y = 44 + drift, 42
    pen.shape(disc(x, y, 24), "fff6d0", 0.12, glowing=True)
    moon = f"M{x + 4:.2f} {y - 15}A15 15 0 1 0 {x + 14:.2f} {y + 8}A13 13 0 0 1 {x + 4:.2f} {y - 15}Z"
    pen.shape(moon, "fff2c4", glowing=True)
    stars = [disc(a, b, 1.8 if i % 2 else 1.4) for i, (a, b) in enumerate(_STARS)]
    pen.shape("".join(stars), "fff8e0", glowing=True)


_DISCS = {"day": _sun, "sunset": _low_sun, "night": _moon}


def _cloud(pen: Pen, x: float, y: float, size: float, colour: str) -> None:
    puffs = ((-24, 6, 8), (-10, -4, 13), (7, -7, 16), (22, 5, 9))
    path = "".join(disc(x + size * a, y + size * b, size * r) for a, b, r in puffs)
    pen.shape(path + rect(x - 24 * size, y + 2 * size, x + 22 * size, y + 14 * size), colour, glowing=True)


def draw_haze(pen: Pen, church: Church) -> None:
    """Fog behind the church."""
    if church.values["weather"] == "fog":
        veil = rect(-FAR, -FAR, SIDE + FAR, SIDE + FAR)
        pen.shape(veil, _GRAYS[church.values["time"]]["fog"], 0.45, glowing=True)


def draw_weather(pen: Pen, church: Church) -> None:
    """What is in the air before all."""
    weather, night = church.values["weather"], church.values["time"] == "night"
    if weather == "rain":
        pen.line(_streaks(), "9fb4d6" if night else "e4eefa", 2, 0.6, glowing=True)
    elif weather == "snow":
        pen.shape(_flakes(), "c8d4f0" if night else "ffffff", glowing=True)
    elif weather == "fog":
        shift, colour = 1.5 * _DRIFT * church.shares["drift"], _GRAYS[church.values["time"]]["fog"]
        pen.shape(rect(0, 0, SIDE, SIDE), colour, 0.28, glowing=True)
        for x, y, broad in ((30, 96, 90), (214, 130, 100), (60, 172, 120), (226, 204, 90), (90, 236, 130)):
            pen.shape(disc(x + shift, y, broad, 9), colour, 0.42, glowing=True)


@cache
def _streaks() -> str:
    stream = random.Random("rain")
    at = [(x + stream.uniform(-9, 9), y + stream.uniform(-9, 9)) for x in range(8, 280, 30) for y in range(4, 256, 30)]
    return "".join(f"M{x:.1f} {y:.1f}l-4 13" for x, y in at)


@cache
def _flakes() -> str:
    stream = random.Random("snow")
    at = [
        (x + stream.uniform(-10, 10), y + stream.uniform(-10, 10))
        for x in range(10, 256, 30)
        for y in range(8, 250, 30)
    ]
    return "".join(disc(x, y, stream.choice((1.4, 1.9, 2.5))) for x, y in at)
