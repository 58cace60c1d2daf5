"""Sky and air: what time of day and weather make of all colours, and what falls."""

from __future__ import annotations

from ..colours import mix
from .scenery import HORIZON, disc, discs

_SKY = {"day": ("58b0ee", "d8f0fb"), "sunset": ("6c58a6", "ffb56b"), "night": ("0c1436", "2c3a72")}
"""Of a clear sky by time, the colours above and at the horizon."""
_GRAY = {"day": "b9c4cd", "sunset": "c39092", "night": "333c56"}
_GRAYER = {"clear": 0.0, "cloudy": 0.55, "rain": 0.75, "snow": 0.7, "fog": 0.85}
_SHADE = {"day": ("ffffff", 0.0), "sunset": ("c8524a", 0.26), "night": ("0c1434", 0.62)}
"""By time, towards which colour all others go, and how far."""
_CLOUDS = ((28, 30, 1.1), (98, 18, 0.9), (160, 36, 1.2), (226, 22, 1.0))
_STARS = ((20, 18), (52, 40), (84, 14), (112, 34), (150, 12), (172, 46), (230, 52), (246, 16), (8, 54), (128, 56))
GLOW = {"day": "", "sunset": "ffd27a", "night": "ffd977"}
"""The colour of lit windows."""


def veil(time: str) -> str:
    """The colour of fog."""
    return {"day": "e3e9ec", "sunset": "e8bfa8", "night": "5a647e"}[time]


def toned(colour: str, time: str, weather: str) -> str:
    """A colour of the scenery."""
    gray = 0.25 * (weather in ("cloudy", "rain")) + 0.1 * (weather == "rain")
    found = mix(colour, "9aa5ad", gray)
    if weather == "snow":
        found = mix(found, "ffffff", 0.12)
    to, share = _SHADE[time]
    found = mix(found, to, share)
    return mix(found, veil(time), 0.5) if weather == "fog" else found


def snowed(colour: str, weather: str, share: float) -> str:
    """A colour of what snow lies on."""
    return mix(colour, "ffffff", share) if weather == "snow" else colour


def on_car(colour: str, time: str) -> str:
    """A colour of the car, which stays what it is called."""
    to, share = _SHADE[time]
    return mix(colour, to, 0.35 * share)


def _cloud(x: float, y: float, size: float, colour: str) -> str:
    """Three puffs over a flat lower side."""
    path = "M-22,12 A11,11 0 0 1 -19.5,-9.7 A16,16 0 0 1 11,-9.9 A12,12 0 0 1 18,12 Z"
    return f'<path d="{path}" transform="translate({x:g} {y:g}) scale({1.15 * size:g})" fill="#{colour}"/>'


def sky(time: str, weather: str) -> str:
    gray = _GRAYER[weather]
    above, below = (mix(colour, _GRAY[time], gray) for colour in _SKY[time])
    if weather == "rain":
        above = mix(above, "2c3440", 0.35)
    if weather == "snow":
        below = mix(below, "ffffff", 0.4 if time != "night" else 0.15)
    if weather == "fog":
        above, below = mix(above, veil(time), 0.6), veil(time)
    found = (
        f'<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#{above}"/>'
        f'<stop offset="1" stop-color="#{below}"/></linearGradient></defs>'
        f'<rect width="256" height="{HORIZON + 20:g}" fill="url(#sky)"/>'
    )
    return found + _lights(time, weather) + _clouds(time, weather)


def _lights(time: str, weather: str) -> str:
    """Sun, or moon and stars, in a sky that is not grey; at sunset always what glows at the horizon."""
    if time == "sunset":
        glow = 0.85 if weather in ("clear", "cloudy") else 0.45
        sun = '<circle cx="196" cy="84" r="{}" fill="#{}" fill-opacity="{:g}"/>'
        rings = ((52, "ffc46b", 0.3), (36, "ffd98a", 0.4), (22, "fff0b8", 1.0))
        return "".join(sun.format(radius, colour, glow * share) for radius, colour, share in rings)
    if weather not in ("clear", "cloudy"):
        return ""
    if time == "day":
        return disc(206, 34, 21, "ffe9a0") + disc(206, 34, 15, "ffd54a") if weather == "clear" else ""
    if weather == "cloudy":
        return disc(204, 32, 13, "c9cfdf")
    stars = discs(((x, y, 1.5) for x, y in _STARS), "fff6d8")
    return stars + disc(204, 34, 16, "fbf3cf") + disc(211, 29, 13, mix(*_SKY["night"], 0.25))


def _clouds(time: str, weather: str) -> str:
    if weather in ("clear", "fog"):
        return ""
    light, dark = {
        "day": ("f4f7f9", "7d8894"),
        "sunset": ("f2b7a4", "7a5a72"),
        "night": ("55607e", "262d42"),
    }[time]
    colour = mix(light, dark, {"cloudy": 0.12, "rain": 0.9, "snow": 0.25}[weather])
    below = mix(colour, dark, 0.25)
    return "".join(_cloud(x + 3, y + 5, size, below) + _cloud(x, y, size, colour) for x, y, size in _CLOUDS)


def _scattered(count: int) -> list[tuple[float, float]]:
    """Evenly, but in no rows (Roberts' R2 sequence)."""
    return [(266 * (0.7548777 * i % 1), 192 * (0.5698403 * i % 1)) for i in range(1, count + 1)]


def falling(time: str, weather: str) -> str:
    """What is between us and the car."""
    if weather == "rain":
        drops = "".join(f"M{x:.1f},{y - 8:.1f} l-5,14 " for x, y in _scattered(48))
        return f'<path d="{drops}" stroke="#dbeaf6" stroke-width="2" stroke-opacity=".75" fill="none"/>'
    if weather == "snow":
        places = ((x - 5, y, 2.0 + 0.8 * (i % 3)) for i, (x, y) in enumerate(_scattered(56)))
        return discs(places, "ffffff" if time != "night" else "e6ecff")
    if weather == "fog":
        colour = veil(time)
        bands = ((74, 20, 0.22), (100, 16, 0.22), (124, 20, 0.26), (158, 40, 0.3))
        veils = "".join(
            f'<rect y="{y}" width="256" height="{high}" fill="#{colour}" fill-opacity="{share}"/>'
            for y, high, share in bands
        )
        return f'<rect width="256" height="192" fill="#{colour}" fill-opacity=".1"/>' + veils
    return ""
