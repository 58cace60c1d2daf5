"""StyleGAN2's generator: W+ code → picture.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.

Parameters carry the names of the common PyTorch layout (g_ema of stylegan2-*.pt files), so those load as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..cuda_ops import fused_leaky_relu, upfirdn2d
from .errors import InputError

NOISE_MODES = ("const", "random", "none")


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
        if self.activate:
            return fused_leaky_relu(F.linear(x, self.weight * self.scale), self.bias * self.lr_mul)
        return F.linear(x, self.weight * self.scale, self.bias * self.lr_mul)


class PixelNorm(nn.Module):
    """z / rms(z) over the last axis."""

    def forward(self, z: Tensor) -> Tensor:
        return z * torch.rsqrt(z.square().mean(-1, keepdim=True) + 1e-8)


class Blur(nn.Module):
    """The FIR filter [1, 3, 3, 1] in both axes, times 4 to make up for zeros put in between; not in our files."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device="cpu")  # A constant, also while loading on "meta".
        self.register_buffer("kernel", torch.outer(taps, taps) / 16, persistent=False)


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels are scaled by a style (StyleGAN2, section 2.2).

    Scaling the activations before and after one shared convolution equals scaling the weights per picture.
    """

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
        self.weight = nn.Parameter(torch.randn(1, out_channels, in_channels, kernel, kernel))
        self.modulation = EqualLinear(latent_dim, in_channels, bias_init=1.0)
        self.scale = 1 / math.sqrt(in_channels * kernel**2)
        self.up, self.demodulate = up, demodulate
        if up:
            self.blur = Blur()

    def convolve(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor | None]:
        """x [B, C, H, W], w [B, latent_dim] → the convolution and the demodulation [B, C', 1, 1] to multiply it by."""
        weight = self.weight[0] * self.scale
        style = self.modulation(w)
        x = x * style[:, :, None, None]
        if self.up:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = upfirdn2d(x, self.blur.kernel, pad=(1, 1))
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if not self.demodulate:
            return x, None
        energy = style.square() @ weight.square().sum((2, 3)).T
        return x, torch.rsqrt(energy + 1e-8)[:, :, None, None]

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x, demodulation = self.convolve(x, w)
        return x if demodulation is None else x * demodulation


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
        x, demodulation = self.conv.convolve(x, w)
        bias = self.activate.bias[:, None, None]
        if noise is not None:
            bias = bias + self.noise.weight * noise
        return _clamped(fused_leaky_relu(x, bias, demodulation), self.clamp)


class ToRGB(nn.Module):
    """1×1 modulated convolution to RGB, added to the upsampled RGB of the block before."""

    def __init__(self, channels: int, latent_dim: int, up: bool = True, clamp: float | None = None) -> None:
        super().__init__()
        self.clamp = clamp
        self.conv = ModulatedConv2d(channels, 3, 1, latent_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if up:
            self.upsample = Blur()

    def forward(self, x: Tensor, w: Tensor, skip: Tensor | None = None) -> Tensor:
        rgb = _clamped(self.conv(x, w) + self.bias, self.clamp)
        return rgb if skip is None else rgb + upfirdn2d(skip, self.upsample.kernel, up=2, pad=(2, 1))


def _clamped(x: Tensor, limit: float | None) -> Tensor:
    return x if limit is None else x.clamp(-limit, limit)


class ConstantInput(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class Generator(nn.Module):
    """Mapping network (z → w) and synthesis network (w → picture).

    size: side of the picture in px, a power of two from 8 on. channels: feature channels by resolution, 4 to size.
    num_layers L = 2·log2(size) − 2. conv_clamp: what features and RGB are clamped to, as in StyleGAN2-ADA's float16
    layers (Karras et al. 2020, appendix on mixed precision).
    """

    latent_avg: Tensor

    def __init__(
        self,
        size: int,
        channels: Mapping[int, int],
        latent_dim: int = 512,
        num_mapping_layers: int = 8,
        conv_clamp: float | None = None,
        family: str | None = None,
    ) -> None:
        super().__init__()
        if size < 8 or size & (size - 1):
            raise ValueError(f"the size is a power of two from 8 on, not {size}")
        self.size, self.latent_dim, self.family = size, latent_dim, family
        self.num_layers = 2 * int(math.log2(size)) - 2
        self.channels = {2**i: channels[2**i] for i in range(2, int(math.log2(size)) + 1)}
        self.num_mapping_layers, self.conv_clamp = num_mapping_layers, conv_clamp
        layers = [EqualLinear(latent_dim, latent_dim, lr_mul=0.01, activate=True) for _ in range(num_mapping_layers)]
        self.style = nn.Sequential(PixelNorm(), *layers)
        before = self.channels[4]
        self.input = ConstantInput(before)
        self.conv1 = StyledConv(before, before, latent_dim, clamp=conv_clamp)
        self.to_rgb1 = ToRGB(before, latent_dim, up=False, clamp=conv_clamp)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        for _resolution, after in list(self.channels.items())[1:]:
            self.convs.append(StyledConv(before, after, latent_dim, up=True, clamp=conv_clamp))
            self.convs.append(StyledConv(after, after, latent_dim, clamp=conv_clamp))
            self.to_rgbs.append(ToRGB(after, latent_dim, clamp=conv_clamp))
            before = after
        for i in range(self.num_layers - 1):
            self.noises.register_buffer(f"noise_{i}", torch.zeros(1, 1, *self.noise_shape(i)))
        self.register_buffer("latent_avg", torch.zeros(latent_dim))

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return {
            "size": self.size,
            "channels": {str(resolution): count for resolution, count in self.channels.items()},
            "latent_dim": self.latent_dim,
            "num_mapping_layers": self.num_mapping_layers,
            **({} if self.conv_clamp is None else {"conv_clamp": self.conv_clamp}),
        }

    def noise_shape(self, index: int) -> tuple[int, int]:
        """Height and width of the noise of convolution `index` (0 to L − 2)."""
        side = 2 ** ((index + 5) // 2)
        return side, side

    def map(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """z [B, latent_dim], standard normal → w [B, L, latent_dim].

        truncation ψ draws w towards the mean code: w_avg + ψ·(w − w_avg) (StyleGAN, section 2.2). Raises InputError
        for z of another shape.
        """
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise InputError(f"The mapping network takes z of shape [batch, {self.latent_dim}], not {list(z.shape)}.")
        w = self.style(z)[:, None].expand(-1, self.num_layers, -1)
        return w if truncation == 1 else self.latent_avg + truncation * (w - self.latent_avg)

    def forward(
        self, w: Tensor, noise: str | Sequence[Tensor] = "const", seed: int = 0, resolution: int | None = None
    ) -> Tensor:
        """w [B, L, latent_dim] → RGB [B, 3, resolution, resolution] in about [-1, 1].

        noise: "const" takes the maps stored with the weights, "random" draws picture i's from seed + i, "none" adds
        nothing; or a list of L − 1 tensors, [B or 1, 1, h, w] each. resolution (default: size) stops at a
        smaller block. Raises InputError for a code of another shape, an unknown noise mode or resolution.
        """
        if w.ndim != 3 or w.shape[1:] != (self.num_layers, self.latent_dim) or not len(w):
            raise InputError(
                f"The generator takes codes of shape [batch, {self.num_layers}, {self.latent_dim}], but was given "
                f"{list(w.shape)}: invert with the encoder of the same family."
            )
        resolution = resolution or self.size
        if resolution not in self.channels:
            raise InputError(f"The generator draws {', '.join(map(str, self.channels))} px, not {resolution} px.")
        w = w.to(self.latent_avg.dtype)
        maps = self._noise(noise, seed, w)
        x = self.input.input.expand(len(w), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x = self.conv1(x, w[:, 0], maps[0])
        rgb = self.to_rgb1(x, w[:, 1])
        for block in range(int(math.log2(resolution)) - 2):
            layer = 2 * block
            x = self.convs[layer](x, w[:, layer + 1], maps[layer + 1])
            x = self.convs[layer + 1](x, w[:, layer + 2], maps[layer + 2])
            rgb = self.to_rgbs[block](x, w[:, layer + 3], rgb)
        return rgb

    def _noise(self, noise: str | Sequence[Tensor], seed: int, w: Tensor) -> Sequence[Tensor | None]:
        count = self.num_layers - 1
        if not isinstance(noise, str):
            if len(noise) != count:
                raise InputError(f"The generator takes {count} noise maps, but was given {len(noise)}.")
            for i, (given, shape) in enumerate(zip(noise, map(self.noise_shape, range(count)), strict=True)):
                if given.ndim != 4 or given.shape[1:] != (1, *shape) or len(given) not in (1, len(w)):
                    raise InputError(
                        f"Noise map {i} has the shape [{len(w)} or 1, 1, {shape[0]}, {shape[1]}], but was given as "
                        f"{list(given.shape)}."
                    )
            return [given.to(w) for given in noise]
        if noise == "const":
            return [getattr(self.noises, f"noise_{i}") for i in range(count)]
        if noise == "none":
            return [None] * count
        if noise == "random":
            # Drawn on the CPU: the same seed gives the same picture on every device.
            streams = [torch.Generator().manual_seed((seed + i) % 2**64) for i in range(len(w))]
            shapes = [(1, *self.noise_shape(i)) for i in range(count)]
            return [torch.stack([torch.randn(shape, generator=s) for s in streams]).to(w) for shape in shapes]
        raise InputError(f"Noise is one of {', '.join(NOISE_MODES)}, not '{noise}'.")
