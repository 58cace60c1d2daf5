"""Losses of what is known of pictures by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def attribute_losses(logits: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Cross-entropy per attribute, [attributes]; labels [B, attributes], -1 where there is none."""
    columns = zip(logits.values(), labels.T, strict=True)
    return torch.stack([F.cross_entropy(x, y, ignore_index=-1, reduction="sum") / len(y) for x, y in columns])


def meaning_losses(logits: Sequence[Tensor], meant: Sequence[Tensor]) -> Tensor:
    """Per attribute how unlikely it is what a text means, of its values and, as the last, nothing at all, [attributes];
    meant: those that the text allows, bool, of the shape of the logits [B, values + 1], all where it says nothing."""
    losses = []
    for x, allowed in zip(logits, meant, strict=True):
        silent = allowed.all(1, keepdim=True)
        wanted = torch.where(silent, F.one_hot(torch.tensor(x.shape[1] - 1), x.shape[1]).bool().to(x.device), allowed)
        losses.append(-x.log_softmax(1).masked_fill(~wanted, -torch.inf).logsumexp(1).mean())
    return torch.stack(losses)
