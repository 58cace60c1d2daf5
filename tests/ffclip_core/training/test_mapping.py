"""The mapping network of a generator whose codes are known."""

from __future__ import annotations

import golden
import torch
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.training.mapping import fit_mapping, gaussian_of

DIM = 4
STREAM = torch.Generator().manual_seed(0)
AXES = torch.linalg.qr(torch.randn(DIM, DIM, generator=STREAM)).Q
# One direction has no spread at all, as those of W that no parameter of a drawing has.
CODES = torch.tensor([3.0, -2, 1, 0.5]) + torch.randn(4000, DIM, generator=STREAM) * torch.tensor([2, 1, 0.5, 0]) @ AXES


def test_random_numbers_become_points_of_the_gaussian_of_the_codes() -> None:
    z = torch.randn(100_000, DIM, generator=STREAM)
    points = gaussian_of(CODES)(z)
    # Sampling 100,000 points is good for about 1/√100,000 of the spread.
    assert golden.error(points.mean(0), CODES.mean(0)) < 0.01
    assert golden.error(points.T.cov(), CODES.T.cov()) < 0.02
    assert golden.error(gaussian_of(CODES)(3 * z), points) < golden.rounding(DIM, layers=4), "z's length is no matter"


def test_the_mapping_network_comes_nearer_to_them() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = Generator(size=8, channels={4: 4, 8: 4}, latent_dim=DIM, num_mapping_layers=2)
    generator.requires_grad_(False)  # As it comes from its training.
    z = torch.randn(1000, DIM, generator=torch.Generator().manual_seed(5))
    errors = []
    for steps in (0, 100):
        fit_mapping(generator, CODES, steps)
        with torch.no_grad():
            errors.append(float((generator.style(z) - gaussian_of(CODES)(z)).square().mean()))
    assert errors[1] < errors[0]
    assert golden.error(generator.latent_avg, CODES.mean(0)) < golden.rounding(4000)
