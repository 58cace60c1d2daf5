"""The discriminators: shapes, the maths of their layers against plain loops, and what a batch's pictures say of each
other."""

from __future__ import annotations

from typing import TypeVar

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.errors import InputError
from ffclip.ffclip_core.networks.discriminator import (
    Discriminator,
    EqualConv2d,
    LatentDiscriminator,
    ResidualDown,
    spread_in_groups,
)
from torch import Tensor, nn

CHANNELS = {4: 8, 8: 6, 16: 4, 32: 4, 1024: 1}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


Network = TypeVar("Network", bound=nn.Module)


def filled(network: Network) -> Network:
    """With standard normal weights, biases too."""
    for i, weight in enumerate(network.parameters()):
        weight.data = random(*weight.shape, seed=i)
    return network


def convolved(x: np.ndarray, weight: np.ndarray, pad: int, stride: int) -> np.ndarray:
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    size = weight.shape[2]
    rows, columns = (range(0, n - size + 1, stride) for n in x.shape[2:])
    values = [[np.einsum("bcij,ocij->bo", x[:, :, i : i + size, j : j + size], weight) for j in columns] for i in rows]
    return np.array(values).transpose(2, 3, 0, 1)


def blurred(x: np.ndarray, pad: int) -> np.ndarray:
    taps = np.array([1, 3, 3, 1]) / 8
    kernel = np.outer(taps, taps)[None, None]
    return np.concatenate([convolved(x[:, i : i + 1], kernel, pad, 1) for i in range(x.shape[1])], 1)


def activated(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    x = x + bias[:, None, None]
    return np.sqrt(2) * np.where(x > 0, x, 0.2 * x)


def test_a_block_is_two_convolutions_beside_one_at_half_the_size() -> None:
    block, x = filled(ResidualDown(2, 3)), random(2, 2, 8, 6, seed=9)
    first, bias1, second, bias2, skip = (weight.detach().double().numpy() for weight in block.parameters())
    y = x.double().numpy()
    hidden = activated(convolved(y, first / np.sqrt(18), 1, 1), bias1)
    out = activated(convolved(blurred(hidden, 2), second / np.sqrt(18), 0, 2), bias2)
    beside = convolved(blurred(y, 1)[:, :, ::2, ::2], skip / np.sqrt(2), 0, 1)
    assert golden.error(block(x), torch.from_numpy((out + beside) / np.sqrt(2))) < golden.rounding(50, layers=3)


def test_halving_takes_means_and_moves_nothing() -> None:
    down = EqualConv2d(1, 1, 1, down=True, activate=False)
    down.weight.data.fill_(1)
    ramp = torch.arange(16.0).expand(1, 1, 16, 16)
    assert golden.error(down(ramp)[0, 0, 2, 1:-1], ramp[0, 0, 0].unflatten(0, (8, 2)).mean(1)[1:-1]) < golden.rounding(
        16, layers=2
    )


@pytest.mark.parametrize("size", [8, 32])
def test_pictures_get_one_logit_each_and_every_weight_counts(size: int) -> None:
    network = filled(Discriminator(size=size, channels=CHANNELS))
    assert set(network.config.channels) == {4, 8} | ({16, 32} if size == 32 else set())
    logits = network(random(4, 3, size, size))
    assert logits.shape == (4,) and logits.unique().numel() == 4
    logits.square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.any() and weight.grad.isfinite().all(), name
    assert network(random(1, 3, size, size)).isfinite().all()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(random(4, 3, size, size))
    assert rounded.dtype == torch.float32 and golden.error(rounded, logits) < 0.1


def test_features_keep_their_size_through_the_network() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Discriminator(size=64, channels=dict.fromkeys((4, 8, 16, 32, 64), 32))
    x = network.from_rgb(random(8, 3, 1, 1).expand(-1, -1, 64, 64))  # Of one colour: a blur takes nothing.
    for block in network.blocks:
        x = block(x)
        assert 0.3 < x.square().mean().item() < 3


def test_pictures_that_are_alike_are_told_from_others() -> None:
    x = random(6, 3, 4, 4)
    y = x.double().numpy()
    found = spread_in_groups(x, 4)  # Of 6 pictures in groups of 3, the most below 4 that divide them.
    assert found.shape == (6, 1, 4, 4)
    for i in range(6):
        group = y[3 * (i // 3) : 3 * (i // 3) + 3]
        expected = np.sqrt(((group - group.mean(0)) ** 2).mean(0) + 1e-8).mean()
        assert golden.error(found[i, 0], torch.full((4, 4), expected)) < golden.rounding(48)
    assert float(spread_in_groups(x[:1].repeat(4, 1, 1, 1), 4).max()) == pytest.approx(1e-4)
    alone = x[:1].clone().requires_grad_()
    spread_in_groups(alone, 4).sum().backward()
    assert alone.grad is not None and not alone.grad.any()


def test_a_slice_of_whole_groups_is_judged_as_in_the_whole_batch() -> None:
    network, x = filled(Discriminator(size=8, channels=CHANNELS, group=2)), random(4, 3, 8, 8)
    assert golden.error(torch.cat([network(x[:2]), network(x[2:])]), network(x)) < golden.rounding(200, layers=4)
    assert golden.error(network(x[:1]), network(x)[:1]) > 1e-4, "beside another one it is another"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Discriminator(size=48, channels=CHANNELS), "power of two from 8 on, not 48"),
        (lambda: Discriminator(size=8, channels=CHANNELS, group=0), "groups of 1 or more, not 0"),
    ],
)
def test_architectures_that_are_none(wrong: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong()  # pyright: ignore[reportCallIssue]


def test_pictures_and_codes_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"\[batch, 3, 8, 8\], not \[1, 3, 8, 16\]"):
        Discriminator(size=8, channels=CHANNELS)(random(1, 3, 8, 16))
    with pytest.raises(InputError, match=r"codes of width 6, not \[2, 5\]"):
        LatentDiscriminator(latent_dim=6)(random(2, 5))
