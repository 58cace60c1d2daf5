"""The generator's wide layers on a CPU: one picture at a time, in strips that stay in the processor's cache.

Nothing is computed otherwise than by the layers' own forward(): a strip's style and demodulation are multiplied into
its picture's weights, gains into weights, biases and noise (leaky ReLU is positively homogeneous), and the rows that
neighbours need are handed on. Blocks in a row draw together, so that features between them are never there as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops import rgb_skip
from ...cuda_ops.plain import GAIN, SLOPE

if TYPE_CHECKING:
    from ..networks.generator import Modulation, StyledConv, ToRGB

    Block = tuple[tuple[StyledConv, StyledConv, ToRGB], Sequence[Modulation], Sequence[Tensor | None]]
    Rows = Callable[[int, int], Tensor]


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

    def up(self, source: Rows, height: int, first: int, last: int, out: Tensor) -> None:
        """Rows first to last (both even) of the layer's output, into out; the source has so many rows."""
        before, after = first // 2 - 1, last // 2 + 1
        start = max(before, 0)
        inside = start == before and after <= height
        x = F.conv_transpose2d(source(start, min(after, height)).to(self.weight.dtype), self.weight, stride=2)
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


class _Block:
    """One block for one picture, from top to bottom, at most so many rows at once: features of half its height and
    width, whose rows `source` gives → features and RGB."""

    def __init__(self, block: Block, source: Rows, height: int, width: int, rows: int, skip_dtype: torch.dtype) -> None:
        (up, same, self.to_rgb), modulations, noises = block
        self.up, self.same = _Layer(up, modulations[0], noises[0]), _Layer(same, modulations[1], noises[1])
        weight = self.to_rgb.conv.weight[0] * modulations[2][0][0, :, None, None]
        self.rgb_weight = weight.to(self.to_rgb.conv.dtype)
        self.source, self.height, self.width, self.rows = source, height, width, min(rows, height)
        self.rgb = self._room(3, height, skip_dtype)
        # What a strip of the second layer reads of the first: one row more above and below, and one to come.
        self.between = self._room(len(self.up.bias), self.rows + 3, self.up.weight.dtype)
        self.first = self.last = 0

    def features(self, rows: int) -> Tensor:
        """Room for so many rows."""
        return self._room(len(self.same.bias), rows, self.same.weight.dtype)

    def _room(self, channels: int, rows: int, dtype: torch.dtype) -> Tensor:
        size = (1, channels, rows, self.width)
        return torch.empty(size, dtype=dtype, device=self.rgb_weight.device, memory_format=torch.channels_last)

    def draw(self, last: int, out: Tensor | None) -> None:
        """The next rows of features, up to `last` (even), into out if they are wanted, and of RGB."""
        before, self.first, self.last = self.last - self.first, self.last, last
        first, above, between = self.first, self.first - 1, self.between
        top, bottom = first + 2 if first else 0, min(last + 2, self.height)
        if first:
            between[:, :, :3] = between[:, :, before : before + 3].clone()
        else:
            between[:, :, 0] = 0
        if top < bottom:
            self.up.up(self.source, self.height // 2, top, bottom, between[:, :, top - above : bottom - above])
        if last == self.height:
            between[:, :, last - above] = 0
        x = self.same.same(between[:, :, : last - above + 1], first, out)
        self.rgb[:, :, first:last] = F.conv2d(x, self.rgb_weight)


class _Window:
    """What a block hands on: the rows that the next one reads, of which it has drawn some for the strip before."""

    def __init__(self, block: _Block) -> None:
        self.block, self.room, self.first, self.last = block, block.features(block.rows), 0, 0

    def __call__(self, first: int, last: int) -> Tensor:
        """Rows first to last; each call's begin at those of the call before or further down."""
        there = self.last - first
        if first > self.first:
            self.room[:, :, :there] = self.room[:, :, first - self.first : self.last - self.first].clone()
        self.first = first
        if last > self.last:
            self.last = last + last % 2
            self.block.draw(self.last, self.room[:, :, there : self.last - first])
        return self.room[:, :, : last - first]


def draw_blocks(blocks: Sequence[Block], x: Tensor, skip: Tensor, rows: int, keep: bool) -> tuple[Tensor, Tensor]:
    """Blocks in a row for one picture, in strips of so many rows of the last: features x [1, C, H, W] and skip
    [1, 3, H, W] → the last one's features (empty unless keep) and RGB."""
    rows = max(4, rows // 2 * 2)
    strips = [rows]
    for _ in blocks[1:]:
        strips.insert(0, strips[0] // 2 + 3)  # Two rows more than half are read, and an even number is drawn.
    drawn: list[_Block] = []
    for block, strip in zip(blocks, strips, strict=True):
        source = _Window(drawn[-1]) if drawn else lambda first, last: x[:, :, first:last]
        height, width = 2 * x.shape[2] << len(drawn), 2 * x.shape[3] << len(drawn)
        drawn.append(_Block(block, source, height, width, strip, skip.dtype))
    last_block = drawn[-1]
    features = last_block.features(last_block.height) if keep else None
    for first in range(0, last_block.height, rows):
        last = min(first + rows, last_block.height)
        last_block.draw(last, None if features is None else features[:, :, first:last])
    for block in drawn:
        skip = rgb_skip(block.rgb, block.to_rgb.bias.flatten(), skip, block.to_rgb.limit)
    return x.new_empty(0) if features is None else features, skip
