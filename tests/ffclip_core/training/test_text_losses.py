"""Texts and pictures, where nothing is true, everything is, or there are no texts at all."""

from __future__ import annotations

from collections.abc import Callable

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.training.losses.text import sigmoid_loss, softmax_loss
from ffclip.ffclip_core.training.losses.text_free import direction, text_free
from torch import Tensor


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("loss", [sigmoid_loss, softmax_loss])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2)])
@pytest.mark.parametrize("truth", [True, False])
def test_where_all_is_true_or_nothing_there_is_no_nonsense(
    loss: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, int], truth: bool
) -> None:
    logits = random(*shape).requires_grad_()
    found = loss(logits, torch.full(shape, truth))
    found.backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    if loss is softmax_loss:  # Every answer is right, or none is asked for.
        assert float(found.detach()) == pytest.approx(0, abs=1e-6)
    else:
        sign = -1 if truth else 1
        expected = 2 * np.log1p(np.exp(sign * logits.detach().double().numpy())).mean()
        assert float(found.detach()) == pytest.approx(expected, rel=golden.rounding(6, layers=4))


def test_truth_of_another_shape_is_told() -> None:
    for loss in (sigmoid_loss, softmax_loss):
        with pytest.raises(ValueError, match="shapes"):
            loss(random(3, 2), torch.ones(2, 3).bool())


def test_a_direction_is_between_unit_vectors() -> None:
    a, b = random(3, 5), random(3, 5, seed=1)
    x, y = (v / np.sqrt((v * v).sum(1, keepdims=True)) for v in (a.double().numpy(), b.double().numpy()))
    expected = (y - x) / np.sqrt(((y - x) ** 2).sum(1, keepdims=True))
    assert golden.error(direction(a, 7 * b), torch.from_numpy(expected)) < golden.rounding(5, layers=4)
    assert not direction(a, a).any(), "two pictures that are alike ask for nothing"


@pytest.mark.parametrize("count", [1, 3])
def test_a_change_without_text_is_met_in_length_and_direction(count: int) -> None:
    change, wanted = random(count, 4, 5), random(count, 4, 5, seed=1)
    c, d = (x.flatten(1).double().numpy() for x in (change, wanted))
    cosines = (c * d).sum(1) / np.sqrt((c * c).sum(1) * (d * d).sum(1))
    expected = ((c - d) ** 2).mean() + (1 - cosines).mean()
    assert float(text_free(change, wanted)) == pytest.approx(expected, rel=golden.rounding(60, layers=4))
    assert float(text_free(wanted, wanted)) == pytest.approx(0, abs=1e-6)
    still = torch.zeros_like(change).requires_grad_()
    text_free(still, wanted).backward()
    assert still.grad is not None and still.grad.isfinite().all() and still.grad.any()
