"""Pictures as people have them, put together from whole drawings: any frame, any background, cut and worn.

Frames are as networks/aligner.py has them: [middle x, y, right half axis x, y] in px.
"""

from __future__ import annotations

import io
import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..backgrounds import backgrounds, colour
from .whole import SIDE

FRAME_MIDDLE, FRAME_HALF = (140.0, 120.0), 112.0
"""The square of the art's units that the encoder inverts best: the mean of those that it was trained on."""
FACE = (140.0, 112.0, 66.0, 76.0)
"""The middle and half axes of the face in the art's units."""
POINTS = ((114.0, 112.0), (166.0, 112.0), (140.0, 135.0), (125.0, 156.0), (155.0, 156.0))
"""Eyes, nose and mouth corners in the art's units, on average."""

PEOPLE = 2
"""At most so many are in a picture."""


class Wide(NamedTuple):
    """pixels [B, 3, S, S] in [0, 1], of which the picture is the rectangle [B, 4] (left, top, right, bottom in px).
    frames [B, PEOPLE, 4], mirrored and there [B, PEOPLE] tell of the people in it."""

    pixels: Tensor
    rectangle: Tensor
    frames: Tensor
    mirrored: Tensor
    there: Tensor


def fractions(points: tuple[tuple[float, float], ...]) -> list[float]:
    """Places in the art as fractions of the frame's side."""
    return [
        round((value - middle) / (2 * FRAME_HALF) + 0.5, 4)
        for point in points
        for value, middle in zip(point, FRAME_MIDDLE, strict=True)
    ]


def to_places(cells: Tensor, frames: Tensor) -> Tensor:
    """Points [B, 2, ...] in px → their places in frames [B, 4]."""
    x, y = ((cells[:, i] - _like(frames[:, i], cells[:, i])) for i in (0, 1))
    ax, ay = (_like(frames[:, i], x) for i in (2, 3))
    size = ax**2 + ay**2
    return torch.stack([(x * ax + y * ay) / size, (y * ax - x * ay) / size], 1)


def wide(drawings: np.ndarray, count: int, size: int, rng: np.random.Generator) -> Wide:
    """Random pictures of `count` × (none, one or two) of these drawings, uint8 [N, P, P, 4]."""
    chosen = np.sort(rng.integers(0, len(drawings), count * PEOPLE))
    people = torch.from_numpy(np.stack([drawings[i] for i in rng.permutation(chosen)])).permute(0, 3, 1, 2) / 255
    people = torch.cat([people[:, :3] * people[:, 3:], people[:, 3:]], 1).unflatten(0, (count, PEOPLE))
    rectangle = torch.from_numpy(np.stack([_rectangle(size, rng) for _ in range(count)]))
    frames = torch.from_numpy(np.stack([_frames(rectangle[i].numpy(), rng) for i in range(count)]))
    mirrored = torch.from_numpy(rng.random((count, PEOPLE)) < 0.5)
    there = torch.from_numpy(rng.random((count, PEOPLE)) < (0.88, 0.2))
    fine = _points(2 * size, 0.5).expand(count, -1, -1, -1)
    pixels = backgrounds(count, size, rng, people[:, 1, :3])
    pixels = F.interpolate(pixels, scale_factor=2.0, mode="nearest")
    for person in reversed(range(PEOPLE)):
        place = to_places(fine, frames[:, person])
        x = torch.where(_like(mirrored[:, person], place[:, 0]), -place[:, 0], place[:, 0])
        art = torch.stack([x * FRAME_HALF + FRAME_MIDDLE[0], place[:, 1] * FRAME_HALF + FRAME_MIDDLE[1]], 1)
        layer = F.grid_sample(people[:, person], (art / (SIDE / 2) - 1).permute(0, 2, 3, 1), align_corners=False)
        layer = layer * _like(there[:, person], layer)
        if person == 0:
            pixels, layer = _disc_or_card(pixels, layer, art, rng)
        pixels = pixels * (1 - layer[:, 3:]) + layer[:, :3]
        if person == 0:
            pixels = _corners(pixels, art, fine, rectangle, rng)
    pixels = F.avg_pool2d(pixels, 2)
    return Wide(torch.stack([_worn(each, rng) for each in pixels]), rectangle, frames, mirrored, there)


def _rectangle(size: int, rng: np.random.Generator) -> np.ndarray:
    """The canvas, or a part of it with other proportions."""
    sides = np.array([size, size])
    if rng.random() < 0.3:
        sides[int(rng.integers(2))] *= rng.uniform(0.5, 1.0)
    start = (size - sides) // 2
    return np.concatenate([start, start + sides]).astype(np.float32)


def _frames(rectangle: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where people are in a picture: [PEOPLE, 4]."""
    half = (rectangle[2:] - rectangle[:2]) / 2
    middle, shorter = rectangle[:2] + half, 2 * half.min()
    frames: list[np.ndarray] = []
    for person in range(PEOPLE):
        kind = rng.random()
        if kind < 0.25 and not person:  # The whole drawing, as DiceBear and avataaars' own site give it.
            scale = shorter / SIDE * rng.choice((1.0, 1.0, rng.uniform(0.8, 1.05)))
            turn = math.radians(rng.choice((0.0, rng.uniform(-25, 25)), p=(0.8, 0.2)))
            offset = scale * (np.array(FRAME_MIDDLE) - SIDE / 2)
        else:
            zoom = rng.uniform(0.65, 1.45) if kind < 0.7 else math.exp(rng.uniform(math.log(1.0), math.log(3.6)))
            scale = shorter / (2 * FRAME_HALF * zoom)
            turn = math.radians(rng.choice((0.0, rng.uniform(-30, 30)), p=(0.3, 0.7)))
            room = 0.15 * 2 * FRAME_HALF * scale + np.maximum(half - FRAME_HALF * scale, 0)
            offset = rng.uniform(-1, 1, 2) * room
        axis = FRAME_HALF * scale * np.array([math.cos(turn), math.sin(turn)])
        if person:  # Beside the first.
            first, angle = frames[0], rng.uniform(0, 2 * math.pi)
            away = (np.hypot(*first[2:]) + np.hypot(*axis)) * rng.uniform(0.8, 1.1)
            offset = first[:2] - middle + away * np.array([math.cos(angle), math.sin(angle)])
        frames.append(np.concatenate([middle + offset, axis]))
    return np.stack(frames).astype(np.float32)


def _disc_or_card(pixels: Tensor, layer: Tensor, art: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Behind some people a disc that cuts off their shoulders, or a card as wide as the drawing."""
    pixels, layer = pixels.clone(), layer.clone()
    for i in range(len(pixels)):
        kind = rng.random()
        x, y = art[i, 0], art[i, 1]
        if kind < 0.12:  # As avataaars' own site draws it.
            disc = (x - 140).square() + (y - 160).square() < 120**2
            pixels[i] = torch.where(disc, colour(rng), pixels[i])
            layer[i] *= disc | (y < 160)
        elif kind < 0.2:
            card = (x > 0) & (x < SIDE) & (y > 0) & (y < SIDE)
            pixels[i] = torch.where(card, colour(rng), pixels[i])
    return pixels, layer


def _corners(pixels: Tensor, art: Tensor, fine: Tensor, rectangle: Tensor, rng: np.random.Generator) -> Tensor:
    """Some pictures, or the whole drawings in them, cut to a circle or to round corners."""
    pixels = pixels.clone()
    for i in range(len(pixels)):
        kind = rng.random()
        if kind < 0.12:
            left, top, right, bottom = rectangle[i]
            x, y = fine[i, 0] - (left + right) / 2, fine[i, 1] - (top + bottom) / 2
            width, height = (right - left) / 2, (bottom - top) / 2
        elif kind < 0.24:
            x, y, width, height = art[i, 0] - SIDE / 2, art[i, 1] - SIDE / 2, torch.tensor(140.0), torch.tensor(140.0)
        else:
            continue
        shorter = torch.minimum(width, height)
        radius = shorter * rng.choice((1.0, 1.0, rng.uniform(0.1, 0.8)))
        if radius == shorter:
            width = height = shorter
        far = torch.stack([x.abs() - (width - radius), y.abs() - (height - radius)]).clamp_min(0)
        outside = (far.square().sum(0) > radius**2) | (x.abs() > width) | (y.abs() > height)
        ground = torch.from_numpy(np.full((3, 1, 1), rng.choice((1.0, 1.0, 0.0)), np.float32))
        pixels[i] = torch.where(outside, ground if rng.random() < 0.7 else colour(rng), pixels[i])
    return pixels


def _worn(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A picture [3, S, S] darker or brighter, gray, tinted, soft, noisy, small, after JPEG."""
    size = x.shape[-1]
    if rng.random() < 0.2:
        small = F.interpolate(x[None], size=int(rng.integers(size // 3, size)), mode="bilinear", antialias=True)
        x = F.interpolate(small, size=size, mode="bilinear")[0]
    if rng.random() < 0.3:
        x = x.clamp_min(1e-4) ** math.exp(rng.uniform(-0.7, 0.9)) * rng.uniform(0.35, 1.1)
        x = x + rng.choice((0.0, rng.uniform(0, 0.3)))
    if rng.random() < 0.1:
        x = x.mean(0, keepdim=True).expand(3, -1, -1)
    if rng.random() < 0.1:
        x = x * torch.from_numpy(rng.uniform(0.7, 1.1, (3, 1, 1)).astype(np.float32))
    if rng.random() < 0.1:
        x = x + rng.uniform(0.01, 0.06) * torch.from_numpy(rng.standard_normal(x.shape, np.float32))
    x = x.clamp(0, 1)
    if rng.random() < 0.2:
        file = io.BytesIO()
        Image.fromarray((x * 255).round().byte().permute(1, 2, 0).numpy()).save(
            file, "JPEG", quality=int(rng.integers(30, 96))
        )
        x = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
    return x


def _points(count: int, step: float) -> Tensor:
    """The middles of count × count squares of this side, [1, 2, count, count]."""
    along = step * (torch.arange(count, dtype=torch.float32) + 0.5)
    return torch.stack([along.expand(count, count), along[:, None].expand(count, count)])[None]


def _like(values: Tensor, other: Tensor) -> Tensor:
    return values.view(-1, *[1] * (other.ndim - 1))
