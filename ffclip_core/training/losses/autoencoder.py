"""Differences of pictures: what a generator learns from while an encoder, or the drawing's parameters, says what to
draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import accurately, require_same_shape

Features = Callable[[Tensor], Sequence[Tensor]]
"""Pictures [B, 3, H, W] in [-1, 1] → maps [B, C, h, w], any number of them, as a network's layers give them."""


@accurately
def l1(drawn: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of tensors of one shape."""
    require_same_shape(drawn, wanted)
    return (drawn - wanted).abs().mean()


@accurately
def laplacian_l1(difference: Tensor, levels: int = 5) -> Tensor:
    """Mean absolute value of every level of the Laplacian pyramid of a difference of pictures [B, C, H, W], summed.

    The pyramid (Burt and Adelson 1983) with means over 2×2 pixels as its filter, as a loss in Bojanowski et al.,
    "Optimizing the Latent Space of Generative Networks" (2018), there with weights by level. H and W are 2^(levels - 1)
    at least.
    """
    total = difference.new_zeros(())
    for _ in range(levels - 1):
        small = F.avg_pool2d(difference, 2)
        total = total + (difference - F.interpolate(small, size=difference.shape[2:], mode="nearest")).abs().mean()
        difference = small
    return total + difference.abs().mean()


def feature_l1(features: Features, drawn: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of each map of features of pictures [B, 3, H, W] in [-1, 1], summed over the maps;
    wanted is fixed."""
    with torch.no_grad():
        fixed = features(wanted.detach())
    return torch.stack([l1(a, b) for a, b in zip(features(drawn), fixed, strict=True)]).sum()


def face_weights(boxes: Tensor, size: int, inside: float) -> Tensor:
    """Maps [B, 1, size, size] that are `inside` in the boxes [B, 4] (left, top, right, bottom as fractions of the side)
    and 1 elsewhere."""
    centres = (torch.arange(size, device=boxes.device) + 0.5) / size
    left, top, right, bottom = boxes[:, :, None].unbind(1)
    columns, rows = (centres > left) & (centres < right), (centres > top) & (centres < bottom)
    return 1 + (inside - 1) * (rows[:, None, :, None] & columns[:, None, None, :]).float()


def focused_l1(difference: Tensor, boxes: Tensor) -> Tensor:
    """Mean absolute difference of pictures [B, 3, H, H], four times as heavy in the boxes [B, 4] as elsewhere."""
    return (difference.abs() * face_weights(boxes, difference.shape[-1], 4.0)).mean()
