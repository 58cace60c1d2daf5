"""What an encoder minimises beside the identity (modulator.py): e4e's losses (Tov et al., "Designing an Encoder for
StyleGAN Image Manipulation", ACM TOG 2021). Distortion: how the picture is met. Editability: how close its code stays
to W, where all layers have one code, and where edits work.

The latent discriminator (networks/discriminator.py) plays adversarial.py's game on single layers' codes [..., D]: real
ones are those that the mapping network makes, fake ones those of the encoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .autoencoder import Features
from .precision import accurately, require_same_shape

START, EVERY = 20_000, 2_000
"""When deltas are opened: the published steps."""


@accurately
def reconstruction(drawn: Tensor, picture: Tensor) -> Tensor:
    """Mean squared difference of pictures [B, 3, H, W]."""
    require_same_shape(drawn, picture)
    return (drawn - picture).square().mean()


def perceptual(features: Features, drawn: Tensor, picture: Tensor) -> Tensor:
    """Squared distance of features, each place's channels divided by their length; a mean over pictures and places, a
    sum over maps; picture is fixed.

    LPIPS (Zhang et al., CVPR 2018), which e4e uses, weights the channels besides; ffclip_core/perceptual.py has it.
    """
    with torch.no_grad():
        fixed = features(picture.detach())
    maps = zip(features(drawn), fixed, strict=True)
    return torch.stack([_directions_apart(a, b) for a, b in maps]).sum()


@accurately
def _directions_apart(drawn: Tensor, picture: Tensor) -> Tensor:
    difference = F.normalize(drawn, dim=1, eps=1e-4) - F.normalize(picture, dim=1, eps=1e-4)
    return difference.square().sum(1).mean()


@accurately
def deltas(w: Tensor, latent_avg: Tensor) -> Tensor:
    """What the layers after the first add to its code: w [B, L, D], with the mean code [L, D] in it → [B, L - 1, D]."""
    w = w - latent_avg
    return w[:, 1:] - w[:, :1]


@accurately
def delta(added: Tensor) -> Tensor:
    """Σ over layers of ‖Δ_i‖, mean over pictures; added: deltas(), [B, L - 1, D]."""
    return torch.linalg.vector_norm(added, dim=2).sum(1).mean()


def open_deltas(step: int, num_layers: int, start: int = START, every: int = EVERY) -> int:
    """How many layers after the first may have a code of their own in this step: none before `start`, then one, and one
    more every so many steps, from the coarsest on, up to L - 1."""
    if every < 1:
        raise ValueError(f"a layer is opened every 1 or more steps, not {every}")
    return 0 if step < start else min(num_layers - 1, 1 + (step - start) // every)


def progressive(w: Tensor, latent_avg: Tensor, opened: int) -> Tensor:
    """w [B, L, D] with the first layer's code in those that are not open yet; the mean code [L, D] is in both. With
    L - 1 open it is w itself."""
    if not 0 <= opened < w.shape[1]:
        raise ValueError(f"of {w.shape[1]} layers 0 to {w.shape[1] - 1} can be open beside the first, not {opened}")
    if opened == w.shape[1] - 1:
        return w
    closed = w[:, :1] - latent_avg[0] + latent_avg[opened + 1 :]
    return torch.cat([w[:, : opened + 1], closed], 1)
