"""Codes of many pictures, by a trained encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ..networks.encoder import Encoder
from .pictures import resized, to_network

_TOGETHER = 125


@torch.no_grad()
def encode_all(encoder: Callable[[Tensor], Tensor], pictures: np.ndarray) -> Tensor:
    """Codes [N, L, D] of all pictures uint8 [N, H, W, 3], which have the encoder's size."""
    pieces = [pictures[i : i + _TOGETHER] for i in range(0, len(pictures), _TOGETHER)]
    return torch.cat([encoder(to_network(piece)) for piece in pieces])


def codes_of(encoder: Encoder, pictures: np.ndarray) -> Tensor:
    """The same, float32 on the CPU, of pictures of any size, by an encoder on any device and in any precision."""
    like = encoder.latent_avg
    return encode_all(lambda x: encoder(resized(x, encoder.input_size).to(like)).float().cpu(), pictures)


def mark_of(network: nn.Module) -> str:
    """Another one as soon as any weight, or running mean, is."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:32]
