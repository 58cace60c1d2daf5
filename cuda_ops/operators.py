"""The operators around StyleGAN2's convolutions: CUDA kernels where they run, PyTorch elsewhere and for gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from . import ladder, plain
from .errors import KernelError
from .style_table import StyleTable


def epilogue(
    x: Tensor,
    bias: Tensor,
    demodulation: Tensor | None = None,
    noise: Tensor | None = None,
    strength: Tensor | None = None,
    clamp: float | None = None,
    style: Tensor | None = None,
) -> Tensor:
    """What follows a modulated convolution: clamp(√2·leaky_relu(x·demodulation + strength·noise + bias))·style.

    x [B, C, H, W] float32, float16 or bfloat16, contiguous or channels last; bias [C]; demodulation and style [B, C];
    noise [B or 1, 1, H, W] with strength [1], by default 1; clamp: to ±clamp. Returns [B, C, H, W], which is x itself,
    overwritten, where no gradient is needed; otherwise a new tensor, twice differentiable.
    """
    arguments = (x, bias, demodulation, noise, strength, clamp, style)
    result = _by_kernel("epilogue", x, arguments)
    return plain.epilogue(*arguments) if result is None else result


def fir_epilogue(
    x: Tensor,
    bias: Tensor,
    demodulation: Tensor | None = None,
    noise: Tensor | None = None,
    strength: Tensor | None = None,
    clamp: float | None = None,
    style: Tensor | None = None,
) -> Tensor:
    """What follows a modulated transposed convolution with stride 2: the FIR filter, then the epilogue.

    x [B, C, 2H+1, 2W+1]; the rest as in epilogue, at the size of the result [B, C, 2H, 2W]. The filter is [1, 3, 3, 1]
    in both axes over 16, padded by 1.
    """
    arguments = (x, bias, demodulation, noise, strength, clamp, style)
    result = _by_kernel("fir_epilogue", x, arguments)
    return plain.fir_epilogue(*arguments) if result is None else result


def rgb_skip(rgb: Tensor, bias: Tensor, skip: Tensor | None = None, clamp: float | None = None) -> Tensor:
    """What follows a convolution to RGB: clamp(rgb + bias), plus the smaller block's RGB upsampled by 2.

    rgb [B, 3, H, W]; bias [3]; skip [B, 3, H/2, W/2]; clamp: to ±clamp. Returns [B, 3, H, W], which is rgb itself,
    overwritten, where no gradient is needed; otherwise a new tensor, twice differentiable.
    """
    result = _by_kernel("rgb_skip", rgb, (rgb, bias, skip, clamp))
    return plain.rgb_skip(rgb, bias, skip, clamp) if result is None else result


def styles(w: Tensor, table: StyleTable) -> list[tuple[Tensor, Tensor | None]]:
    """Each convolution's style [B, C_in] and demodulation [B, C_out] or None, float32, of w [B, L, D].

    The raw style is t = w[:, layer]·Aᵀ + b. Without demodulation the style is t·gain. With it the style is t/m·gain and
    the demodulation m·rsqrt(Σ_i energy[i, o]·t_i² + 1e-8), m the largest |t|: the same product, in float16's range.
    """
    result = _by_kernel("styles", w, (w, table), table.affine, table.bias, table.energy)
    return plain.styles(w, table) if result is None else result


def status(device: torch.device | str | None = None) -> str:
    """One sentence: what runs on the device (default: the current CUDA device), and why."""
    if device is None and not torch.cuda.is_available():
        return "plain PyTorch: this machine has no NVIDIA GPU"
    device = torch.device("cuda" if device is None else device)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return ladder.LADDER.status(device)


def _by_kernel(name: str, x: Tensor, arguments: Sequence[Any], *weights: Tensor) -> Any:
    """The operator's result, or None where plain PyTorch is to compute it."""
    kernels = ladder.LADDER.kernels(x.device)
    if kernels is None or plain.needs_gradient(*weights, *(each for each in arguments if isinstance(each, Tensor))):
        return None
    try:
        return getattr(kernels, name)(*arguments)
    except KernelError as error:
        ladder.LADDER.retire(x.device, error)
        return None
