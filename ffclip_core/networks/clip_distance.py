"""How far pictures are from a text or another picture, as CLIP sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from .image_encoder import ImageEncoder


def clip_distance(image_encoder: ImageEncoder, x: Tensor, e: Tensor) -> Tensor:
    """StyleCLIP's CLIP loss of each picture (Patashnik et al., ICCV 2021): 1 − exp(logit_scale) / 100 · cos.

    x: RGB [B, 3, H, W] in [-1, 1], of any size. e: embeddings [B or 1, D] of the same CLIP, of any length. → [B], to
    which gradients of both lead.
    """
    cosine = F.cosine_similarity(image_encoder.encode(x), e, dim=-1)
    return 1 - image_encoder.logit_scale.exp() / 100 * cosine
