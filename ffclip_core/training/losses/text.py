"""Texts and the pictures they are true of; and training without any text."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .modulator import cosine_distance, unit
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


@accurately
def direction(before: Tensor, after: Tensor) -> Tensor:
    """What one CLIP embedding [B, D] has that another has not: unit(unit(after) - unit(before)), and 0 of equal ones.

    Of pictures it stands in training for a text, which at work is the direction from a neutral text to the wanted one:
    CLIP's differences of pictures and of texts agree better than its embeddings do (DeltaEdit, Lyu et al. 2023).
    """
    require_same_shape(before, after)
    return unit(unit(after) - unit(before))


@accurately
def text_free(change: Tensor, wanted: Tensor) -> Tensor:
    """DeltaEdit's loss of a change of the code [B, L, D] that direction() asked for, and the wanted one, which is the
    difference of two pictures' codes: their mean squared difference, and their cosine distance as vectors of all layers
    (Lyu et al. 2023; the squared norm is a mean here, so that it does not grow with L and D)."""
    require_same_shape(change, wanted)
    return (change - wanted).square().mean() + cosine_distance(change.flatten(1), wanted.flatten(1))


def _mean_where(values: Tensor, where: Tensor) -> Tensor:
    return values.masked_fill(~where, 0.0).sum() / where.sum().clamp_min(1)
