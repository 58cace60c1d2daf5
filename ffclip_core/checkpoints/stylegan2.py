"""A StyleGAN2 generator by the common names of its tensors (those of g_ema), to which every layout is brought."""

from __future__ import annotations

import re

import torch

from ..errors import CheckpointError
from ..networks.layers import EqualLinear, PixelNorm
from .canonical import left_aside
from .parts import Part
from .state_dict import count, dimension
from .stored import Stored

MARKS = ("conv1.conv.weight", "input.input", "to_rgb1.conv.weight")
_LAYERS = re.compile(r"(style|input|conv1|to_rgb1|convs|to_rgbs|embed)\..+|noises\.noise_\d+", re.DOTALL)
_KERNELS = (".blur.kernel", ".upsample.kernel")
_SAMPLES = 20_000
_MOST_BLOCKS = 12
NOISE_SEED = 0
"""Of noise maps that a file lacks: map i is drawn from this seed + i."""


def generator(tensors: dict[str, Stored], latent_avg: Stored | None, layout: str, notes: tuple[str, ...] = ()) -> Part:
    """A generator of g_ema's tensors; others are left aside, and told. A mean code that is not there is estimated from
    mapped noise, noise maps are drawn, a gray picture's ToRGB layers are repeated for red, green and blue."""
    kept = {key: value for key, value in tensors.items() if _LAYERS.fullmatch(key) and not key.endswith(_KERNELS)}
    for key in tensors:
        if key.endswith(_KERNELS):
            check_filter(tensors[key], 4.0)
    notes += left_aside(tensors.keys() - kept.keys() - {key for key in tensors if key.endswith(_KERNELS)})
    blocks = min(count(kept, "to_rgbs.{}.conv.weight"), _MOST_BLOCKS)
    channels = {"4": dimension(kept, "conv1.conv.weight", 1)}
    for i in range(blocks):
        channels[str(8 << i)] = dimension(kept, f"convs.{2 * i}.conv.weight", 1)
    latent_dim = dimension(kept, "conv1.conv.modulation.weight", 1)
    mapping_layers = count(kept, "style.{}.weight", 1)
    if not mapping_layers:
        raise CheckpointError("is a generator without its mapping network, which FFCLIP needs: get the whole file")
    classes = dimension(kept, "embed.weight", 1) if "embed.weight" in kept else 0
    z_dim = dimension(kept, "style.1.weight", 1) - (latent_dim if classes else 0)
    for i in range(1, mapping_layers + 1):
        width = dimension(kept, f"style.{i}.weight", 0)
        if width != latent_dim:
            raise CheckpointError(
                f"is a generator whose mapping network is {width} wide where its codes are {latent_dim}; FFCLIP takes "
                "one of the codes' width"
            )
    if classes and dimension(kept, "embed.weight", 0) != latent_dim:
        raise CheckpointError(
            f"is a generator whose classes are embedded {dimension(kept, 'embed.weight', 0)} wide where its codes are "
            f"{latent_dim}; FFCLIP takes embeddings of the codes' width"
        )
    start = kept["input.input"].shape[-2:] if "input.input" in kept else (4, 4)
    if len(start) == 2 and start[0] != start[1]:
        raise CheckpointError(
            f"is a generator of pictures that are not square, as StyleGAN-Human's: it begins at {start[1]}×{start[0]} "
            "px, where FFCLIP takes those that begin at 4×4"
        )
    kept, colours = _in_colour(kept)
    kept, drawn = _with_noise(kept, blocks)
    architecture = {
        "size": 4 << blocks,
        "channels": channels,
        "latent_dim": latent_dim,
        "num_mapping_layers": mapping_layers,
        **({"z_dim": z_dim} if z_dim != latent_dim else {}),
        **({"num_classes": classes} if classes else {}),
    }
    if latent_avg is None:
        if classes:
            raise CheckpointError("is a generator with classes that lacks its mean code (w_avg): get the whole file")
        layers = [(kept[f"style.{i}.weight"], kept.get(f"style.{i}.bias")) for i in range(1, mapping_layers + 1)]
        kept["latent_avg"] = Stored((latent_dim,), torch.float32, lambda: _mean_code(layers, z_dim, latent_dim))
        notes += (f"the file has no mean code, so it was estimated from {_SAMPLES:,} random ones",)
    else:
        kept["latent_avg"] = mean_code(latent_avg, latent_dim)
    return Part("generator", layout, architecture, kept, notes=notes + colours + drawn)


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
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float32, device="cpu") / 8
    expected = gain * torch.outer(taps, taps)
    if kernel.shape != (4, 4) or (kernel.read().float() - expected).abs().max() > 1e-3 * expected.max():
        raise CheckpointError("was trained with another resampling filter than [1, 3, 3, 1], which FFCLIP lacks")


def _in_colour(tensors: dict[str, Stored]) -> tuple[dict[str, Stored], tuple[str, ...]]:
    """With ToRGB layers of three channels. Channels add up apart from each other, so gray thrice is gray in RGB."""
    colours = dimension(tensors, "to_rgb1.conv.weight", 1)
    if colours == 3:
        return tensors, ()
    if colours != 1:
        kind = "4 channels (RGB and alpha)" if colours == 4 else f"{colours} channels"
        raise CheckpointError(f"is a generator of pictures with {kind}; FFCLIP takes those of colour (3) or gray (1)")
    changed = dict(tensors)
    for key, tensor in tensors.items():
        if re.fullmatch(r"(to_rgb1|to_rgbs\.\d+)\.(conv\.weight|bias)", key) and tensor.shape[1:2] == (1,):
            shape = (tensor.shape[0], 3, *tensor.shape[2:])
            changed[key] = tensor.mapped(shape, lambda value, shape=shape: value.expand(shape).contiguous())
    return changed, ("it draws gray pictures, which are given in RGB",)


def _with_noise(tensors: dict[str, Stored], blocks: int) -> tuple[dict[str, Stored], tuple[str, ...]]:
    """With the noise maps that are not there."""
    drawn: dict[str, Stored] = {}
    for i in range(2 * blocks + 1):
        key, side = f"noises.noise_{i}", 4 << ((i + 1) // 2)
        if key not in tensors:
            shape = (1, 1, side, side)
            drawn[key] = Stored(shape, torch.float32, lambda shape=shape, i=i: _noise(shape, NOISE_SEED + i))
    if not drawn:
        return tensors, ()
    which = "no noise maps" if len(drawn) == 2 * blocks + 1 else f"only {2 * blocks + 1 - len(drawn)} noise maps"
    return tensors | drawn, (f"the file has {which}, so the others were drawn from seed {NOISE_SEED}",)


def _noise(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    stream = torch.Generator("cpu").manual_seed(seed)
    return torch.randn(shape, generator=stream, dtype=torch.float32, device="cpu")


def _mean_code(layers: list[tuple[Stored, Stored | None]], z_dim: int, latent_dim: int) -> torch.Tensor:
    stream = torch.Generator("cpu").manual_seed(0)
    w = PixelNorm()(torch.randn(_SAMPLES, z_dim, generator=stream, dtype=torch.float32, device="cpu"))
    for weight, bias in layers:
        if weight.shape != (latent_dim, w.shape[1]) or bias is None or bias.shape != (latent_dim,):
            raise CheckpointError("is damaged: its mapping network does not fit its codes; get the file again")
        layer = EqualLinear(1, 1, lr_mul=0.01, activate=True)
        layer.scale = layer.lr_mul / w.shape[1] ** 0.5
        layer.weight, layer.bias = (torch.nn.Parameter(tensor.read().float(), False) for tensor in (weight, bias))
        w = layer(w)
    return w.mean(0)
