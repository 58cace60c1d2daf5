"""Codes of many pictures."""

from __future__ import annotations

from pathlib import Path

import golden
import numpy as np
import torch
from ffclip.ffclip_core.training.inversion import encode_all, stored_inversions
from ffclip.ffclip_core.training.settings import Run
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


def test_codes_are_stored_until_the_encoder_is_another(tmp_path: Path) -> None:
    run = Run(
        data=tmp_path, folder=tmp_path, steps=1, batch=1, learning_rate=1.0, workers=1, device=torch.device("cpu")
    )

    def codes(encoder: Brightness) -> Tensor:
        return torch.from_numpy(np.array(stored_inversions(encoder, run, 0, PICTURES)))  # pyright: ignore[reportArgumentType]

    first, same, other = Brightness(1.0), Brightness(1.0), Brightness(2.0)
    assert golden.error(codes(first), MEANS) < golden.FLOAT16 and first.seen == len(PICTURES)
    assert golden.error(codes(same), MEANS) < golden.FLOAT16 and same.seen == 0
    assert golden.error(codes(other), 2 * MEANS) < golden.FLOAT16 and other.seen == len(PICTURES)
