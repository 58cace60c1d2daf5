"""The adversarial game, its regularisations and the mixing of styles, where all of it can be computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.networks.discriminator import Discriminator
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.training.losses.adversarial import lazy, r1, seems_real, told_apart
from ffclip.ffclip_core.training.losses.generator import PathLength, draw_crossings, mix
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def seeded(make: Callable[[], Network]) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


def test_both_sides_of_the_game() -> None:
    real, fake = random(5), random(3, seed=1)
    sure = [[1 / (1 + math.exp(-float(x))) for x in logits] for logits in (real, fake)]
    expected = -np.mean(np.log(sure[0])) - np.mean(np.log(1 - np.array(sure[1])))
    assert float(told_apart(real, fake)) == pytest.approx(expected, rel=golden.rounding(5, layers=4))
    assert float(seems_real(fake)) == pytest.approx(-np.mean(np.log(sure[1])), rel=golden.rounding(3, layers=4))
    far = torch.tensor([-1e4], requires_grad=True)
    seems_real(far).backward()
    assert far.grad is not None and float(far.grad) == -1, "what is told apart for sure still learns"


@pytest.mark.parametrize("count", [1, 4])
def test_the_slope_of_a_linear_discriminator_is_its_weights(count: int) -> None:
    weights, real = random(3 * 24 * 32).requires_grad_(), random(count, 3, 24, 32, seed=1).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        penalty = r1(lambda x: x.flatten(1) @ weights + 2, real)
    assert float(penalty.detach()) == pytest.approx(float(weights.detach().double().square().sum()) / 2, rel=1e-5)
    penalty.backward()
    assert weights.grad is not None and golden.error(weights.grad, weights) < 1e-6 and real.grad is None


def test_slopes_are_squared_before_their_mean() -> None:
    x = random(3, 5)
    expected = (3 * x.double().square()).square().sum(1).mean() / 2
    assert float(r1(lambda x: x.pow(3).sum(1), x).detach()) == pytest.approx(float(expected), rel=1e-5)


def test_the_penalty_reaches_every_weight_of_a_discriminator_that_is_applied() -> None:
    discriminator = seeded(lambda: Discriminator(size=8, channels={4: 6, 8: 5}))
    r1(discriminator, random(4, 3, 8, 8)).backward()
    for name, weight in discriminator.named_parameters():
        if name.endswith("weight"):  # Biases only decide which units are on.
            assert weight.grad is not None and weight.grad.isfinite().all() and weight.grad.any(), name
    assert r1(discriminator, random(1, 3, 8, 8)).isfinite()


def test_what_is_done_in_one_of_some_steps_counts_for_all_of_them() -> None:
    assert [lazy(step, 4) for step in range(9)] == [4, 0, 0, 0, 4, 0, 0, 0, 4]
    assert [lazy(step, 1) for step in range(3)] == [1, 1, 1]
    with pytest.raises(ValueError, match="not 0"):
        lazy(3, 0)


class Linear(nn.Module):
    """Pictures [B, 3, 4, 6] that are linear in w [B, L, D]."""

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(random(layers * width, 3 * 4 * 6, seed=5))

    def forward(self, w: Tensor) -> Tensor:
        return (w.flatten(1) @ self.matrix).unflatten(1, (3, 4, 6))


def lengths(matrix: Tensor, noise: Tensor, layers: int) -> np.ndarray:
    moved = noise.flatten(1).double().numpy() @ matrix.detach().double().numpy().T / math.sqrt(24)
    return np.sqrt((moved**2).sum(1) / layers)


def test_path_lengths_of_a_linear_generator() -> None:
    generator, penalty = Linear(3, 2), PathLength(decay=0.75)
    w, noise = random(4, 3, 2), random(4, 3, 4, 6, seed=1)
    known, mean = lengths(generator.matrix, noise, 3), 0.0
    for _ in range(3):
        with torch.autocast("cpu", torch.bfloat16):
            found = penalty(generator, w, noise)
        mean = 0.75 * mean + 0.25 * known.mean()
        assert float(penalty.mean) == pytest.approx(mean, rel=1e-5)
        assert float(found.detach()) == pytest.approx(((known - mean) ** 2).mean(), rel=1e-5)
    found.backward()
    # (l - a)² has the gradient 2(l - a)·dl, and l grows with the matrix: dl·M = l.
    assert generator.matrix.grad is not None
    along = (generator.matrix.grad * generator.matrix).sum()
    assert float(along.detach()) == pytest.approx((2 * (known - mean) * known).mean(), rel=1e-4)

    flat = PathLength()
    flat(lambda w: generator(w[:, None].expand(-1, 3, -1)), random(4, 2), noise)
    summed = generator.matrix.detach().unflatten(0, (3, 2)).sum(0)
    assert float(flat.mean) == pytest.approx(0.01 * lengths(summed, noise, 1).mean(), rel=1e-5)


def test_the_mean_length_is_saved_and_is_of_all_processes() -> None:
    generator, w, noise = Linear(3, 2), random(4, 3, 2), random(4, 3, 4, 6, seed=1)
    whole = PathLength(decay=0.5)
    whole(generator, w, noise)
    both = torch.from_numpy(lengths(generator.matrix, noise, 3)).float()
    part = PathLength(decay=0.5, gather=lambda own: torch.cat([own, both[2:]]))
    halves = [part(generator, w[:2], noise[:2])]
    assert float(part.mean) == pytest.approx(float(whole.mean), rel=1e-5)
    resumed = PathLength(decay=0.5)
    resumed.load_state_dict(whole.state_dict())
    assert resumed(generator, w, noise).item() == whole(generator, w, noise).item() != halves[0].item()


def test_path_lengths_of_the_generator_are_those_of_small_steps() -> None:
    generator = seeded(lambda: Generator(size=8, channels={4: 4, 8: 4}, latent_dim=3, num_mapping_layers=1)).double()
    w, noise = random(1, 4, 3).double(), random(1, 3, 8, 8, seed=1).double()
    penalty = PathLength(decay=0.0)
    penalty(generator, w, noise)
    moved = []
    with torch.no_grad():
        for step in torch.eye(12).double().reshape(12, 1, 4, 3) * 1e-5:
            moved.append(((generator(w + step) - generator(w - step)) * noise).sum() / 2e-5 / 8)
    expected = torch.stack(moved).square().sum().div(4).sqrt()
    assert float(penalty.mean) == pytest.approx(float(expected), rel=1e-6)
    # Its gradients need the network's second derivatives, and reach the mapping network too.
    z = random(2, 3, seed=2).double()
    PathLength()(generator, generator.map(z), noise.expand(2, -1, -1, -1)).backward()
    for name in ("style.1.weight", "input.input", "conv1.conv.weight", "to_rgbs.0.conv.modulation.weight"):
        gradient = generator.get_parameter(name).grad
        assert gradient is not None and gradient.isfinite().all() and gradient.any(), name


def test_a_generator_that_draws_always_the_same_gives_no_nonsense() -> None:
    still = nn.Parameter(torch.zeros(()))
    penalty = PathLength()(lambda w: (w.sum() * still).expand(2, 3, 4, 4), random(2, 4, 3), random(2, 3, 4, 4))
    penalty.backward()
    assert penalty.item() == 0 and still.grad is not None and still.grad.isfinite()


def test_noise_of_another_shape_is_told() -> None:
    with pytest.raises(ValueError, match="the pictures' shape"):
        PathLength()(Linear(3, 2), random(4, 3, 2), random(1, 3, 4, 6))


def test_styles_cross_once() -> None:
    first, second = random(4, 6, 2), random(4, 6, 2, seed=1)
    mixed = mix(first, second, torch.tensor([1, 3, 5, 6]))
    for i, crossing in enumerate((1, 3, 5, 6)):
        assert torch.equal(mixed[i, :crossing], first[i, :crossing])
        assert torch.equal(mixed[i, crossing:], second[i, crossing:])
    with pytest.raises(ValueError, match="one layer each"):
        mix(first, second, torch.tensor([1, 2]))


def test_crossings_are_as_frequent_as_told_and_follow_from_the_stream() -> None:
    draw = [draw_crossings(5000, 6, 0.9, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draw)
    shares = torch.bincount(draw[0], minlength=7) / 5000
    assert shares[0] == 0 and float(shares[6]) == pytest.approx(0.1, abs=5 * math.sqrt(0.09 / 5000))
    assert shares[1:6].tolist() == pytest.approx([0.18] * 5, abs=5 * math.sqrt(0.15 / 5000))
    assert (draw_crossings(20, 6, 0.0, torch.Generator().manual_seed(0)) == 6).all()
    assert (draw_crossings(20, 6, 1.0, torch.Generator().manual_seed(0)) < 6).all()
