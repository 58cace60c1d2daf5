"""What a drawing is made from, as numbers."""

from __future__ import annotations

import math

import numpy as np

from .avatar import Avatar
from .colours import rgb
from .drawing import MOVED, background, crop, dicebear_options, offset, rotation
from .vocabulary import CLOTHES, EXPRESSIONS, FACIAL_HAIR, GLASSES, HAIR

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


def parameters(avatar: Avatar) -> np.ndarray:
    """Everything the drawing is made from, float32 [P], about unit scale: which variants, which colours, where.

    What cannot be seen (the colour of a hat nobody wears, eyes behind sunglasses, ...) is zero.
    """
    options, stream, values, labels = dicebear_options(avatar), avatar.stream, avatar.values, avatar.labels()
    shown = {
        "eyes": labels["eyes"] is not None,
        "clothes": labels["clothes"] is not None,
        "hat": values["hair"] in {"hat", "turban", "hijab"},
        "hair": avatar.shows_hair_colour(),
        "skin": True,
    }
    row: list[float] = []
    for part, variants in _VARIANTS.items():
        chosen = options[f"{part}Variant"][0] if options.get(f"{part}Probability", 100) else "none"
        row += [float(shown.get(part, True) and variant == chosen) for variant in variants]
    shown["accessories"] = values["glasses"] != "none"
    for part in ("hair", "hat", "clothes", "accessories", "skin"):
        colour = rgb(options[f"{part}Color"][0][1:])
        row += [shown[part] * (2 * channel - 1) for channel in colour]
    first, second, angle = background(stream("background"))
    for start, end in zip(rgb(first[1:]), rgb(second[1:]), strict=True):
        slope = 2 * (end - start)
        row += [start + end - 1, slope * math.cos(math.radians(angle)), slope * math.sin(math.radians(angle))]
    left, upper, side = crop(avatar)
    row += [(left + side / 2 - 140) / 5, (upper + side / 2 - 120) / 5, (side - 224) / 8, rotation(avatar) / 5]
    for part in MOVED:
        row += [shown.get(part, True) * place / 2 for place in offset(avatar, part)]
    return np.array(row, np.float32)
