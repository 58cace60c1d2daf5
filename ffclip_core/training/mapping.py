"""The mapping network of a generator whose codes are known: z ↦ w without an adversary."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.generator import Generator


def gaussian_of(codes: Tensor) -> Callable[[Tensor], Tensor]:
    """What maps z [B, D], as its principal coordinates, to points of the Gaussian that codes [N, D] are of; of z, as in
    the mapping network, only the direction counts."""
    mean = codes.mean(0)
    spread, axes = torch.linalg.eigh((codes - mean).T @ (codes - mean) / len(codes))
    project = axes * spread.clamp_min(0).sqrt()
    return lambda z: mean + F.normalize(z, dim=-1) * z.shape[1] ** 0.5 @ project.T


def fit_mapping(generator: Generator, codes: Tensor, steps: int) -> None:
    """Fit the mapping network to the Gaussian of codes [N, D], and set latent_avg to their mean."""
    points = gaussian_of(codes)
    generator.style.requires_grad_(True)
    stream = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(generator.style.parameters(), 2e-3, betas=(0.9, 0.99))
    with torch.enable_grad():
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * (1 - step / steps)
            z = torch.randn(256, codes.shape[1], generator=stream)
            loss = (generator.style(z) - points(z)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        generator.latent_avg.copy_(codes.mean(0))
