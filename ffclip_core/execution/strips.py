"""The generator's wide layers on a CPU: one picture at a time, in strips that stay in the processor's cache.

Nothing is computed otherwise than by the layers' own forward(): a strip's style and demodulation are multiplied into
its picture's weights, gains into weights, biases and noise (leaky ReLU is positively homogeneous), and the rows that
neighbours need are handed on. Blocks in a row draw together, so that features between them are never there as a whole.
A picture falls into bands, which a crew's members draw strip by strip, each for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.plain import GAIN, SLOPE, fir
from ..networks.generator import Block
from ..networks.layers import Modulation, StyledConv, ToRGB
from .crew import Crew

Rows = Callable[[int, int], Tensor]
BANDS = 2
"""For each member of the crew: one that is held up takes fewer."""


@dataclass(frozen=True)
class BlockOfOne:
    """A block's layers, and what they take for one picture: styles and demodulations [1, C], noise [1, 1, h, w]."""

    layers: Block
    modulations: Sequence[Modulation]
    noises: Sequence[Tensor | None]


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
            self.filter = fir(weight.device, dtype).expand(len(self.bias), 1, -1, -1)

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


class _Folded:
    """One block for one picture: its convolutions folded, and where its RGB goes."""

    def __init__(self, block: BlockOfOne, height: int, width: int, rgb_dtype: torch.dtype) -> None:
        (up, same, self.to_rgb), modulations, noises = block.layers, block.modulations, block.noises
        self.up, self.same = _Layer(up, modulations[0], noises[0]), _Layer(same, modulations[1], noises[1])
        weight = self.to_rgb.conv.weight[0] * modulations[2][0][0, :, None, None]
        self.rgb_weight = weight.to(self.to_rgb.conv.dtype)
        self.height, self.width = height, width
        self.rgb = self.room(3, height, rgb_dtype)

    def room(self, channels: int, rows: int, dtype: torch.dtype) -> Tensor:
        size = (1, channels, rows, self.width)
        return torch.empty(size, dtype=dtype, device=self.rgb_weight.device, memory_format=torch.channels_last)

    def features(self, rows: int) -> Tensor:
        """Room for so many rows."""
        return self.room(len(self.same.bias), rows, self.same.weight.dtype)


class _Strips:
    """One block for one band of the picture, from top to bottom, at most so many rows at once: features of half its
    height and width, whose rows `source` gives → features and RGB."""

    def __init__(self, block: _Folded, source: Rows, rows: int, band: range) -> None:
        self.block, self.source, self.rows, self.band = block, source, min(rows, block.height), band
        # What a strip of the second layer reads of the first: one row more above and below, and one to come.
        self.between = block.room(len(block.up.bias), self.rows + 4, block.up.weight.dtype)
        self.first = -1

    def draw(self, first: int, last: int, out: Tensor | None) -> None:
        """Rows first (where the call before ended, at the first call any even one) to last (even) of features, into out
        if they are wanted, and of RGB."""
        block, between, top = self.block, self.between, first - 2
        # Its rows are those from `top` on, of which the strip before has left four.
        if self.first < 0:
            there = max(top, 0)
            if not first:
                between[:, :, 1] = 0
        else:
            there = min(first + 2, block.height)
            between[:, :, :4] = between[:, :, first - self.first : first - self.first + 4].clone()
        self.first, bottom = first, min(last + 2, block.height)
        if there < bottom:
            block.up.up(self.source, block.height // 2, there, bottom, between[:, :, there - top : bottom - top])
        if last == block.height:
            between[:, :, last - top] = 0
        x = block.same.same(between[:, :, 1 : last - top + 1], first, out)
        # Rows beyond the band are its neighbour's.
        own = range(max(first, self.band.start), min(last, self.band.stop))
        if own:
            x = x[:, :, own.start - first : own.stop - first]
            block.rgb[:, :, own.start : own.stop] = F.conv2d(x, block.rgb_weight)


class _Window:
    """What a block hands on: the rows that the next one reads, of which it has drawn some for the strip before."""

    def __init__(self, strips: _Strips) -> None:
        self.strips, self.room = strips, strips.block.features(strips.rows)
        self.first = self.last = -1

    def __call__(self, first: int, last: int) -> Tensor:
        """Rows first to last; each call's begin at those of the call before or further down."""
        if self.last < 0:
            self.first = self.last = first - first % 2
        start = first - first % 2
        there = self.last - start
        if start > self.first:
            self.room[:, :, :there] = self.room[:, :, start - self.first : self.last - self.first].clone()
        self.first = start
        if last > self.last:
            before, self.last = self.last, last + last % 2
            self.strips.draw(before, self.last, self.room[:, :, there : self.last - start])
        return self.room[:, :, first - start : last - start]


def draw_blocks(
    blocks: Sequence[BlockOfOne], x: Tensor, skip: Tensor, rows: int, keep: bool, crew: Crew
) -> tuple[Tensor, Tensor]:
    """Blocks in a row for one picture, in strips of so many rows of the last: features x [1, C, H, W] and skip
    [1, 3, H, W] → the last one's features (empty unless keep) and RGB."""
    folded: list[_Folded | None] = [None] * len(blocks)

    def fold(i: int) -> None:
        folded[i] = _Folded(blocks[i], 2 * x.shape[2] << i, 2 * x.shape[3] << i, skip.dtype)

    crew.deal([partial(fold, i) for i in range(len(blocks))])
    chain = [each for each in folded if each is not None]
    last_block = chain[-1]
    features = last_block.features(last_block.height) if keep else None
    rows = max(4, rows // 2 * 2)
    strips = [rows]
    for _ in blocks[1:]:
        strips.insert(0, strips[0] // 2 + 6)  # Two rows more than half are read, from an even to an even one.

    def draw(band: range) -> None:
        of_band: list[_Strips] = []
        for i, (block, strip) in enumerate(zip(chain, strips, strict=True)):
            source = _Window(of_band[-1]) if of_band else lambda first, last: x[:, :, first:last]
            share = len(chain) - 1 - i
            of_band.append(_Strips(block, source, strip, range(band.start >> share, band.stop >> share)))
        for first in range(band.start, band.stop, rows):
            last = min(first + rows, band.stop)
            of_band[-1].draw(first, last, None if features is None else features[:, :, first:last])

    bands = _bands(last_block.height, BANDS * crew.members, least=rows)
    crew.deal([partial(draw, band) for band in bands])
    for block in chain:
        skip = _upsampled(block.to_rgb, block.rgb, skip, crew)
    return x.new_empty(0) if features is None else features, skip


def _bands(height: int, count: int, least: int) -> list[range]:
    """A picture's rows in about so many pieces of at least so many rows, whose edges are whole in smaller blocks."""
    step = max(least, -(-height // count))
    step = min(height, -(-step // 16) * 16)
    return [range(first, min(first + step, height)) for first in range(0, height, step)]


def _upsampled(to_rgb: ToRGB, rgb: Tensor, skip: Tensor, crew: Crew) -> Tensor:
    """A block's RGB with the one before added, in place."""

    def add(band: range) -> None:
        # The filter reads one row more on either side of the smaller picture.
        first, last = max(band.start // 2 - 1, 0), min(band.stop // 2 + 1, skip.shape[2])
        below = F.conv_transpose2d(skip[:, :, first:last], taps, stride=2, padding=1, groups=len(taps))
        piece = rgb[:, :, band.start : band.stop].add_(to_rgb.bias)
        if to_rgb.limit is not None:
            piece.clamp_(-to_rgb.limit, to_rgb.limit)
        piece.add_(below[:, :, band.start - 2 * first : band.stop - 2 * first])

    taps = fir(skip.device, skip.dtype).expand(skip.shape[1], 1, 4, 4)
    crew.deal([partial(add, band) for band in _bands(rgb.shape[2], crew.members, least=64)])
    return rgb
