"""What the modulator minimises, against the same formulas in plain numbers; pictures are as cars' are, not square."""

from __future__ import annotations

from collections.abc import Callable

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.training.losses import modulator
from torch import Tensor

EXACT = golden.rounding(3000, layers=4)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pictures(count: int = 2, seed: int = 0) -> Tensor:
    return random(count, 3, 24, 32, seed=seed).tanh()


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum()) / np.sqrt((b * b).sum()))


def unit(a: np.ndarray) -> np.ndarray:
    return a / np.sqrt((a * a).sum())


@pytest.mark.parametrize("count", [1, 3])
def test_distances_of_directions_are_those_of_their_angles(count: int) -> None:
    a, b, c, d = (random(count, 8, seed=i) for i in range(4))
    e, f, g, h = (x.double().numpy() for x in (a, b, c, d))
    expected = np.mean([1 - cosine(e[i], f[i]) for i in range(count)])
    assert float(modulator.cosine_distance(a, b)) == pytest.approx(expected, rel=EXACT)
    differences = [(unit(e[i]) - unit(f[i]), unit(g[i]) - unit(h[i])) for i in range(count)]
    expected = np.mean([1 - cosine(*pair) for pair in differences])
    assert float(modulator.directional(a, b, c, d)) == pytest.approx(expected, rel=EXACT)
    assert float(modulator.cosine_distance(a, -3 * a)) == pytest.approx(2, rel=EXACT)
    assert float(modulator.directional(5 * a, b, 2 * a, 0.1 * b)) == pytest.approx(0, abs=EXACT)


def test_an_edit_that_changed_nothing_yet_has_no_direction_and_finds_one() -> None:
    unedited, target, neutral = (random(2, 8, seed=i) for i in range(3))
    edited = unedited.clone().requires_grad_()
    loss = modulator.directional(edited, unedited, target, neutral)
    assert float(loss.detach()) == 1
    loss.backward()
    assert edited.grad is not None and 0 < float(edited.grad.norm()) < 1e5
    step = (edited - 1e-5 * edited.grad).detach()
    assert float(modulator.directional(step, unedited, target, neutral)) < 0.9


def test_differences_of_numbers_are_means() -> None:
    a, b = random(2, 6, 5), random(2, 6, 5, seed=1)
    x, y = a.double().numpy(), b.double().numpy()
    for found, expected in (
        (modulator.latent_l1(a), np.abs(x).mean()),
        (modulator.latent_l2(a), (x * x).mean()),
        (modulator.embedding(a[:, 0], b[:, 0]), np.abs(x - y)[:, 0].mean()),
        (modulator.pair_latent(a, b), ((x - y) ** 2).mean()),
    ):
        assert float(found) == pytest.approx(expected, rel=EXACT)


def test_the_identity_is_what_any_network_says_of_two_pictures() -> None:
    matrix = random(3 * 24 * 32, 7, seed=3)
    edited, unedited = pictures().requires_grad_(), pictures(seed=1).requires_grad_()
    loss = modulator.identity(lambda x: x.flatten(1) @ matrix, edited, unedited)
    e, f = (x.detach().flatten(1).double().numpy() @ matrix.double().numpy() for x in (edited, unedited))
    assert float(loss.detach()) == pytest.approx(np.mean([1 - cosine(e[i], f[i]) for i in range(2)]), rel=EXACT)
    loss.backward()
    assert edited.grad is not None and edited.grad.any() and unedited.grad is None


def test_outside_of_the_mask_nothing_is_to_change() -> None:
    edited, unedited, mask = pictures(), pictures(seed=1), random(2, 1, 24, 32, seed=2).sigmoid()
    e, f, m = (x.double().numpy() for x in (edited, unedited, mask))
    total = sum((((1 - m[i, 0]) * (e[i, c] - f[i, c])) ** 2).sum() for i in range(2) for c in range(3))
    assert float(modulator.background(edited, unedited, mask)) == pytest.approx(total / e.size, rel=EXACT)
    assert float(modulator.background(edited, unedited, torch.ones(1, 1, 24, 32))) == 0
    plain = ((e - f) ** 2).mean()
    assert float(modulator.background(edited, unedited, torch.zeros(1, 1, 24, 32))) == pytest.approx(plain, rel=EXACT)


def test_without_a_mask_faint_changes_cost_and_plain_ones_are_meant() -> None:
    unedited = pictures() / 2
    faint = unedited + 0.02
    assert float(modulator.background(faint, unedited)) == pytest.approx(0.0004, rel=1e-4)
    edited = unedited.clone()
    edited[:, :, 8:16, 8:16] += 0.5
    assert float(modulator.background(edited, unedited)) < 0.01 * float((edited - unedited).square().mean())
    both = edited.clone()
    both[:, :, :, 24:] += 0.02
    assert float(modulator.background(both, unedited)) == pytest.approx(0.0004 / 4, rel=0.05)


def test_a_pair_counts_more_where_its_edit_is() -> None:
    edited, target, mask = pictures(), pictures(seed=1), random(2, 1, 24, 32, seed=2).sigmoid()
    e, t, m = (x.double().numpy() for x in (edited, target, mask))
    total = sum(((0.5 + 8 * m[i, 0]) * abs(e[i, c] - t[i, c])).sum() for i in range(2) for c in range(3))
    assert float(modulator.pair_image(edited, target, mask)) == pytest.approx(total / e.size, rel=EXACT)
    inside = [(m[i, 0] * abs(e[i] - t[i]).mean(0)).sum() / m[i].sum() for i in range(2)]
    assert float(modulator.pair_masked(edited, target, mask)) == pytest.approx(np.mean(inside), rel=EXACT)
    mask[1] = 0  # Of this pair nothing was to change.
    assert float(modulator.pair_masked(edited, target, mask)) == pytest.approx(inside[0] / 2, rel=EXACT)
    assert float(modulator.pair_masked(edited, target, mask * 0)) == 0
    assert float(modulator.pair_masked(edited[:1], target[:1], mask[:1])) == pytest.approx(inside[0], rel=EXACT)


def test_within_its_mask_a_small_edit_that_failed_costs_as_much_as_a_large_one() -> None:
    unedited = torch.zeros(1, 3, 32, 48)
    costs = []
    for side in (6, 24):
        target = unedited.clone()
        target[:, :, 4 : 4 + side, 4 : 4 + side] = 1
        mask = modulator.changed_places(unedited, target)
        costs.append([float(loss(unedited, target, mask)) for loss in (modulator.pair_masked, modulator.pair_image)])
    (small, small_image), (large, large_image) = costs
    assert small > large / 2 and small_image < large_image / 8


def test_what_changed_is_where_it_was_drawn() -> None:
    before = pictures() / 2
    after = before.clone().requires_grad_()
    with torch.no_grad():
        after[:1, :, 8:16, 8:16] += 0.5
    mask = modulator.changed_places(before, after)
    assert mask.shape == (2, 1, 24, 32) and not mask.requires_grad
    assert not mask[1].any() and not mask[0, 0, :, 24:].any() and (mask[0, 0, 9:15, 9:15] > 0.9).all()
    assert mask.min() >= 0 and mask.max() <= 1


@pytest.mark.parametrize(
    "loss",
    [
        lambda edited, fixed: modulator.embedding(edited.flatten(1), fixed.flatten(1)),
        lambda edited, fixed: modulator.background(edited, fixed),
        lambda edited, fixed: modulator.pair_image(edited, fixed, torch.ones(1, 1, 24, 32)),
        lambda edited, fixed: modulator.pair_masked(edited, fixed, torch.ones(1, 1, 24, 32)),
        lambda edited, fixed: modulator.pair_latent(edited, fixed),
    ],
)
def test_what_an_edit_is_compared_with_stays_as_it_is(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    edited, fixed = pictures().requires_grad_(), (pictures() + 0.04).requires_grad_()
    loss(edited, fixed).backward()
    assert edited.grad is not None and edited.grad.any() and fixed.grad is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: modulator.cosine_distance(random(2, 4), random(1, 4)),
        lambda: modulator.directional(random(2, 4), random(2, 4), random(1, 4), random(1, 4)),
        lambda: modulator.pair_latent(random(2, 4, 3), random(4, 3)),
        lambda: modulator.background(pictures(), pictures()[:, :1]),
        lambda: modulator.background(pictures(), pictures(), torch.zeros(2, 24, 32)),
        lambda: modulator.pair_image(pictures(), pictures(), torch.zeros(2, 3, 24, 32)),
        lambda: modulator.pair_masked(pictures(3), pictures(3), torch.zeros(2, 1, 24, 32)),
        lambda: modulator.changed_places(pictures(), pictures(1)),
    ],
)
def test_shapes_that_do_not_belong_together_are_not_broadcast(wrong: Callable[[], Tensor]) -> None:
    with pytest.raises(ValueError, match="shape"):
        wrong()
