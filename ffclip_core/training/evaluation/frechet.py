"""The Fréchet distance of two sets of pictures, as Gaussians of what a network sees in them (Heusel et al., "GANs
Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS 2017).

Published figures take Inception's features of 50,000 pictures. These are CLIP's, of as many as there are: they order
generators of one family, and are compared with no others.
"""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) of features [N, D] and [M, D], N and M from 2 on; 0 for equal sets.

    (Σ₁Σ₂)^½ has the trace of (Σ₁^½ Σ₂ Σ₁^½)^½, which is symmetric.
    """
    a, b = first.double(), second.double()
    root = _root(torch.cov(a.T))
    both = torch.linalg.eigvalsh(root @ torch.cov(b.T) @ root).clamp_min(0).sqrt().sum()
    spread = torch.cov(a.T).trace() + torch.cov(b.T).trace() - 2 * both
    return max(0.0, float((a.mean(0) - b.mean(0)).square().sum() + spread))


def _root(symmetric: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(symmetric)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
