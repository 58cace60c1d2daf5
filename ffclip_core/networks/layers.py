"""StyleGAN2's layers (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, section 2).

Parameters carry the names of the common PyTorch layout (g_ema of stylegan2-*.pt files), so those load as they are: that
is why there are modules that only hold one.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...cuda_ops import epilogue, fir_epilogue, fused_leaky_relu, rgb_skip
from ...cuda_ops.style_table import accurate

HALF_CLAMP = 256.0
Modulation = tuple[Tensor, Tensor | None]
"""A convolution's style [B, C_in] and demodulation [B, C_out], if it has one."""


class EqualLinear(nn.Module):
    """x·(W·lr_mul/√in)ᵀ + b·lr_mul, then fused leaky ReLU if `activate` (equalised learning rate: ProGAN, 4.1)."""

    def __init__(
        self, in_dim: int, out_dim: int, bias_init: float = 0.0, lr_mul: float = 1.0, activate: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_dim, in_dim) / lr_mul)
        self.bias = nn.Parameter(torch.full((out_dim,), bias_init))
        self.scale, self.lr_mul, self.activate = lr_mul / math.sqrt(in_dim), lr_mul, activate

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_dim] → [B, out_dim]."""
        if self.activate:
            return fused_leaky_relu(F.linear(x * self.scale, self.weight), self.bias * self.lr_mul)
        return F.linear(x * self.scale, self.weight, self.bias * self.lr_mul)


class PixelNorm(nn.Module):
    """z / rms(z) over the last axis."""

    def forward(self, z: Tensor) -> Tensor:
        """[B, D] → [B, D]."""
        return z * torch.rsqrt(z.square().mean(-1, keepdim=True) + 1e-8)


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels are scaled by a style (StyleGAN2, section 2.2).

    Scaling the activations before and after one shared convolution equals scaling the weights per picture.
    precision: what it computes in, if not in its weights' dtype.
    """

    precision: torch.dtype | None = None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        latent_dim: int,
        up: bool = False,
        demodulate: bool = True,
    ) -> None:
        super().__init__()
        # In memory in the order in which convolutions take it, where they would reorder it in every call.
        order, back = ((0, 2, 3, 4, 1), (0, 4, 1, 2, 3)) if up else ((0, 1, 3, 4, 2), (0, 1, 4, 2, 3))
        weight = torch.randn(1, out_channels, in_channels, kernel, kernel)
        self.weight = nn.Parameter(weight.permute(order).contiguous().permute(back))
        self.modulation = EqualLinear(latent_dim, in_channels, bias_init=1.0)
        self.scale = 1 / math.sqrt(in_channels * kernel**2)
        self.up, self.demodulate = up, demodulate

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self.precision or self.weight.dtype

    def modulate(self, w: Tensor) -> Modulation:
        """w [B, latent_dim] → style and demodulation, in float32 at least, as cuda_ops.styles gives them."""
        affine = self.modulation
        style = F.linear(accurate(w), accurate(affine.weight) * affine.scale, accurate(affine.bias))
        if not self.demodulate:
            return style * self.scale, None
        energy = accurate(self.weight[0]).square().sum((2, 3)) * self.scale**2
        # Whatever divides here multiplies below, so no gradient goes through it.
        largest = style.detach().abs().amax(1, keepdim=True).clamp_min(1e-30)
        return style / largest * self.scale, largest * torch.rsqrt(F.linear(style.square(), energy) + 1e-8)

    def convolve(self, x: Tensor, style: Tensor | None, channels: slice = slice(None)) -> Tensor:
        """x [B, C, H, W], style [B, C] (None: x has been multiplied by it) → what is still to be demodulated; after a
        transposed convolution, also to be filtered: [B, C', 2H + 1, 2W + 1]. channels: which of those that go out."""
        weight = self.weight[0, channels].to(self.dtype)
        x = x.to(self.dtype)
        if style is not None:
            x = x * style.to(self.dtype)[:, :, None, None]
        if self.up:
            return F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)


class NoiseInjection(nn.Module):
    """The strength of a layer's noise, one for all channels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class Activate(nn.Module):
    """The bias before a layer's activation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))


class StyledConv(nn.Module):
    """Modulated convolution, noise, bias, activation."""

    def __init__(
        self, in_channels: int, out_channels: int, latent_dim: int, up: bool = False, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.clamp = clamp
        self.conv = ModulatedConv2d(in_channels, out_channels, 3, latent_dim, up=up)
        self.noise = NoiseInjection()
        self.activate = Activate(out_channels)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """x [B, C, H, W], w [B, latent_dim], noise [B or 1, 1, H', W'] → [B, C', H', W'], twice as large if up."""
        style, demodulation = self.conv.modulate(w)
        return self.finish(self.conv.convolve(x, style), demodulation, noise)

    def finish(
        self,
        x: Tensor,
        demodulation: Tensor | None,
        noise: Tensor | None,
        next_style: Tensor | None = None,
        channels: slice = slice(None),
    ) -> Tensor:
        """What follows the convolution. next_style: of the only layer that takes the output, which is multiplied by it.
        channels: which of those that go out, if x has not all of them."""
        demodulation = None if demodulation is None else demodulation[:, channels]
        next_style = None if next_style is None else next_style[:, channels]
        noise = None if noise is None else noise.to(x.dtype)
        finish = fir_epilogue if self.conv.up else epilogue
        return finish(x, self.activate.bias[channels], demodulation, noise, self.noise.weight, self.limit, next_style)

    @property
    def limit(self) -> float | None:
        """What features are clamped to."""
        return _limit(self.clamp, self.conv.dtype)


class ToRGB(nn.Module):
    """1×1 modulated convolution to RGB, added to the upsampled RGB of the block before."""

    def __init__(self, channels: int, latent_dim: int, clamp: float | None = None) -> None:
        super().__init__()
        self.clamp = clamp
        self.conv = ModulatedConv2d(channels, 3, 1, latent_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, w: Tensor, skip: Tensor | None = None) -> Tensor:
        """x [B, C, H, W], w [B, latent_dim], skip [B, 3, H/2, W/2] → RGB [B, 3, H, W]."""
        return self.finish(self.conv.convolve(x, self.conv.modulate(w)[0]), skip)

    def finish(self, rgb: Tensor, skip: Tensor | None) -> Tensor:
        """What follows the convolution."""
        # Pictures add up in the weights' precision.
        return rgb_skip(rgb.to(self.bias.dtype), self.bias.flatten(), skip, self.limit)

    @property
    def limit(self) -> float | None:
        """What the block's RGB is clamped to."""
        return _limit(self.clamp, self.conv.dtype)


class ConstantInput(nn.Module):
    """What the first block begins with, the same for all pictures."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))

    def forward(self, batch: int) -> Tensor:
        """[batch, C, 4, 4], channels last."""
        return self.input.expand(batch, -1, -1, -1).contiguous(memory_format=torch.channels_last)


def _limit(clamp: float | None, dtype: torch.dtype) -> float | None:
    """float16 is always clamped as published (StyleGAN2-ADA, appendix D.1)."""
    return HALF_CLAMP if clamp is None and dtype == torch.float16 else clamp
