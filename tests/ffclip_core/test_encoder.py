"""The encoder at its published sizes against stored codes, from weights that golden.py makes."""

from __future__ import annotations

import golden
import pytest
import torch
from ffclip.ffclip_core import InputError
from ffclip.ffclip_core.encoder import Encoder

SIZES = {"ffhq": (18, (256, 256)), "cars": (16, (192, 256)), "church": (14, (256, 256))}


@pytest.mark.parametrize("name", SIZES)
def test_codes_of_two_pictures(name: str) -> None:
    layers, size = SIZES[name]
    with torch.device("meta"):
        encoder = Encoder(layers, input_size=size)
    encoder = encoder.to_empty(device="cpu")
    encoder.latent_avg.zero_()
    golden.fill(encoder, "e4e")
    if name == "ffhq":
        shapes = {key: list(value.shape) for key, value in encoder.state_dict().items() if key != "latent_avg"}
        assert shapes == golden.table("keys")["encoder"]
    pictures = torch.cat([golden.picture(f"e4e_{name}_in{i}") for i in range(2)])
    with torch.inference_mode():
        codes = encoder(pictures.permute(0, 3, 1, 2) * 2 - 1)
        assert golden.difference(codes, golden.tensors(f"e4e_{name}")["codes"]) < 1e-4
        encoder.latent_avg.fill_(0.5)
        moved = encoder(pictures[:1].permute(0, 3, 1, 2) * 2 - 1)
    assert golden.difference(moved, codes[:1] + 0.5) < 1e-5


def test_pictures_of_another_size_are_refused() -> None:
    encoder = Encoder(10, 32, (64, 64), (16, 16, 16, 16), (1, 1, 1, 1), pyramid_width=16).eval()
    assert encoder(torch.zeros(2, 3, 64, 64)).shape == (2, 10, 32)
    with pytest.raises(InputError, match=r"\[batch, 3, 64, 64\].*\[1, 3, 256, 256\]"):
        encoder(torch.zeros(1, 3, 256, 256))
