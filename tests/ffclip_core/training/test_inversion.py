"""Codes of many pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.training import inversion
from ffclip.ffclip_core.training.inversion import encode_all, mark_of, stored_inversions
from ffclip.ffclip_core.training.loop import Run
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


def test_processes_invert_a_part_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = threading.Barrier(2, timeout=60)
    monkeypatch.setattr(inversion, "wait_for_all", barrier.wait)
    encoders = [Brightness(1.0) for _ in range(2)]
    found: dict[int, Tensor] = {}

    def work(rank: int) -> None:
        run = Run(folder=tmp_path, steps=1, batch=2, rank=rank, world=2)
        codes = stored_inversions(encoders[rank], run, PICTURES)  # pyright: ignore[reportArgumentType]
        found[rank] = torch.from_numpy(np.array(codes))

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(golden.error(codes, MEANS) < golden.FLOAT16 for codes in found.values()) and len(found) == 2
    seen = [encoder.seen for encoder in encoders]
    assert sum(seen) == len(PICTURES) and min(seen) > 200


def test_codes_are_stored_until_the_encoder_is_another(tmp_path: Path) -> None:
    run = Run(folder=tmp_path, steps=1, batch=1)

    def codes(encoder: Brightness) -> Tensor:
        return torch.from_numpy(np.array(stored_inversions(encoder, run, PICTURES)))  # pyright: ignore[reportArgumentType]

    first, same, other = Brightness(1.0), Brightness(1.0), Brightness(2.0)
    assert golden.error(codes(first), MEANS) < golden.FLOAT16 and first.seen == len(PICTURES)
    assert golden.error(codes(same), MEANS) < golden.FLOAT16 and same.seen == 0
    assert golden.error(codes(other), 2 * MEANS) < golden.FLOAT16 and other.seen == len(PICTURES)


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
