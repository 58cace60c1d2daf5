"""What the parts minimise: differences of pictures, of labels, and of texts from the pictures they are true of."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


def laplacian_l1(difference: Tensor, levels: int = 5) -> Tensor:
    """Mean absolute value of every level of the Laplacian pyramid of a difference of pictures, summed."""
    total = difference.new_zeros(())
    for _ in range(levels - 1):
        small = F.avg_pool2d(difference, 2)
        total = total + (difference - F.interpolate(small, scale_factor=2, mode="nearest")).abs().mean()
        difference = small
    return total + difference.abs().mean()


def face_weights(boxes: Tensor, size: int, inside: float) -> Tensor:
    """Maps [B, 1, size, size] that are `inside` in the boxes [B, 4] (left, top, right, bottom as fractions of the side)
    and 1 elsewhere."""
    centres = (torch.arange(size, device=boxes.device) + 0.5) / size
    left, top, right, bottom = boxes[:, :, None].unbind(1)
    columns, rows = (centres > left) & (centres < right), (centres > top) & (centres < bottom)
    return 1 + (inside - 1) * (rows[:, None, :, None] & columns[:, None, None, :]).float()


def pixel_losses(difference: Tensor, boxes: Tensor) -> dict[str, Tensor]:
    """The losses of a difference of pictures [B, 3, H, H] whose faces are in the boxes [B, 4]."""
    return {
        "l1": 2 * (difference.abs() * face_weights(boxes, difference.shape[-1], 4.0)).mean(),
        "laplacian": 2 * laplacian_l1(difference),
    }


def attribute_losses(logits: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Cross-entropy per attribute, [attributes]; labels [B, attributes], -1 where there is none."""
    columns = zip(logits.values(), labels.T, strict=True)
    return torch.stack([F.cross_entropy(x, y, ignore_index=-1, reduction="sum") / len(y) for x, y in columns])


def sigmoid_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """A yes or no for every pair, both counting the same however rare they are (as in SigLIP, Zhai et al. 2023);
    logits and truth [texts, pictures]."""
    return 2 * (F.softplus(-logits)[truth].mean() + F.softplus(logits)[~truth].mean())


def softmax_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """How unlikely a text's true pictures are among all pictures, and a picture's true texts among all texts (CLIP's
    loss, Radford et al. 2021, with several right answers); logits and truth [texts, pictures]."""
    total = logits.new_zeros(())
    for view, true in ((logits, truth), (logits.T, truth.T)):
        chances = view.log_softmax(1).masked_fill(~true, -torch.inf).logsumexp(1)
        total = total - chances[true.any(1)].mean() / 2
    return total
