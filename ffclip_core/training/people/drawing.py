"""Drawing a person: whole, all 280 units of the art's square.

The art is Pablo Stanley's avataaars ("Free for personal and commercial use", https://avataaars.com/), drawn through
DiceBear and rasterised by resvg.
"""

from __future__ import annotations

import functools
import json
import re
from importlib.resources import files
from typing import Any

import numpy as np
from dicebear import Avatar, Style

from ..avatars.drawing import rasterise
from .person import Person, skin_colour
from .vocabulary import BROWS, CLOTHES, EYES, FACIAL_HAIR, GLASSES, GRAPHIC, HAIR, MOUTH

SIDE = 280.0
"""The art's units."""
VARIANTS = {
    "top": ("hair", HAIR),
    "facialHair": ("facial_hair", FACIAL_HAIR),
    "accessories": ("glasses", GLASSES),
    "clothes": ("clothes", CLOTHES),
    "clothesGraphic": ("graphic", GRAPHIC),
    "eyes": ("eyes", EYES),
    "eyebrows": ("brows", BROWS),
    "mouth": ("mouth", MOUTH),
}
"""By component of the art, the attribute that it shows and the variants of each value."""
_COLOURS = {
    "hair": "hair_colour",
    "facialHair": "beard_colour",
    "accessories": "glasses_colour",
    "clothes": "clothes_colour",
    "hat": "hat_colour",
}


@functools.cache
def _style() -> Style:
    return Style(json.loads(files("dicebear_styles").joinpath("avataaars.json").read_text("utf-8")))


def variants(person: Person) -> dict[str, str]:
    """By component of the art, the variant that is drawn; "" for none."""
    found = {}
    for component, (attribute, table) in VARIANTS.items():
        options = table[person.values[attribute]]
        found[component] = person.variant(attribute, options) if options else ""
    return found


def place(person: Person) -> tuple[float, float, float, float]:
    """What alignment leaves: how far right and down the art's middle lies, in its units, how much larger it is drawn,
    and by how many degrees it is turned."""
    stream = person.stream("place")
    reach = 0.04 * SIDE
    return (
        stream.uniform(-reach, reach),
        stream.uniform(-reach, reach),
        stream.uniform(0.96, 1.04),
        stream.uniform(-4, 4),
    )


def art(person: Person) -> tuple[str, str]:
    """The person in the art's units: SVG definitions, and what is drawn."""
    options: dict[str, Any] = {"seed": "0"}
    for component, variant in variants(person).items():
        if component in ("top", "facialHair", "accessories"):
            options[f"{component}Probability"] = 100 * bool(variant)
        if variant:
            options[f"{component}Variant"] = [variant]
    for component, attribute in _COLOURS.items():
        options[f"{component}Color"] = ["#" + person.values[attribute]]
    options["skinColor"] = ["#" + skin_colour(person)]
    svg = Avatar(_style(), options).to_string()
    defs, body = re.fullmatch(r".*<defs>(.*)</defs><g [^>]*>(.*)</g></svg>", svg, re.DOTALL).groups()  # type: ignore[union-attr]
    return defs, body


def draw(person: Person, size: int) -> np.ndarray:
    """Before nothing, RGBA uint8 [size, size, 4], straight alpha."""
    defs, body = art(person)
    right, down, larger, turn = place(person)
    middle = SIDE / 2
    moved = f"translate({middle + right} {middle + down}) rotate({turn}) scale({larger}) translate({-middle} {-middle})"
    # What the art's own frame cuts off (a bun, the body) is cut off here too.
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE:g} {SIDE:g}"><defs>{defs}</defs>'
        f'<g transform="{moved}">{body}</g></svg>'
    )
    return rasterise(svg, size, size)
