"""Golden numbers: stored outputs in tests/data, and weights that follow from their names instead of being stored.

Every weight is a function of (family, key, shape): the reference implementations ran on the CPU with the same weights.
A value is base + scale·u, u uniform with mean 0 and variance 1, drawn by a generator that (family, key) seeds.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

DATA = Path(__file__).parent / "data"
SEED = 1

# Base and scale of the first pattern that matches a whole key; ("fan", g) is g / √(product of all axes but the first).
SCALES: dict[str, list[tuple[str, float, float | tuple[str, float]]]] = {
    "stylegan": [
        (r"style\.\d+\.weight", 0, 100),
        (r"style\.\d+\.bias", 0, 20),
        (r".*\.modulation\.weight", 0, 0.6),
        (r".*\.modulation\.bias", 1, 0.1),
        (r"to_rgb.*\.conv\.weight", 0, 0.25),
        (r".*\.conv\.weight", 0, 1),
        (r"input\.input", 0, 1),
        (r".*\.noise\.weight", 0.05, 0.05),
        (r"noises\..*", 0, 1),
        (r".*\.activate\.bias", 0, 0.2),
        (r"to_rgb.*\.bias", 0, 0.05),
        (r"latent_avg", 0, 0.3),
    ],
    "e4e": [
        (r".*running_mean", 0, 0.1),
        (r".*running_var", 1, 0.15),
        (r".*num_batches_tracked", 0, 0),
        (r"input_layer\.0\.weight", 0, ("fan", 2)),
        (r"(input_layer\.1|.*res_layer\.0|.*shortcut_layer\.1)\.weight", 1, 0.1),
        (r"(input_layer\.2|.*res_layer\.2)\.weight", 0.25, 0.05),
        (r".*res_layer\.4\.weight", 0.6, 0.1),
        (r".*res_layer\.5\.fc\d\.weight", 0, ("fan", 1.5)),
        (r"styles\.\d+\.linear\.weight", 0, 0.5),
        (r"styles\..*\.weight", 0, ("fan", 1.4)),
        (r".*\.weight", 0, ("fan", 1)),
        (r".*\.bias", 0, 0.1),
    ],
    "ffclip": [
        (r".*attention_layer\.k_matrix\.weight", 0, 6),
        (r".*\.v_matrix\.weight", 0, ("fan", 2)),
        (r".*\.[qk]_matrix\.weight", 0, ("fan", 0.45)),
        (r".*_\.1\.weight", 1, 0.2),
        (r".*_\.1\.bias", 0, 0.2),
        (r".*_\.3\.weight", 0, ("fan", 0.4)),
        (r".*\.3\.gamma_\.3\.bias", -0.7, 0.05),
        (r".*\.weight", 0, ("fan", 1)),
        (r".*\.bias", 0, 0.05),
    ],
    # The variances of PyTorch's default initialisation: badly conditioned on purpose.
    "ffclip_init": [
        (r".*_\.1\.weight", 1, 0),
        (r".*_\.1\.bias", 0, 0),
        (r".*\.weight", 0, ("fan", 0.57735)),
        (r".*\.bias", 0, 0.025516),
    ],
    "clip": [
        (r"token_embedding\.weight", 0, 0.05),
        (r"positional_embedding", 0, 0.02),
        (r".*ln_\w+\.weight", 1, 0.1),
        (r"text_projection", 0, 0.019),
        (r".*(in_proj_weight|c_fc\.weight)", 0, ("fan", 1.5)),
        (r".*\.weight", 0, ("fan", 0.4)),
        (r".*", 0, 0.05),
    ],
    "clip_tiny224": [
        (r"token_embedding\.weight", 0, 0.3),
        (r"(visual\.)?positional_embedding|visual\.class_embedding", 0, 0.3),
        (r".*ln_\w+\.weight", 1, 0.1),
        (r"text_projection|visual\.proj", 0, 0.125),
        (r".*(in_proj_weight|c_fc\.weight)", 0, ("fan", 1.5)),
        (r"logit_scale", 4.6, 0),
        (r"visual\.conv1\.weight", 0, ("fan", 4)),
        (r".*\.weight", 0, ("fan", 1)),
        (r".*", 0, 0.05),
    ],
    "input": [(r"image/.*", 0, 0.5)],
}
SCALES["arcface"] = [(r"output_layer\.[04]\.weight", 1, 0.1), *SCALES["e4e"]]

Network = TypeVar("Network", bound=nn.Module)


def weight(family: str, key: str, shape: tuple[int, ...], seed: int = SEED) -> Tensor:
    """The float32 weight `key` of a network of `family`; the stored numbers are of the seed SEED."""
    base, scale = next((base, scale) for pattern, base, scale in SCALES[family] if re.fullmatch(pattern, key))
    if isinstance(scale, tuple):
        scale = scale[1] / math.sqrt(math.prod(shape[1:]))
    start = (zlib.crc32(f"{family}/{key}".encode()) + 2654435769 * seed) % 2**32
    uniform = np.random.RandomState(start).random_sample(math.prod(shape))
    uniform *= 2  # In place, as those of large networks are gigabytes.
    uniform -= 1
    uniform *= math.sqrt(3)
    values = uniform.astype(np.float32).reshape(shape)
    values *= np.float32(scale)
    values += np.float32(base)
    return torch.from_numpy(values)


def weights(network: nn.Module, family: str, seed: int = SEED) -> dict[str, Tensor]:
    """The weights of all tensors in the network's state dict that `family` has a scale for."""
    return {
        key: weight(family, key, tuple(value.shape), seed).to(value.dtype)
        for key, value in network.state_dict().items()
        if any(re.fullmatch(pattern, key) for pattern, _, _ in SCALES[family])
    }


def pictures(name: str, side: int) -> Tensor:
    """Two pictures [2, 3, side, side] in [-1, 1] that the reference implementations were given by this name."""
    return weight("input", f"image/{name}", (2, 3, side, side)).clamp(-1, 1)


def fill(network: Network, family: str, half: bool = False, seed: int = SEED) -> Network:
    """The network with its golden weights, rounded to float16 if `half`; ready for use."""
    found = weights(network, family, seed)
    found = {key: value.half().to(value.dtype) if half else value for key, value in found.items()}
    network.load_state_dict({**network.state_dict(), **found})
    return network.eval()


def tensors(name: str) -> dict[str, Tensor]:
    """The stored numbers tests/data/<name>.safetensors."""
    return load_file(DATA / f"{name}.safetensors")


def table(name: str) -> Any:
    """The stored table tests/data/<name>.json."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def picture(name: str) -> Tensor:
    """The stored picture tests/data/<name>.png as ComfyUI holds pictures: [1, H, W, 3] in [0, 1]."""
    with Image.open(DATA / f"{name}.png") as file:
        return torch.from_numpy(np.asarray(file.convert("RGB")).astype(np.float32) / 255)[None]


SMALL_ENCODER: dict[str, Any] = {
    "num_layers": 10,
    "latent_dim": 32,
    "input_size": (64, 64),
    "widths": (16, 16, 16, 16),
    "blocks": (1, 1, 1, 1),
    "pyramid_width": 16,
}
VARIED_ENCODER = SMALL_ENCODER | {
    "num_layers": 6,
    "latent_dim": 24,
    "widths": (16, 32, 48, 64),
    "blocks": (1, 2, 1, 1),
    "pyramid_width": 64,
}
"""Hyper-parameters of encoders that are quick; of the second no two stages are alike."""


# How far from the stored numbers an error() may be: of one operator, of a network, of anything computed in float16.
OPERATORS, NETWORKS, FLOAT16 = 1e-5, 1e-4, 1e-2


def error(found: Tensor, reference: Tensor) -> float:
    """‖found − reference‖ / ‖reference‖, 0 where both are the same; the shapes have to agree."""
    assert found.shape == reference.shape
    found, reference = found.detach().double(), reference.detach().double()
    distance = float((found - reference).norm())
    return distance and distance / float(reference.norm())


def largest_error(found: Tensor, reference: Tensor) -> float:
    """The largest single error, as a part of the largest value of the reference: for what is wrong in few places."""
    assert found.shape == reference.shape
    found, reference = found.detach().double(), reference.detach().double()
    return float((found - reference).abs().max() / reference.abs().max())


def rounding(terms: int, layers: int = 1, dtype: torch.dtype = torch.float32) -> float:
    """How far apart, by either measure, two ways of computing the same may be that add in another order: sums of so
    many terms, in so many layers one after the other. Roundings of a sum are about independent, so they grow with the
    root of the terms; those of layers are taken to add up, which leaves room for every processor's own order."""
    return torch.finfo(dtype).eps * math.sqrt(terms) * layers
