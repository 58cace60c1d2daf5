"""The drawn domain: portrait avatars whose every attribute is known.

The art is Pablo Stanley's avataaars ("Free for personal and commercial use", https://avataaars.com/), drawn through
DiceBear and rasterised by resvg. An Avatar is a seed and one value per attribute. Every other choice (the variant of a
hairstyle, a colour's jitter, the crop, ...) has a random stream of its own that depends on the seed and the choice's
name alone, so an edit moves nothing but what it names: the edited picture of any avatar can be drawn.
"""

from __future__ import annotations

import colorsys
import functools
import io
import json
import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np
import resvg_py
from dicebear import Avatar as DiceBearAvatar
from dicebear import Style
from PIL import Image

Fact = tuple[str, str]
"""An attribute and the value that a caption says it has."""

HAIR = {
    "bald": (),
    "short": ("shortFlat", "shortRound", "theCaesar", "theCaesarAndSidePart", "shortWaved"),
    "afro": ("fro",),
    "curly": ("shortCurly", "frizzle"),
    "bob": ("bob",),
    "long straight": ("straight01", "straight02"),
    "long wavy": ("curvy", "longButNotTooLong", "bigHair"),
    "bun": ("bun",),
    "dreadlocks": ("dreads", "dreads01", "dreads02"),
    "hat": ("hat", "winterHat1", "winterHat02", "winterHat03"),
    "turban": ("turban",),
    "hijab": ("hijab",),
}
NO_HAIR_SEEN = {"bald", "hat", "turban", "hijab"}
HAIR_COLOURS = {
    "black": "1c1614",
    "brown": "6b3d2a",
    "blonde": "e0bb6a",
    "red": "c93305",
    "gray": "b9b9bd",
    "pink": "f577b0",
    "purple": "8438c0",
    "blue": "2b6be0",
    "green": "2ea84f",
}
FACIAL_HAIR = {
    "none": (),
    "beard": ("beardMedium", "beardMajestic"),
    "moustache": ("moustacheFancy", "moustacheMagnum"),
}
GLASSES = {"none": (), "glasses": ("prescription02", "round"), "sunglasses": ("sunglasses", "wayfarers")}
# eyes / eyebrows / mouth
EXPRESSIONS = {
    "neutral": (("default",), ("default", "defaultNatural"), ("serious", "twinkle")),
    "happy": (("default",), ("raisedExcitedNatural", "default"), ("smile",)),
    "sad": (("default",), ("sadConcerned", "sadConcernedNatural"), ("sad", "concerned")),
    "angry": (("squint", "default"), ("angry",), ("serious", "grimace")),
    "surprised": (("surprised",), ("raisedExcited", "raisedExcitedNatural"), ("screamOpen", "disbelief")),
}
CLOTHES = {
    "hoodie": ("hoodie",),
    "shirt": ("shirtCrewNeck", "shirtVNeck", "shirtScoopNeck"),
    "blazer": ("blazerAndShirt",),
    "overall": ("overall",),
}
CLOTHES_COLOURS = {
    "black": "262626",
    "gray": "929598",
    "white": "f4f4f4",
    "blue": "3b78d8",
    "green": "3aa655",
    "red": "d93b3b",
    "pink": "f58ac0",
    "yellow": "f2cf4a",
}
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair": tuple(HAIR),
    "hair_colour": tuple(HAIR_COLOURS),
    "facial_hair": tuple(FACIAL_HAIR),
    "glasses": tuple(GLASSES),
    "expression": tuple(EXPRESSIONS),
    "eyes": ("open", "closed"),
    "clothes": tuple(CLOTHES),
    "clothes_colour": tuple(CLOTHES_COLOURS),
}
HELD_OUT: tuple[tuple[Fact, Fact], ...] = (
    (("hair_colour", "blue"), ("glasses", "glasses")),
    (("hair_colour", "purple"), ("facial_hair", "beard")),
    (("hair_colour", "blonde"), ("hair", "afro")),
    (("expression", "angry"), ("hair", "hat")),
    (("hair", "bald"), ("glasses", "sunglasses")),
)
"""Pairs of facts that no training picture shows and no training caption names together."""

_SKIN = ("ffdbb4", "edb98a", "d08b5b", "ae5d29", "614335")
_FRAMES = ("262e33", "3c2a1e", "5a1e2a", "1e3c5a")
_WEIGHTS = {
    "facial_hair": (5, 3, 3),
    "glasses": (5, 3, 3),
    "eyes": (7, 1),
}
_UNNAMED_HAIR = 0.12
_EYES_PLACE = "place of the eyes"
# What edit_plainly takes for what cannot be seen.
_UNKNOWN = {"hair_colour": "brown", "eyes": "open", "clothes": "shirt", "clothes_colour": "gray"}


def is_held_out(facts: Iterable[Fact]) -> bool:
    """Whether one of the HELD_OUT pairs is among these facts."""
    facts = set(facts)
    return any(first in facts and second in facts for first, second in HELD_OUT)


@dataclass(frozen=True)
class Avatar:
    """One person: a seed, and for every key of ATTRIBUTES its value ("" for a hair colour without a name).

    The attributes in `plain` have the first variant of their value and the named colour itself, not the seed's choice;
    with _EYES_PLACE the eyes are where they are on average.
    """

    seed: int
    values: Mapping[str, str]
    plain: frozenset[str] = frozenset()

    def labels(self) -> dict[str, str | None]:
        """What can be seen, by attribute: None for an unnamed hair colour and for what something else hides."""
        labels: dict[str, str | None] = dict(self.values)
        if not self.values["hair_colour"] or not self._shows_hair_colour():
            labels["hair_colour"] = None
        if self.values["glasses"] == "sunglasses":
            labels["eyes"] = None
        if self.values["hair"] == "hijab":
            labels["clothes"] = labels["clothes_colour"] = None
        return labels

    def facts(self) -> set[Fact]:
        """The labels that are not None."""
        return {(attribute, value) for attribute, value in self.labels().items() if value is not None}

    def shows_held_out(self) -> bool:
        """Whether the picture shows a HELD_OUT pair; a colour without a name counts as the nearest that has one."""
        facts = self.facts()
        if not self.values["hair_colour"] and self._shows_hair_colour():
            colour = _rgb(_hair_colour(self)[1:])
            nearest = min(HAIR_COLOURS, key=lambda name: math.dist(colour, _rgb(HAIR_COLOURS[name])))
            facts.add(("hair_colour", nearest))
        return is_held_out(facts)

    def edit(self, facts: Iterable[Fact]) -> Avatar:
        """The same person with these facts changed and nothing else."""
        return replace(self, values={**self.values, **dict(facts)})

    def edit_plainly(self, facts: Iterable[Fact]) -> Avatar:
        """The edit as far as it follows from the picture: what changes or comes to light looks plain."""
        told = dict(facts)
        hidden = {name for name, label in self.labels().items() if label is None}
        if self._shows_hair_colour():
            hidden.discard("hair_colour")  # It has no name.
        changed = {name for name, value in told.items() if value != self.values[name]}
        values = {**self.values, **{name: _UNKNOWN[name] for name in hidden}, **told}
        lit = {_EYES_PLACE} if "eyes" in hidden else set()
        return replace(self, values=values, plain=self.plain | changed | hidden | lit)

    def _shows_hair_colour(self) -> bool:
        return self.values["hair"] not in NO_HAIR_SEEN or self.values["facial_hair"] != "none"

    def _stream(self, choice: str) -> random.Random:
        return random.Random(f"{self.seed}/{choice}")

    def _choice(self, attribute: str, choice: str, options: Sequence[str]) -> str:
        """One of the options: the seed's, or the first if the attribute is plain."""
        return options[0] if attribute in self.plain else self._stream(choice).choice(options)

    def _jitter(self, attribute: str, choice: str, colour: str) -> str:
        return "#" + colour if attribute in self.plain else _jitter(colour, self._stream(choice))


def sample(seed: int) -> Avatar:
    """A random avatar; never one that shows a HELD_OUT pair."""
    for attempt in range(1000):
        values = {}
        for attribute, options in ATTRIBUTES.items():
            stream = random.Random(f"{seed}/{attempt}/{attribute}")
            values[attribute] = stream.choices(options, _WEIGHTS.get(attribute))[0]
            if attribute == "hair_colour" and stream.random() < _UNNAMED_HAIR:
                values[attribute] = ""
        avatar = Avatar(seed, values)
        if not avatar.shows_held_out():
            return avatar
    raise AssertionError("no avatar without a held-out pair in 1000 attempts")


def applicable(avatar: Avatar, facts: Iterable[Fact]) -> bool:
    """Whether a picture of this person can show all these facts (no hair colour where no hair is seen, ...)."""
    facts = set(facts)
    return facts <= avatar.edit(facts).facts()


def draw(avatar: Avatar, size: int = 64) -> np.ndarray:
    """The picture, uint8 [size, size, 3]."""
    png = resvg_py.svg_to_bytes(svg_string=_svg(avatar), width=size, height=size)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


def face_box(avatar: Avatar) -> tuple[float, float, float, float]:
    """Where eyebrows, eyes and mouth are: left, top, right, bottom as fractions of the picture's side."""
    left, top, side = _crop(avatar)
    return (90 - left) / side, (84 - top) / side, (190 - left) / side, (180 - top) / side


def _crop(avatar: Avatar) -> tuple[float, float, float]:
    """Left, top and side of the visible square in the art's 280 units."""
    stream = avatar._stream("crop")
    side = 224 + stream.uniform(-8, 8)
    return 140 + stream.uniform(-5, 5) - side / 2, 120 + stream.uniform(-5, 5) - side / 2, side


@functools.cache
def _style() -> Style:
    return Style(json.loads(files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")))


def parameters(avatar: Avatar) -> np.ndarray:
    """Everything the drawing is made from, float32 [P], about unit scale: which variants, which colours, where.

    What cannot be seen (the colour of a hat nobody wears, eyes behind sunglasses, ...) is zero.
    """
    options, stream, values, labels = _options(avatar), avatar._stream, avatar.values, avatar.labels()
    shown = {
        "eyes": labels["eyes"] is not None,
        "clothes": labels["clothes"] is not None,
        "hat": values["hair"] in {"hat", "turban", "hijab"},
        "hair": avatar._shows_hair_colour(),
        "skin": True,
    }
    row: list[float] = []
    for part, variants in _VARIANTS.items():
        chosen = options[f"{part}Variant"][0] if options.get(f"{part}Probability", 100) else "none"
        row += [float(shown.get(part, True) and variant == chosen) for variant in variants]
    shown["accessories"] = values["glasses"] != "none"
    for part in ("hair", "hat", "clothes", "accessories", "skin"):
        colour = _rgb(options[f"{part}Color"][0][1:])
        row += [shown[part] * (2 * channel - 1) for channel in colour]
    first, second, angle = _background(stream("background"))
    for start, end in zip(_rgb(first[1:]), _rgb(second[1:]), strict=True):
        slope = 2 * (end - start)
        row += [start + end - 1, slope * math.cos(math.radians(angle)), slope * math.sin(math.radians(angle))]
    left, upper, side = _crop(avatar)
    row += [(left + side / 2 - 140) / 5, (upper + side / 2 - 120) / 5, (side - 224) / 8, _rotation(avatar) / 5]
    for part in _MOVED:
        row += [shown.get(part, True) * offset / 2 for offset in _offset(avatar, part)]
    return np.array(row, np.float32)


_VARIANTS = {
    "top": sum(HAIR.values(), ("none",)),
    "facialHair": sum(FACIAL_HAIR.values(), ("none",)),
    "accessories": sum(GLASSES.values(), ("none",)),
    "clothes": sum(CLOTHES.values(), ()),
    "eyes": ("default", "squint", "surprised", "closed"),
    **{
        part: tuple(sorted({name for face in EXPRESSIONS.values() for name in face[i]}))
        for i, part in ((1, "eyebrows"), (2, "mouth"))
    },
}
_MOVED = ("eyes", "eyebrows", "mouth")


def _options(avatar: Avatar) -> dict[str, Any]:
    """DiceBear's options."""
    values, choice, jitter = avatar.values, avatar._choice, avatar._jitter

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
    hair = _hair_colour(avatar)
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
        "skinColor": [_skin_colour(avatar._stream("skin"))],
    }


def _svg(avatar: Avatar) -> str:
    svg = DiceBearAvatar(_style(), _options(avatar)).to_string()
    left, upper, side = _crop(avatar)
    defs, body = re.fullmatch(r".*<defs>(.*)</defs><g [^>]*>(.*)</g></svg>", svg, re.DOTALL).groups()  # type: ignore[union-attr]
    for part in _MOVED:
        body = _move(body, part, _offset(avatar, part))
    *shades, angle = _background(avatar._stream("background"))
    stops = "".join(f'<stop offset="{i}" stop-color="{shade}"/>' for i, shade in enumerate(shades))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {upper} {side} {side}"><defs>{defs}'
        f'<linearGradient id="ground" gradientTransform="rotate({angle} .5 .5)">{stops}'
        f'</linearGradient></defs><rect x="-100" y="-100" width="480" height="480" fill="url(#ground)"/>'
        f'<g transform="rotate({_rotation(avatar)} 140 140)">{body}</g></svg>'
    )


def _background(stream: random.Random) -> tuple[str, str, float]:
    """The gradient's two colours and its angle in degrees."""
    return _random_colour(stream), _random_colour(stream), stream.uniform(0, 360)


def _rotation(avatar: Avatar) -> float:
    return avatar._stream("rotation").uniform(-5, 5)


def _offset(avatar: Avatar, part: str) -> tuple[float, float]:
    """How far a part of the face is moved, up to two units each way."""
    if part == "eyes" and _EYES_PLACE in avatar.plain:
        return 0.0, 0.0
    stream = avatar._stream(f"offset/{part}")
    return stream.uniform(-2, 2), stream.uniform(-2, 2)


def _move(body: str, part: str, offset: tuple[float, float]) -> str:
    """Shift one component of the drawing."""

    def shifted(match: re.Match[str]) -> str:
        x, y = float(match[1]) + offset[0], float(match[2]) + offset[1]
        return f'<use transform="translate({x} {y})" href="#{part}-'

    return re.sub(rf'<use transform="translate\(([\d.]+) ([\d.]+)\)" href="#{part}-', shifted, body)


def _hair_colour(avatar: Avatar) -> str:
    name = avatar.values["hair_colour"]
    if name:
        return avatar._jitter("hair_colour", f"hair colour/{name}", HAIR_COLOURS[name])
    stream = avatar._stream(f"hair colour/{name}")
    first, second = stream.sample(list(HAIR_COLOURS.values()), 2)
    return _mix(first, second, stream.uniform(0.3, 0.7))


def _skin_colour(stream: random.Random) -> str:
    place = stream.uniform(0, len(_SKIN) - 1)
    at = min(int(place), len(_SKIN) - 2)
    return _mix(_SKIN[at], _SKIN[at + 1], place - at)


def _random_colour(stream: random.Random) -> str:
    return _hex(colorsys.hsv_to_rgb(stream.random(), stream.uniform(0.1, 0.6), stream.uniform(0.6, 1.0)))


def _jitter(colour: str, stream: random.Random) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(*_rgb(colour))
    hue = (hue + stream.uniform(-0.015, 0.015)) % 1
    saturation = min(max(saturation + stream.uniform(-0.06, 0.06) * (saturation > 0.1), 0), 1)
    return _hex(colorsys.hsv_to_rgb(hue, saturation, min(max(value + stream.uniform(-0.05, 0.05), 0), 1)))


def _mix(first: str, second: str, share: float) -> str:
    return _hex(a + share * (b - a) for a, b in zip(_rgb(first), _rgb(second), strict=True))


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))


def _hex(rgb: Iterable[float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in rgb)
