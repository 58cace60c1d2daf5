"""A StyleGAN2 generator by the common names of its tensors (those of g_ema), to which every layout is brought."""

from __future__ import annotations

import torch

from ..errors import CheckpointError
from ..generator import EqualLinear, PixelNorm
from .parts import Part
from .state_dict import count, dimension
from .stored import Stored

_MARKS = ("input.input", "conv1.conv.weight", "to_rgb1.conv.weight")
_SAMPLES = 20_000
_MOST_BLOCKS = 12


def is_generator(tensors: dict[str, Stored]) -> bool:
    return all(mark in tensors for mark in _MARKS)


def generator(tensors: dict[str, Stored], latent_avg: Stored | None, layout: str) -> Part:
    """A generator of g_ema's tensors. A mean code that is not there is estimated from mapped noise."""
    kernels = {key for key in tensors if key.endswith((".blur.kernel", ".upsample.kernel"))}
    for key in kernels:
        check_filter(tensors[key], 4.0)
    kept = {key: value for key, value in tensors.items() if key not in kernels}
    blocks = min(count(kept, "to_rgbs.{}.conv.weight"), _MOST_BLOCKS)
    channels = {"4": dimension(kept, "conv1.conv.weight", 1)}
    for i in range(blocks):
        channels[str(8 << i)] = dimension(kept, f"convs.{2 * i}.conv.weight", 1)
    latent_dim = dimension(kept, "conv1.conv.modulation.weight", 1)
    mapping_layers = count(kept, "style.{}.weight", 1)
    architecture = {
        "size": 4 << blocks,
        "channels": channels,
        "latent_dim": latent_dim,
        "num_mapping_layers": mapping_layers,
    }
    if latent_avg is None:
        layers = [(kept[f"style.{i}.weight"], kept.get(f"style.{i}.bias")) for i in range(1, mapping_layers + 1)]
        kept["latent_avg"] = Stored((latent_dim,), torch.float32, lambda: _mean_code(layers, latent_dim))
    else:
        kept["latent_avg"] = mean_code(latent_avg, latent_dim)
    return Part("generator", layout, architecture, kept)


def mean_code(latent_avg: Stored, latent_dim: int) -> Stored:
    """latent_avg as a generator needs it, [D], from [D], [1, D] or one row for each layer."""
    if latent_avg.shape[-1:] != (latent_dim,) or 0 in latent_avg.shape:
        raise CheckpointError(f"is damaged: its latent_avg has the shape {list(latent_avg.shape)}; get the file again")

    def mean(tensor: torch.Tensor) -> torch.Tensor:
        rows = tensor.float().reshape(-1, latent_dim)
        return rows[0].clone() if (rows == rows[0]).all() else rows.mean(0)

    return latent_avg.mapped((latent_dim,), mean)


def check_filter(kernel: Stored, gain: float) -> None:
    """Raise CheckpointError unless this is the resampling filter [1, 3, 3, 1] in both axes, times gain."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    if kernel.shape != (4, 4) or not torch.allclose(kernel.read().float(), gain * torch.outer(taps, taps), atol=1e-4):
        raise CheckpointError("was trained with another resampling filter than [1, 3, 3, 1], which FFCLIP lacks")


def _mean_code(layers: list[tuple[Stored, Stored | None]], latent_dim: int) -> torch.Tensor:
    stream = torch.Generator().manual_seed(0)
    w = PixelNorm()(torch.randn(_SAMPLES, latent_dim, generator=stream))
    for weight, bias in layers:
        if weight.shape != (latent_dim, latent_dim) or bias is None or bias.shape != (latent_dim,):
            raise CheckpointError("is damaged: its mapping network does not fit its codes; get the file again")
        layer = EqualLinear(1, 1, lr_mul=0.01, activate=True)
        layer.scale = layer.lr_mul / latent_dim**0.5
        layer.weight, layer.bias = (torch.nn.Parameter(tensor.read().float(), False) for tensor in (weight, bias))
        w = layer(w)
    return w.mean(0)
