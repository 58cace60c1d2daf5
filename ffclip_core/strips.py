"""The generator's wide layers on a CPU: one picture at a time, in strips that stay in the processor's cache.

Nothing is computed otherwise than by the layers' own forward(): a strip's style and demodulation are multiplied into
its picture's weights, gains into weights, biases and noise (leaky ReLU is positively homogeneous), and the rows that
neighbours need are computed twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..cuda_ops import rgb_skip
from ..cuda_ops.plain import GAIN, SLOPE

if TYPE_CHECKING:
    from .generator import Modulation, StyledConv, ToRGB


class _Layer:
    """A convolution for one picture: all constants folded."""

    def __init__(self, layer: StyledConv, modulation: Modulation, noise: Tensor | None) -> None:
        style, demodulation = modulation
        assert demodulation is not None  # noqa: S101
        weight, self.clamp, dtype = layer.conv.weight[0], layer.limit, layer.conv.dtype
        factor = GAIN * demodulation[0, :, None] * style[0]
        scaled = (weight * factor[:, :, None, None]).to(dtype)
        scaled = scaled.transpose(0, 1) if layer.conv.up else scaled
        self.weight = scaled.contiguous(memory_format=torch.channels_last)
        self.bias = (layer.activate.bias * GAIN).to(dtype)
        self.noise = None if noise is None else (noise * (layer.noise.weight * GAIN)).to(dtype)
        if layer.conv.up:
            # The filter's taps are exact in every precision.
            self.filter = layer.conv.blur.kernel.to(dtype).expand(len(self.bias), 1, -1, -1)

    def up(self, x: Tensor, first: int, last: int) -> Tensor:
        """Rows first to last (both even) of the layer's output for the whole picture x."""
        before, after = first // 2 - 1, last // 2 + 1
        start = max(before, 0)
        x = F.conv_transpose2d(x[:, :, start:after], self.weight, stride=2)
        # Of these rows, the filter takes first - 1 to last + 1; beyond the picture there are zeros.
        x = x[:, :, first - 1 - 2 * start if start == before else 0 : last + 2 - 2 * start]
        x = F.conv2d(x, self.filter, self.bias, padding=1, groups=len(self.bias))
        skip = 1 if start == before else 0
        return self._finish(x[:, :, skip : skip + last - first], first)

    def same(self, x: Tensor, offset: int, first: int, last: int) -> Tensor:
        """Rows first to last of the layer's output, where x has the rows from offset on, with one more on each side
        unless there the picture ends."""
        above, below = first - offset, offset + x.shape[2] - last
        if above and below:
            x = F.conv2d(x[:, :, above - 1 : x.shape[2] - below + 1], self.weight, self.bias, padding=(0, 1))
        else:
            x = F.conv2d(x, self.weight, self.bias, padding=1)[:, :, above : above + last - first]
        return self._finish(x, first)

    def _finish(self, x: Tensor, first: int) -> Tensor:
        if self.noise is not None:
            x.add_(self.noise[:, :, first : first + x.shape[2]])
        F.leaky_relu_(x, SLOPE)
        return x if self.clamp is None else x.clamp_(-self.clamp, self.clamp)


def draw_block(
    layers: tuple[StyledConv, StyledConv, ToRGB],
    modulations: Sequence[Modulation],
    noises: Sequence[Tensor | None],
    x: Tensor,
    skip: Tensor,
    rows: int,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """One block for one picture: features x [1, C, H, W] and skip [1, 3, H, W] → features [1, C', 2H, 2W] (empty
    unless keep) and RGB [1, 3, 2H, 2W]."""
    x = x.to(layers[0].conv.dtype)
    first_layer, second_layer, to_rgb = layers
    up, same = _Layer(first_layer, modulations[0], noises[0]), _Layer(second_layer, modulations[1], noises[1])
    height = 2 * x.shape[2]
    rgb_weight = (to_rgb.conv.weight[0] * modulations[2][0][0, :, None, None]).to(to_rgb.conv.dtype)
    bias = to_rgb.bias.flatten()
    rgb = _empty(x, 3, skip.dtype)
    kept = _empty(x, len(same.bias), x.dtype) if keep else x.new_empty(0)
    for first, last in _strips(height, rows):
        # Two more rows, since `up` starts and ends at even ones.
        top, bottom = max(first - 2, 0), min(last + 2, height)
        piece = same.same(up.up(x, top, bottom), top, first, last)
        if keep:
            kept[:, :, first:last] = piece
        rgb[:, :, first:last] = F.conv2d(piece, rgb_weight)
    return kept, rgb_skip(rgb, bias, skip, to_rgb.limit)


def _empty(x: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    """Room for features of twice the resolution of x."""
    height, width = 2 * x.shape[2], 2 * x.shape[3]
    return torch.empty(1, channels, height, width, dtype=dtype, device=x.device, memory_format=torch.channels_last)


def _strips(height: int, rows: int) -> Iterator[tuple[int, int]]:
    rows = max(2, rows // 2 * 2)
    for first in range(0, height, rows):
        yield first, min(first + rows, height)
