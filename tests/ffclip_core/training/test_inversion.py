"""Codes of many pictures."""

from __future__ import annotations

from collections.abc import Callable

import golden
import numpy as np
import torch
from ffclip.ffclip_core.training.inversion import encode_all, mark_of
from torch import Tensor, nn


class Brightness(nn.Module):
    """An encoder whose code is the picture's mean times a factor; it counts what it has seen."""

    num_layers, latent_dim = 2, 3

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor, self.seen = nn.Parameter(torch.tensor(factor)), 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return (self.factor * x.mean((1, 2, 3)))[:, None, None].expand(-1, 2, 3)


PICTURES = (np.arange(501) % 256).astype(np.uint8)[:, None, None, None].repeat(3, 3)
MEANS = (torch.from_numpy(PICTURES[:, 0, 0, 0].astype(np.float32)) / 127.5 - 1)[:, None, None].expand(-1, 2, 3)


def test_all_pictures_are_encoded_in_their_order() -> None:
    found = encode_all(Brightness(1.0), PICTURES)  # pyright: ignore[reportArgumentType]
    assert golden.error(found, MEANS) < golden.rounding(4) and not found.requires_grad


def test_any_other_weight_or_running_mean_is_another_mark() -> None:
    def network() -> nn.Module:
        made = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))
        nn.init.normal_(made[0].weight, generator=torch.Generator().manual_seed(0))  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(made[0].bias)  # pyright: ignore[reportArgumentType]
        return made

    def changed(change: Callable[[Tensor], Tensor], name: str) -> str:
        other = network()
        value = other.state_dict()[name]
        value.copy_(change(value.clone()))
        return mark_of(other)

    marks = [mark_of(network())]
    marks += [changed(lambda x: -x, "0.weight"), changed(lambda x: x.flip(0), "0.weight")]
    marks += [changed(lambda x: x + 1, "1.running_mean"), changed(lambda x: x + 1, "1.num_batches_tracked")]
    marks += [mark_of(nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))), mark_of(network().bfloat16())]
    assert len(set(marks)) == len(marks)
    assert mark_of(network()) == marks[0] == mark_of(network().to(memory_format=torch.channels_last))  # pyright: ignore[reportCallIssue]
