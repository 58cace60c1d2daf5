"""The generator's wide layers on a CPU: one picture at a time, in strips that stay in the processor's cache.

Nothing is computed otherwise than by the layers' own forward(): a strip's style and demodulation are multiplied into
its picture's weights, gains into weights, biases and noise (leaky ReLU is positively homogeneous), and the rows that
neighbours need are handed on or computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def up(self, x: Tensor, first: int, last: int, out: Tensor) -> None:
        """Rows first to last (both even) of the layer's output for the whole picture x, into out."""
        before, after = first // 2 - 1, last // 2 + 1
        start = max(before, 0)
        inside = start == before and after <= x.shape[2]
        x = F.conv_transpose2d(x[:, :, start:after], self.weight, stride=2)
        # Of these rows, the filter takes first - 1 to last + 1; beyond the picture there are zeros.
        x = x[:, :, first - 1 - 2 * start if start == before else 0 : last + 2 - 2 * start]
        x = F.conv2d(x, self.filter, self.bias, padding=(0, 1) if inside else 1, groups=len(self.bias))
        skip = 1 if start == before and not inside else 0
        self._finish(x[:, :, skip : skip + last - first], first, out)

    def same(self, x: Tensor, first: int, out: Tensor | None) -> Tensor:
        """Rows from first on of the layer's output, where x has one row more above and below; into out, if given."""
        return self._finish(F.conv2d(x, self.weight, self.bias, padding=(0, 1)), first, out)

    def _finish(self, x: Tensor, first: int, out: Tensor | None) -> Tensor:
        if self.noise is not None:
            x.add_(self.noise[:, :, first : first + x.shape[2]])
        x = torch.ops.aten.leaky_relu.out(x, SLOPE, out=x if out is None else out)
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
    height, rows = 2 * x.shape[2], max(4, rows // 2 * 2)
    rgb_weight = (to_rgb.conv.weight[0] * modulations[2][0][0, :, None, None]).to(to_rgb.conv.dtype)
    bias = to_rgb.bias.flatten()
    rgb = _empty(3, height, x, skip.dtype)
    kept = _empty(len(same.bias), height, x, x.dtype) if keep else None
    # The rows that a strip reads, from first - 1 to last: up to three are there from the strip before.
    between = _empty(len(up.bias), min(rows, height) + 3, x, x.dtype)
    for first in range(0, height, rows):
        last = min(first + rows, height)
        top, bottom = first + 2 if first else 0, min(last + 2, height)
        if first:
            between[:, :, :3] = between[:, :, rows : rows + 3]
        else:
            between[:, :, 0] = 0
        if top < bottom:
            up.up(x, top, bottom, between[:, :, top - first + 1 : bottom - first + 1])
        if last == height:
            between[:, :, last - first + 1] = 0
        piece = same.same(between[:, :, : last - first + 2], first, None if kept is None else kept[:, :, first:last])
        rgb[:, :, first:last] = F.conv2d(piece, rgb_weight)
    return x.new_empty(0) if kept is None else kept, rgb_skip(rgb, bias, skip, to_rgb.limit)


def _empty(channels: int, rows: int, x: Tensor, dtype: torch.dtype) -> Tensor:
    """Room for so many rows of twice the width of x."""
    shape = 1, channels, rows, 2 * x.shape[3]
    return torch.empty(shape, dtype=dtype, device=x.device, memory_format=torch.channels_last)
