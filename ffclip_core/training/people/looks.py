"""What becomes of a drawing on its way to us: what lies behind it, how it is cut, lit, shrunk and packed."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import torch
from PIL import Image, ImageDraw

from ...faces.alignment import mirrored_border
from ..backgrounds import backgrounds
from ..colours import rgb
from ..wear import Look, drawn_side, look_of, worn
from .drawing import draw
from .person import Person, sample, skin_colour

_OTHERS = 8
_TIGHT = 0.3


def picture_of(person: Person, size: int) -> np.ndarray:
    """uint8 [size, size, 3]"""
    look = look_of(person)
    rng = look.rng("picture")
    side = size if look.plain else drawn_side(size, rng)
    drawn = draw(person, side).astype(np.float32) / 255
    behind, cut = _ground(person, look, side)
    flat = (drawn[..., :3] * drawn[..., 3:] + behind * (1 - drawn[..., 3:])) * cut + behind * (1 - cut)
    lit = look.light.of(flat)
    if look.plain:
        return _bytes(lit)
    seen = Image.fromarray(_bytes(_bordered(lit, rng)))
    return np.asarray(worn(seen, size, rng))


def _bytes(picture: np.ndarray) -> np.ndarray:
    return (255 * picture).round().clip(0, 255).astype(np.uint8)


def _bordered(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some pictures [S, S, 3] end within the frame: what lies beyond is as alignment fills it in."""
    if rng.random() > _TIGHT:
        return picture
    side = len(picture)
    left, right, top, bottom = (int(side * rng.choice((0.0, rng.uniform(0, 0.16)))) for _ in range(4))
    inner = torch.from_numpy(picture[top : side - bottom, left : side - right]).permute(2, 0, 1)[None].float()
    return mirrored_border(inner, (left, right, top, bottom))[0].permute(1, 2, 0).numpy()


def background_of(person: Person) -> np.ndarray:
    """The mean colour of what lies behind, as it is seen: channels in [0, 1]."""
    look = look_of(person)
    light, gray = look.light, "background" not in person.plain
    behind = np.array(rgb(person.values["background"])) if not gray else _ground(person, look, 32)[0].mean((0, 1))
    return replace(light, gray=light.gray and gray).of(behind)


def _ground(person: Person, look: Look, side: int) -> tuple[np.ndarray, np.ndarray]:
    """What lies behind, [side, side, 3], and where the drawing is not cut off, [side, side, 1]."""
    colour = np.array(rgb(person.values["background"]), np.float32)
    rng = look.rng("ground")
    behind = np.broadcast_to(colour, (side, side, 3))
    if look.plain:
        return behind, np.ones((side, side, 1), np.float32)
    if rng.random() < 0.7:
        behind = backgrounds(1, side, look.rng("behind"), _others())[0].permute(1, 2, 0).numpy()
    cut = _cut(side, rng.random(), rng.uniform(0.1, 0.3))
    beyond = np.full(3, rng.choice((1.0, 1.0, 0.0, rng.random())), np.float32)
    return behind * cut + beyond * (1 - cut), cut


@functools.cache
def _others() -> torch.Tensor:
    """Pictures of others, [N, 3, 128, 128] in [0, 1]."""
    drawn = np.stack([draw(sample(seed), 128) for seed in range(_OTHERS)]).astype(np.float32) / 255
    return torch.from_numpy(drawn[..., :3] * drawn[..., 3:] + 0.5 * (1 - drawn[..., 3:])).permute(0, 3, 1, 2)


def _cut(side: int, kind: float, radius: float) -> np.ndarray:
    """[side, side, 1]: 1 where the picture stays, of a circle, a badge, round corners, or all of it."""
    mask = Image.new("L", (2 * side, 2 * side), 0)
    pen, end = ImageDraw.Draw(mask), 2 * side - 1
    if kind < 0.15:
        pen.ellipse((0, 0, end, end), fill=255)
    elif kind < 0.22:  # As the art's own site: before a disc, out of which the head may lean.
        pen.rectangle((0, 0, end, round(end * 0.5714)), fill=255)
        pen.ellipse([end * part for part in (0.0714, 0.1428, 0.9286, 1.0)], fill=255)
    elif kind < 0.3:
        pen.rounded_rectangle((0, 0, end, end), end * radius, fill=255)
    else:
        return np.ones((side, side, 1), np.float32)
    return np.asarray(mask.resize((side, side), Image.Resampling.BOX), np.float32)[..., None] / 255


def seen_colour(person: Person, attribute: str) -> np.ndarray:
    """What the colour of an attribute looks like in the picture: channels in [0, 1]. One that was asked for is not gray
    in a gray picture."""
    light = look_of(person).light
    if attribute in person.plain:
        light = replace(light, gray=False)
    return light.of(np.array(rgb(skin_colour(person) if attribute == "skin" else person.values[attribute])))
