"""The operators in plain PyTorch: any device and dtype, twice differentiable; in place where no gradient is needed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .style_table import StyleTable

GAIN = 2**0.5
SLOPE = 0.2
TINY = 1e-30  # What the largest style of a layer is at least, so that it divides.
EPSILON = 1e-8
_FIRS: dict[tuple[torch.device, torch.dtype], Tensor] = {}


def upfirdn2d(
    x: Tensor, kernel: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] | tuple[int, int, int, int] = (0, 0)
) -> Tensor:
    """Upsample by inserting zeros, pad, filter, downsample (StyleGAN, Karras et al. 2019).

    x [B, C, H, W]; kernel [kh, kw] is applied as a convolution, that is, flipped; pad is (before, after) on both axes
    or (left, right, top, bottom) and crops where it is negative. Returns [B, C, H', W'] with
    H' = (H·up + top + bottom − kh) // down + 1.
    """
    if len(pad) == 2:
        pad = (*pad, *pad)
    batch, channels, height, width = x.shape
    if up > 1:
        spread = x.new_zeros(batch, channels, height, up, width, up)
        spread[:, :, :, 0, :, 0] = x
        x = spread.view(batch, channels, height * up, width * up)
    weight = kernel.flip(0, 1).to(x.dtype).expand(channels, 1, -1, -1)
    if len(set(pad)) == 1 and pad[0] >= 0:
        return F.conv2d(x, weight, stride=down, padding=pad[0], groups=channels)
    return F.conv2d(F.pad(x, pad), weight, stride=down, groups=channels)


def fused_leaky_relu(x: Tensor, bias: Tensor, scale: Tensor | None = None, slope: float = SLOPE) -> Tensor:
    """√2·leaky_relu(x·scale + bias), the gain folded into scale and bias.

    bias and scale (default 1) broadcast to x.
    """
    if scale is None:
        return F.leaky_relu(torch.add(bias * GAIN, x, alpha=GAIN), slope)
    return F.leaky_relu(torch.addcmul(bias * GAIN, x, scale * GAIN), slope)


def epilogue(
    x: Tensor,
    bias: Tensor,
    demodulation: Tensor | None = None,
    noise: Tensor | None = None,
    strength: Tensor | None = None,
    clamp: float | None = None,
    style: Tensor | None = None,
) -> Tensor:
    """clamp(√2·leaky_relu(x·demodulation + strength·noise + bias))·style; shapes as in operators.epilogue."""
    out = x if not needs_gradient(x, bias, demodulation, noise, strength, style) and may_overwrite(x) else None
    shift = (bias * GAIN).to(x.dtype)[:, None, None]
    if demodulation is None:
        x = torch.add(shift, x, alpha=GAIN, out=out)
    else:
        x = torch.addcmul(shift, x, (demodulation * GAIN).to(x.dtype)[:, :, None, None], out=out)
    return _activate(x, noise, strength, clamp, style, out)


def fir_epilogue(
    x: Tensor,
    bias: Tensor,
    demodulation: Tensor | None = None,
    noise: Tensor | None = None,
    strength: Tensor | None = None,
    clamp: float | None = None,
    style: Tensor | None = None,
) -> Tensor:
    """The FIR filter after a transposed convolution, then the epilogue; shapes as in operators.fir_epilogue."""
    channels = x.shape[1]
    taps = fir(x.device, x.dtype).expand(channels, 1, 4, 4)
    if len(x) > 1:
        x = F.conv2d(x, taps, padding=1, groups=channels)
        return epilogue(x, bias, demodulation, noise, strength, clamp, style)
    # One picture's demodulation and bias go into the filter.
    scale = GAIN if demodulation is None else (demodulation[0] * GAIN).to(x.dtype)[:, None, None, None]
    x = F.conv2d(x, taps * scale, (bias * GAIN).to(x.dtype), padding=1, groups=channels)
    return _activate(x, noise, strength, clamp, style, None if needs_gradient(x, noise, strength, style) else x)


def rgb_skip(rgb: Tensor, bias: Tensor, skip: Tensor | None = None, clamp: float | None = None) -> Tensor:
    """clamp(rgb + bias) + the skip upsampled by 2; shapes as in operators.rgb_skip."""
    out = rgb if not needs_gradient(rgb, bias, skip) and may_overwrite(rgb) else None
    rgb = torch.add(rgb, bias.to(rgb.dtype)[:, None, None], out=out)
    if clamp is not None:
        rgb = torch.clamp(rgb, -clamp, clamp, out=out)
    if skip is not None:
        channels = skip.shape[1]
        taps = fir(skip.device, skip.dtype).expand(channels, 1, 4, 4)
        rgb = torch.add(rgb, F.conv_transpose2d(skip, taps, stride=2, padding=1, groups=channels), out=out)
    return rgb


def styles(w: Tensor, table: StyleTable) -> list[tuple[Tensor, Tensor | None]]:
    """The styles and demodulations of all convolutions; shapes as in operators.styles."""
    w = w.to(table.affine.dtype)
    results: list[tuple[Tensor, Tensor | None]] = []
    for shape, affine, bias, energy in table.convolutions():
        style = torch.addmm(bias, w[:, shape.layer], affine)
        if energy is None:
            results.append((style * shape.gain, None))
            continue
        # Whatever divides here multiplies below, so no gradient goes through it.
        largest = style.detach().abs().amax(1, keepdim=True).clamp_min(TINY)
        demodulation = largest * torch.rsqrt(style.square() @ energy + EPSILON)
        results.append((style / largest * shape.gain, demodulation))
    return results


def _activate(
    x: Tensor,
    noise: Tensor | None,
    strength: Tensor | None,
    clamp: float | None,
    style: Tensor | None,
    out: Tensor | None,
) -> Tensor:
    """What is left of the epilogue once x is scaled and shifted, the gain in both; into out where it is given."""
    if noise is not None:
        noise = noise.to(x.dtype) * (GAIN if strength is None else (strength * GAIN).to(x.dtype))
        x = torch.add(x, noise, out=out)
    x = F.leaky_relu(x, SLOPE, inplace=out is not None)
    if clamp is not None:
        x = torch.clamp(x, -clamp, clamp, out=out)
    if style is not None:
        x = torch.mul(x, style.to(x.dtype)[:, :, None, None], out=out)
    return x


def needs_gradient(*tensors: Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)


def may_overwrite(x: Tensor) -> bool:
    """Whether x, of which no gradient is needed, can take a result: its elements are distinct and not frozen."""
    if x.is_inference() and not torch.is_inference_mode_enabled():
        return False
    return x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)


def fir(device: torch.device, dtype: torch.dtype) -> Tensor:
    """[1, 3, 3, 1] in both axes over 16: it sums to 4, which makes up for zeros put in between."""
    if (device, dtype) in _FIRS:  # A graph that is being recorded cannot bring numbers from the CPU.
        return _FIRS[device, dtype]
    with torch.inference_mode(False):
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=device, dtype=dtype)
        fir = torch.outer(taps, taps) / 16
    if type(fir) is Tensor:  # Not what a tool that only traces makes of it.
        _FIRS[device, dtype] = fir
    return fir
