"""Synthesis and e4e in their plain published form, as the yardstick: one operation of the papers after another.

Per-picture weights in a grouped convolution, the FIR as a filter of its own over padded single-channel pictures, then
noise, bias, activation and gain one by one (Karras et al. 2020, section 2 and appendix B). The weights are those of our
networks.
"""

from __future__ import annotations

import itertools
import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.encoder import COARSE_HEADS, MEDIUM_HEADS, Encoder
from ..networks.generator import Generator
from ..networks.layers import ModulatedConv2d, StyledConv, ToRGB


def draw(generator: Generator, w: Tensor) -> Tensor:
    """w [B, L, D] → RGB [B, 3, size, size], with the noise stored with the weights."""
    x = generator.input.input.repeat(len(w), 1, 1, 1)
    x = _styled(generator.conv1, x, w[:, 0], cast(Tensor, generator.noises.noise_0))
    rgb = _to_rgb(generator.to_rgb1, x, w[:, 1], None)
    for i, layer in enumerate(cast(list[StyledConv], generator.convs), start=1):
        x = _styled(layer, x, w[:, i], getattr(generator.noises, f"noise_{i}"))
        if i % 2 == 0:
            rgb = _to_rgb(cast(ToRGB, generator.to_rgbs[i // 2 - 1]), x, w[:, i + 1], rgb)
    return rgb


def encode(encoder: Encoder, x: Tensor) -> Tensor:
    """RGB [B, 3, H, W] → w [B, L, D]: every layer of e4e as it is written, weights in PyTorch's own order."""
    x = encoder.input_layer(x)
    taps = []
    for i, block in enumerate(encoder.body):
        x = block.res_layer(x) + block.shortcut_layer(x)  # pyright: ignore[reportCallIssue]
        if i + 1 in itertools.accumulate(encoder.blocks):
            taps.append(x)
    c1, c2, c3 = taps[1], taps[2], encoder.top(taps[3])
    p2 = F.interpolate(c3, c2.shape[2:], mode="bilinear", align_corners=True) + encoder.latlayer1(c2)
    p1 = F.interpolate(p2, c1.shape[2:], mode="bilinear", align_corners=True) + encoder.latlayer2(c1)
    first = encoder.styles[0](c3)
    codes = [first]
    for i, head in enumerate(encoder.styles[1:], start=1):  # pyright: ignore[reportArgumentType]
        codes.append(first + head(c3 if i < COARSE_HEADS else p2 if i < COARSE_HEADS + MEDIUM_HEADS else p1))
    return torch.stack(codes, 1) + encoder.latent_avg


def _styled(layer: StyledConv, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    x = _modulated(layer.conv, x, w)
    x = x + layer.noise.weight * noise
    x = F.leaky_relu(x + layer.activate.bias.view(1, -1, 1, 1), 0.2) * math.sqrt(2)
    return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)


def _to_rgb(layer: ToRGB, x: Tensor, w: Tensor, skip: Tensor | None) -> Tensor:
    rgb = _modulated(layer.conv, x, w) + layer.bias
    rgb = rgb if layer.clamp is None else rgb.clamp(-layer.clamp, layer.clamp)
    return rgb if skip is None else rgb + _upfirdn(skip, up=2, pad=(2, 1))


def _modulated(conv: ModulatedConv2d, x: Tensor, w: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    style = F.linear(w, conv.modulation.weight * conv.modulation.scale, conv.modulation.bias)
    weight = conv.scale * conv.weight * style.view(batch, 1, channels, 1, 1)
    if conv.demodulate:
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4)) + 1e-8).view(batch, -1, 1, 1, 1)
    out, kernel = weight.shape[1], weight.shape[-1]
    x = x.reshape(1, batch * channels, height, width)
    if conv.up:
        weight = weight.transpose(1, 2).reshape(batch * channels, out, kernel, kernel)
        x = F.conv_transpose2d(x, weight, stride=2, groups=batch)
        return _upfirdn(x.view(batch, out, *x.shape[2:]), pad=(1, 1))
    weight = weight.reshape(batch * out, channels, kernel, kernel)
    return F.conv2d(x, weight, padding=kernel // 2, groups=batch).view(batch, out, height, width)


def _upfirdn(x: Tensor, up: int = 1, pad: tuple[int, int] = (0, 0)) -> Tensor:
    """Zeros between the pixels, padding, the filter: every channel as a picture of its own."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=x.device, dtype=x.dtype)
    batch, channels, height, width = x.shape
    x = x.reshape(batch * channels, height, 1, width, 1)
    x = F.pad(x, (0, up - 1, 0, 0, 0, up - 1)).reshape(batch * channels, 1, height * up, width * up)
    x = F.conv2d(F.pad(x, (*pad, *pad)), torch.outer(taps, taps)[None, None] / 16)
    return x.view(batch, channels, *x.shape[2:])
