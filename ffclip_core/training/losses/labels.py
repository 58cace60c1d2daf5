"""Losses of what is known of pictures by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


def attribute_losses(logits: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Cross-entropy per attribute, [attributes]; labels [B, attributes], -1 where there is none."""
    columns = zip(logits.values(), labels.T, strict=True)
    return torch.stack([F.cross_entropy(x, y, ignore_index=-1, reduction="sum") / len(y) for x, y in columns])
