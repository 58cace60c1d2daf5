"""Texts and the pictures they are true of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import accurately, require_same_shape


@accurately
def sigmoid_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """A yes or no for every pair, both counting the same however rare they are (as in SigLIP, Zhai et al. 2023, which
    counts pairs alike); logits [texts, pictures], truth bool of the same shape."""
    require_same_shape(logits, truth)
    return 2 * (_mean_where(F.softplus(-logits), truth) + _mean_where(F.softplus(logits), ~truth))


@accurately
def softmax_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """How unlikely a text's true pictures are among all pictures, and a picture's true texts among all texts (CLIP's
    loss, Radford et al. 2021, with several right answers); logits [texts, pictures], truth bool of the same shape.

    Who has no right answer, text or picture, is only a wrong one of the others.
    """
    require_same_shape(logits, truth)
    total = logits.new_zeros(())
    for view, true in ((logits, truth), (logits.T, truth.T)):
        answered = true.any(1)
        chances = view.log_softmax(1).masked_fill(~true, -torch.inf).logsumexp(1)
        total = total - chances[answered].sum() / answered.sum().clamp_min(1) / 2
    return total


def _mean_where(values: Tensor, where: Tensor) -> Tensor:
    return values.masked_fill(~where, 0.0).sum() / where.sum().clamp_min(1)
