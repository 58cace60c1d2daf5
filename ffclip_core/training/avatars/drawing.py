"""Drawing an avatar.

The art is Pablo Stanley's avataaars ("Free for personal and commercial use", https://avataaars.com/), drawn through
DiceBear and rasterised by resvg.
"""

from __future__ import annotations

import functools
import io
import json
import random
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
import resvg_py
from dicebear import Avatar as DiceBearAvatar
from dicebear import Style
from PIL import Image

from . import colours
from .avatar import EYES_PLACE, Avatar
from .vocabulary import CLOTHES, CLOTHES_COLOURS, EXPRESSIONS, FACIAL_HAIR, GLASSES, HAIR, SIZE

_SKIN = ("ffdbb4", "edb98a", "d08b5b", "ae5d29", "614335")
_FRAMES = ("262e33", "3c2a1e", "5a1e2a", "1e3c5a")
MOVED = ("eyes", "eyebrows", "mouth")
"""What has a place of its own in every face."""


def draw(avatar: Avatar, size: int = SIZE) -> np.ndarray:
    """The picture, uint8 [size, size, 3]."""
    return rasterise(_svg(avatar), size, size)[..., :3]


def rasterise(svg: str, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 4]."""
    png = resvg_py.svg_to_bytes(svg_string=svg, width=width, height=height)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))


def face_box(avatar: Avatar) -> tuple[float, float, float, float]:
    """Where eyebrows, eyes and mouth are: left, top, right, bottom as fractions of the picture's side."""
    left, top, side = crop(avatar)
    return (90 - left) / side, (84 - top) / side, (190 - left) / side, (180 - top) / side


def crop(avatar: Avatar) -> tuple[float, float, float]:
    """Left, top and side of the visible square in the art's 280 units."""
    stream = avatar.stream("crop")
    side = 224 + stream.uniform(-8, 8)
    return 140 + stream.uniform(-5, 5) - side / 2, 120 + stream.uniform(-5, 5) - side / 2, side


@functools.cache
def _style() -> Style:
    return Style(json.loads(files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")))


def dicebear_options(avatar: Avatar) -> dict[str, Any]:
    """What DiceBear is asked for."""
    values, choice, jitter = avatar.values, avatar.choice, avatar.jitter

    def variant(attribute: str, table: Mapping[str, tuple[str, ...]]) -> list[str]:
        options = table[values[attribute]]
        return [choice(attribute, f"{attribute}/{values[attribute]}", options)] if options else []

    face = {
        part: [choice("expression", f"expression/{values['expression']}/{part}", options)]
        for part, options in zip(("eyes", "eyebrows", "mouth"), EXPRESSIONS[values["expression"]], strict=True)
    }
    if values["eyes"] == "closed":
        face["eyes"] = ["closed"]
    elif "eyes" in avatar.plain:
        face["eyes"] = [EXPRESSIONS[values["expression"]][0][0]]
    hair = avatar.hair_colour()
    top, facial_hair, glasses = variant("hair", HAIR), variant("facial_hair", FACIAL_HAIR), variant("glasses", GLASSES)
    return {
        "seed": "0",
        "topVariant": top or ["bob"],
        "topProbability": 100 * bool(top),
        "facialHairVariant": facial_hair or ["beardMedium"],
        "facialHairProbability": 100 * bool(facial_hair),
        "accessoriesVariant": glasses or ["round"],
        "accessoriesProbability": 100 * bool(glasses),
        "clothesVariant": variant("clothes", CLOTHES),
        **{f"{part}Variant": chosen for part, chosen in face.items()},
        "hairColor": [hair],
        "facialHairColor": [hair],
        "hatColor": [jitter("hair", "hat jitter", choice("hair", "hat", list(CLOTHES_COLOURS.values())))],
        "clothesColor": [jitter("clothes_colour", "clothes jitter", CLOTHES_COLOURS[values["clothes_colour"]])],
        "accessoriesColor": [jitter("glasses", "frames jitter", choice("glasses", "frames", _FRAMES))],
        "skinColor": [_skin_colour(avatar.stream("skin"))],
    }


def art(avatar: Avatar) -> tuple[str, str]:
    """The whole person in the art's 280 × 280 units, upright: SVG definitions, and what is drawn."""
    svg = DiceBearAvatar(_style(), dicebear_options(avatar)).to_string()
    defs, body = re.fullmatch(r".*<defs>(.*)</defs><g [^>]*>(.*)</g></svg>", svg, re.DOTALL).groups()  # type: ignore[union-attr]
    for part in MOVED:
        body = _move(body, part, offset(avatar, part))
    return defs, body


def _svg(avatar: Avatar) -> str:
    defs, body = art(avatar)
    left, upper, side = crop(avatar)
    *shades, angle = background(avatar.stream("background"))
    stops = "".join(f'<stop offset="{i}" stop-color="{shade}"/>' for i, shade in enumerate(shades))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {upper} {side} {side}"><defs>{defs}'
        f'<linearGradient id="ground" gradientTransform="rotate({angle} .5 .5)">{stops}'
        f'</linearGradient></defs><rect x="-100" y="-100" width="480" height="480" fill="url(#ground)"/>'
        f'<g transform="rotate({rotation(avatar)} 140 140)">{body}</g></svg>'
    )


def background(stream: random.Random) -> tuple[str, str, float]:
    """The gradient's two colours and its angle in degrees."""
    return colours.random_colour(stream), colours.random_colour(stream), stream.uniform(0, 360)


def rotation(avatar: Avatar) -> float:
    """By how many degrees the head is tilted."""
    return avatar.stream("rotation").uniform(-5, 5)


def offset(avatar: Avatar, part: str) -> tuple[float, float]:
    """How far a part of the face is moved, up to two units each way."""
    if part == "eyes" and EYES_PLACE in avatar.plain:
        return 0.0, 0.0
    stream = avatar.stream(f"offset/{part}")
    return stream.uniform(-2, 2), stream.uniform(-2, 2)


def _move(body: str, part: str, offset: tuple[float, float]) -> str:
    """Shift one component of the drawing."""

    def shifted(match: re.Match[str]) -> str:
        x, y = float(match[1]) + offset[0], float(match[2]) + offset[1]
        return f'<use transform="translate({x} {y})" href="#{part}-'

    return re.sub(rf'<use transform="translate\(([\d.]+) ([\d.]+)\)" href="#{part}-', shifted, body)


def _skin_colour(stream: random.Random) -> str:
    place = stream.uniform(0, len(_SKIN) - 1)
    at = min(int(place), len(_SKIN) - 2)
    return colours.mix(_SKIN[at], _SKIN[at + 1], place - at)
