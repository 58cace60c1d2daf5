"""Colours as six hexadecimal digits, and with a # before them where they are drawn."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Iterable


def random_colour(stream: random.Random) -> str:
    return as_hex(colorsys.hsv_to_rgb(stream.random(), stream.uniform(0.1, 0.6), stream.uniform(0.6, 1.0)))


def jitter(colour: str, stream: random.Random) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(*rgb(colour))
    hue = (hue + stream.uniform(-0.015, 0.015)) % 1
    saturation = min(max(saturation + stream.uniform(-0.06, 0.06) * (saturation > 0.1), 0), 1)
    return as_hex(colorsys.hsv_to_rgb(hue, saturation, min(max(value + stream.uniform(-0.05, 0.05), 0), 1)))


def mix(first: str, second: str, share: float) -> str:
    return as_hex(a + share * (b - a) for a, b in zip(rgb(first), rgb(second), strict=True))


def rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))


def as_hex(rgb: Iterable[float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in rgb)
