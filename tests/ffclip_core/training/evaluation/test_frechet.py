"""The Fréchet distance against its formula for Gaussians whose roots are known."""

from __future__ import annotations

import pytest
import torch
from ffclip.ffclip_core.training.evaluation.frechet import frechet_distance


def gaussian(seed: int, mean: list[float], spread: list[float], count: int = 4000) -> torch.Tensor:
    """Features whose mean and covariance are exactly these: diagonal, of independent columns."""
    x = torch.randn(count, len(mean), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T
    return x * torch.tensor(spread, dtype=torch.float64) + torch.tensor(mean, dtype=torch.float64)


def test_of_gaussians_along_the_axes() -> None:
    """(μ₁ − μ₂)² + (σ₁ − σ₂)², summed over the axes."""
    a, b = gaussian(0, [0, 1, 5], [1, 2, 0.5]), gaussian(1, [1, 1, 3], [3, 2, 0.25])
    expected = (1 + 0 + 4) + (4 + 0 + 0.0625)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-9)


def test_turned_features_are_as_far_apart() -> None:
    a, b = gaussian(0, [0, 1, 5], [1, 2, 0.5]), gaussian(1, [1, 1, 3], [3, 2, 0.25])
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64))
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_equal_sets_and_fewer_pictures_than_features() -> None:
    few = torch.randn(5, 40, generator=torch.Generator().manual_seed(3))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(few, few + 2) == pytest.approx(40 * 4, rel=1e-5)
