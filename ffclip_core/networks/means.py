"""Pictures brought to another size, larger or smaller, by means over boxes.

Each axis is a product with a matrix: that works for all sizes on all devices, and gradients are summed in an order that
never changes (those of PyTorch's adaptive pooling are not on CUDA, and MPS has no sizes that don't divide).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def area_mean(x: Tensor, side: int) -> Tensor:
    """[B, C, H, W] → [B, C, side, side]: pixel i is the mean from i·H/side to (i+1)·H/side, pixels at the ends counting
    by the part of them that lies within. The same as each pixel repeated `side` times, then means of H."""
    return _product(x, side, _area_matrix)


def adaptive_mean(x: Tensor, side: int) -> Tensor:
    """[B, C, H, W] → [B, C, side, side], as adaptive mean pooling: pixel i is the mean of all pixels that the same
    stretch touches, each counting whole."""
    return _product(x, side, _adaptive_matrix)


def _product(x: Tensor, side: int, matrix: Callable[[int, int], Tensor]) -> Tensor:
    height, width = x.shape[-2:]
    if width != side:
        x = x @ matrix(width, side).to(x).T
    return x if height == side else matrix(height, side).to(x) @ x


def _area_matrix(size: int, side: int) -> Tensor:
    """[side, size]; counted in parts of 1 / side of a pixel, of which there are whole numbers."""
    first, last = _ends(size, side)
    pixel = side * torch.arange(size, device="cpu")
    overlap = torch.minimum(last, pixel + side) - torch.maximum(first, pixel)
    return overlap.clamp(min=0).double() / size


def _adaptive_matrix(size: int, side: int) -> Tensor:
    """[side, size]."""
    first, last = _ends(size, side)
    pixel = side * torch.arange(size, device="cpu")
    touched = ((pixel < last) & (pixel + side > first)).double()
    return touched / touched.sum(1, keepdim=True)


def _ends(size: int, side: int) -> tuple[Tensor, Tensor]:
    """Where the stretches [side, 1] begin and end."""
    first = size * torch.arange(side, device="cpu")[:, None]
    return first, first + size
