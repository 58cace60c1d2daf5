"""Texts that are encoded over and over, without their padding, which never matters."""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks.text_encoder import TextEncoder


def encode_short(tower: TextEncoder, ids: Tensor) -> Tensor:
    """Token ids [B, T <= 77] on the tower's device → [B, embed_dim], up to roundings what the tower gives."""
    length = int((ids != 0).sum(1).max())
    ids, mask = ids[:, :length], tower.get_buffer("attn_mask")[:length, :length]
    x = tower.token_embedding(ids) + tower.positional_embedding[:length]
    x = tower.ln_final(tower.transformer(x, attn_mask=mask))
    return x[torch.arange(len(x), device=ids.device), ids.argmax(1)] @ tower.text_projection
