"""The mapping network of a generator whose codes are known: z ↦ w without an adversary."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.generator import Generator


def fit_mapping(generator: Generator, codes: Tensor, steps: int) -> None:
    """Fit the mapping network to the Gaussian of codes [N, D]: z in principal coordinates ↦ that Gaussian's point."""
    mean = codes.mean(0)
    spread, axes = torch.linalg.eigh((codes - mean).T @ (codes - mean) / len(codes))
    project = axes * spread.clamp_min(0).sqrt()
    generator.style.requires_grad_(True)
    stream = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(generator.style.parameters(), 2e-3, betas=(0.9, 0.99))
    with torch.enable_grad():
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * (1 - step / steps)
            z = torch.randn(256, codes.shape[1], generator=stream)
            wanted = mean + F.normalize(z, dim=-1) * z.shape[1] ** 0.5 @ project.T
            loss = (generator.style(z) - wanted).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    generator.latent_avg.copy_(mean)
