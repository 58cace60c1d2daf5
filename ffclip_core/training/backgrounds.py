"""What lies behind a drawing: flat colours, gradients, noise, stripes, shapes, and pictures of other things."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_KINDS = 7


def backgrounds(count: int, size: int, rng: np.random.Generator, others: Tensor) -> Tensor:
    """Random pictures [count, 3, size, size] in [0, 1]; others [N, 3, H, W]: pictures of which some show enlarged
    parts."""
    y, x = torch.meshgrid(*[(torch.arange(size) + 0.5) / size] * 2, indexing="ij")
    result = torch.empty(count, 3, size, size)
    for picture, kind in zip(result, rng.choice(_KINDS, count, p=(0.3, 0.2, 0.1, 0.05, 0.1, 0.15, 0.1)), strict=True):
        first, second = colour(rng), colour(rng)
        angle = rng.uniform(0, 2 * math.pi)
        along = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle)
        if kind == 0:
            share = torch.zeros(size, size)
        elif kind == 1:
            share = along / 1.41 + 0.5
        elif kind == 2:
            share = _clouds(size, int(rng.integers(2, 24)), rng)
        elif kind == 3:
            share = torch.from_numpy(rng.random((3, size, size), np.float32))
        elif kind == 4:
            share = torch.sin(along * rng.uniform(15, 150)) * rng.choice((0.5, 20.0)) + 0.5
            if rng.random() < 0.3:
                across = torch.sin((y - 0.5) * math.cos(angle) * 40 - (x - 0.5) * math.sin(angle) * 40)
                share = share * across.sign()
        elif kind == 5:
            picture.copy_(_shapes(first, x, y, rng))
            continue
        else:
            picture.copy_(_part(others[int(rng.integers(len(others)))], size, rng))
            continue
        picture.copy_(torch.lerp(first, second, share.clamp(0, 1)))
    return result


def colour(rng: np.random.Generator) -> Tensor:
    """A colour [3, 1, 1]: any, a pale one, or white, gray or black."""
    kind = rng.random()
    if kind < 0.45:
        values = rng.random(3)
    elif kind < 0.75:
        values = 1 - rng.random(3) * rng.uniform(0.1, 0.5)
    else:
        values = np.full(3, rng.choice((1.0, 1.0, 0.0, 0.5, rng.random())))
    return torch.from_numpy(values.astype(np.float32))[:, None, None]


def _clouds(size: int, cells: int, rng: np.random.Generator) -> Tensor:
    noise = torch.from_numpy(rng.random((1, 3, cells, cells), np.float32))
    return F.interpolate(noise, size=(size, size), mode="bicubic")[0]


def _shapes(ground: Tensor, x: Tensor, y: Tensor, rng: np.random.Generator) -> Tensor:
    picture = ground.expand(3, *x.shape)
    for _ in range(int(rng.integers(3, 14))):
        across, down, reach, angle = rng.random(), rng.random(), rng.uniform(0.03, 0.3), rng.uniform(0, 2 * math.pi)
        u = (x - across) * math.cos(angle) + (y - down) * math.sin(angle)
        v = (y - down) * math.cos(angle) - (x - across) * math.sin(angle)
        v = v * rng.uniform(0.4, 2.5)
        shape = u.square() + v.square() < reach**2 if rng.random() < 0.6 else (u.abs() < reach) & (v.abs() < reach)
        picture = torch.where(shape, colour(rng), picture)
    return picture


def _part(other: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    """A part of a picture, enlarged, often upside down: what lies there is no face in a place of its own."""
    side = max(8, int(other.shape[-1] * rng.uniform(0.1, 0.3)))
    top, left = (int(rng.integers(0, n - side + 1)) for n in other.shape[-2:])
    part = other[None, :, top : top + side, left : left + side].flip(2)
    return F.interpolate(part, size=(size, size), mode="bilinear")[0]
