"""What e4e's encoder minimises, against plain numbers, and which layers it may use when."""

from __future__ import annotations

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.networks.discriminator import LatentDiscriminator
from ffclip.ffclip_core.training.losses.adversarial import r1, seems_real, told_apart
from ffclip.ffclip_core.training.losses.encoder import (
    delta,
    deltas,
    open_deltas,
    perceptual,
    progressive,
    reconstruction,
)
from torch import Tensor


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_pictures_are_met_by_value_and_by_feature() -> None:
    drawn, picture = random(2, 3, 12, 16).requires_grad_(), random(2, 3, 12, 16, seed=1).requires_grad_()
    a, b = (x.detach().double().numpy() for x in (drawn, picture))
    assert float(reconstruction(drawn, picture).detach()) == pytest.approx(
        ((a - b) ** 2).mean(), rel=golden.rounding(1200)
    )

    loss = perceptual(lambda x: [x, 2 * x[:, :2, ::3]], drawn, picture)
    expected = 0.0
    for first, second in ((a, b), (a[:, :2, ::3], b[:, :2, ::3])):
        places = [(i, y, x) for i in range(2) for y in range(first.shape[2]) for x in range(16)]
        for i, y, x in places:
            e, f = first[i, :, y, x], second[i, :, y, x]
            expected += ((e / np.sqrt(e @ e) - f / np.sqrt(f @ f)) ** 2).sum() / len(places)
    assert float(loss.detach()) == pytest.approx(expected, rel=golden.rounding(1200))
    loss.backward()
    assert drawn.grad is not None and drawn.grad.any() and picture.grad is None
    nothing = torch.zeros(1, 3, 12, 16, requires_grad=True)
    perceptual(lambda x: [x], nothing, random(1, 3, 12, 16)).backward()
    assert nothing.grad is not None and nothing.grad.isfinite().all()


def test_deltas_are_what_layers_add_to_the_first_ones_code() -> None:
    w, mean = random(3, 5, 4), random(5, 4, seed=1)
    x, m = w.double().numpy(), mean.double().numpy()
    added = np.stack([x[:, i] - m[i] - (x[:, 0] - m[0]) for i in range(1, 5)], 1)
    assert golden.error(deltas(w, mean), torch.from_numpy(added)) < golden.rounding(4, layers=4)
    expected = np.mean([sum(np.sqrt((row**2).sum()) for row in one) for one in added])
    assert float(delta(deltas(w, mean))) == pytest.approx(expected, rel=golden.rounding(20, layers=4))
    same = (mean + random(1, 1, 4)).requires_grad_()
    delta(deltas(same, mean) * 0).backward()
    assert same.grad is not None and not same.grad.any(), "a layer that is closed is not pushed"


def test_layers_are_opened_one_after_the_other() -> None:
    steps = (0, 19_999, 20_000, 21_999, 22_000, 52_000, 10**6)
    assert [open_deltas(step, 18) for step in steps] == [0, 0, 1, 1, 2, 17, 17]
    assert [open_deltas(step, 4, start=2, every=1) for step in range(7)] == [0, 0, 1, 2, 3, 3, 3]
    with pytest.raises(ValueError, match="not 0"):
        open_deltas(3, 4, every=0)


def test_layers_that_are_not_open_take_the_first_ones_code() -> None:
    w, mean = random(2, 5, 4).requires_grad_(), random(5, 4, seed=1)
    for opened in range(5):
        code = progressive(w, mean, opened)
        assert torch.equal(code[:, : opened + 1], w[:, : opened + 1])
        assert golden.largest_error(code - mean, (w - mean)[:, [*range(opened + 1), *[0] * (4 - opened)]]) < 1e-6
    (gradient,) = torch.autograd.grad(progressive(w, mean, 2).sum(), w)
    assert gradient[0].sum(1).tolist() == [12, 4, 4, 0, 0]
    with pytest.raises(ValueError, match="0 to 4 can be open"):
        progressive(w, mean, 5)


def test_the_latent_discriminator_plays_the_same_game_on_single_codes() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        discriminator = LatentDiscriminator(latent_dim=6, width=8, layers=3)
    real, encoded = random(7, 6), (random(2, 5, 6, seed=1) + 2).requires_grad_()
    fake = discriminator(encoded)
    assert fake.shape == (2, 5) and discriminator(real).shape == (7,)
    single = torch.stack([discriminator(encoded[i, j]) for i in range(2) for j in range(5)])
    assert golden.error(fake.flatten(), single) < golden.rounding(8, layers=4)
    seems_real(fake).backward()
    assert encoded.grad is not None and encoded.grad.any()
    weights, costs = list(discriminator.parameters()), []
    for _ in range(60):
        loss = told_apart(discriminator(real), discriminator(encoded.detach()))
        costs.append(float(loss.detach()))
        gradients = torch.autograd.grad(loss + 0.01 * r1(discriminator, real), weights)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.data -= 0.1 * gradient
    assert costs[-1] < costs[0] / 2
