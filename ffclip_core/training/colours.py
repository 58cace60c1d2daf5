"""Colours, six hexadecimal digits each, and which name people would give them."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

import numpy as np

COLOURS = {
    "black": "1c1614",
    "dark gray": "4c4c50",
    "gray": "8e9196",
    "silver": "c4c6cc",
    "white": "f6f6f6",
    "cream": "f3e8cd",
    "brown": "6b3d2a",
    "dark brown": "45291f",
    "light brown": "a5724a",
    "blonde": "e0bb6a",
    "red": "d62a1c",
    "dark red": "7e1a20",
    "orange": "f28a22",
    "ginger": "c2602a",
    "yellow": "f4d63a",
    "gold": "cfa02a",
    "green": "2ea84f",
    "dark green": "1d5c33",
    "light green": "93d97a",
    "olive": "7b7a30",
    "mint": "a7f0cd",
    "turquoise": "1fb5ad",
    "cyan": "3fd5ee",
    "light blue": "8cc4f2",
    "blue": "2b6be0",
    "dark blue": "1e2f6e",
    "purple": "8438c0",
    "lavender": "b79fe2",
    "magenta": "d4269c",
    "pink": "f577b0",
    "light pink": "fbc6d9",
    "peach": "fbc09a",
}
"""The names that people give most colours."""
OF_HAIR_ALONE = {"blonde", "ginger"}
_FAR = 22.0
"""ΔE (CIE 1976) beyond which a colour has no name here."""


def rgb(colour: str) -> tuple[float, float, float]:
    return int(colour[:2], 16) / 255, int(colour[2:4], 16) / 255, int(colour[4:], 16) / 255


def as_hex(channels: Iterable[float]) -> str:
    return "".join(f"{round(255 * min(max(channel, 0), 1)):02x}" for channel in channels)


def mix(first: str, second: str, share: float) -> str:
    return as_hex(a + share * (b - a) for a, b in zip(rgb(first), rgb(second), strict=True))


def jitter(colour: str, stream: random.Random) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(*rgb(colour))
    hue = (hue + stream.uniform(-0.015, 0.015)) % 1
    saturation = min(max(saturation + stream.uniform(-0.06, 0.06) * (saturation > 0.1), 0), 1)
    return as_hex(colorsys.hsv_to_rgb(hue, saturation, min(max(value + stream.uniform(-0.05, 0.05), 0), 1)))


def random_colour(stream: random.Random) -> str:
    return as_hex(colorsys.hsv_to_rgb(stream.random(), stream.random(), stream.uniform(0.1, 1.0)))


def name_of(colour: str, named: Mapping[str, str], names: Iterable[str]) -> str:
    """The nearest of these names, or none at all where all are far."""
    allowed = tuple(names)
    distances = np.square(_labs(tuple(named[name] for name in allowed)) - lab(colour)).sum(1)
    nearest = int(distances.argmin())
    return allowed[nearest] if distances[nearest] < _FAR**2 else ""


@cache
def _labs(colours: tuple[str, ...]) -> np.ndarray:
    return np.stack([lab(colour) for colour in colours])


@lru_cache(1000)
def lab(colour: str) -> np.ndarray:
    """CIE L*a*b* of sRGB under D65 (IEC 61966-2-1; CIE 15)."""
    channels = np.array(rgb(colour))
    linear = np.where(channels > 0.04045, ((channels + 0.055) / 1.055) ** 2.4, channels / 12.92)
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x = matrix @ linear / np.array([0.95047, 1.0, 1.08883])
    f = np.where(x > (6 / 29) ** 3, np.cbrt(x), x / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
