"""A picture on a CPU: small layers by channels, wide ones by bands of rows, dealt to a crew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ...cuda_ops import StyleTable, styles
from ..networks.generator import Generator
from ..networks.layers import Modulation, StyledConv
from .crew import Crew, split
from .kept_features import KeptFeatures
from .strips import BlockOfOne, draw_blocks

STRIPS_FROM, TOGETHER_FROM = 128, 512
"""px: smaller layers stay in the cache as they are, and have weights too large to take up again in each strip."""
STRIP_ROWS = 32
CHANNELS = 64
"""Of a layer, at least so many for each member."""


def draw_by_crew(
    generator: Generator,
    w: Tensor,
    maps: Sequence[Tensor | None],
    table: StyleTable,
    blocks: int,
    crew: Crew,
    kept: KeptFeatures | None = None,
    begin: tuple[int, Tensor, Tensor] | None = None,
) -> Tensor:
    """RGB after so many blocks, from the features and RGB before block begin[0] on, if they are given."""
    modulations = styles(w, table)
    if begin:
        first, x, rgb = begin
    else:
        first = 0
        x = _by_channels(crew, generator.conv1, generator.input(len(w)), modulations[0], maps[0])
        rgb = generator.to_rgb1.finish(generator.to_rgb1.conv.convolve(x, modulations[1][0]), None)
    keep_at = (generator.size // 8, generator.size // 2) if kept else ()
    wide = max(first, min(blocks, int(math.log2(STRIPS_FROM)) - 3))
    for i in range(first, wide):
        up, same, to_rgb = generator.block(i)
        style, demodulation = modulations[3 + 3 * i]
        x = _by_channels(crew, up, x, modulations[2 + 3 * i], maps[2 * i + 1], style)
        x = _by_channels(crew, same, x, (None, demodulation), maps[2 * i + 2])
        rgb = to_rgb.finish(to_rgb.conv.convolve(x, modulations[4 + 3 * i][0]), rgb)
        if kept and 8 << i in keep_at:
            kept.keep(i, x, rgb)
    if wide >= blocks:
        return rgb
    rest = range(wide, blocks)
    if len(w) == 1:
        return _by_bands(generator, 0, x, rgb, modulations, maps, rest, crew, keep_at, kept)
    pictures = rgb.new_empty(len(w), rgb.shape[1], 4 << blocks, 4 << blocks)
    for j in range(len(w)):
        pictures[j] = _by_bands(generator, j, x, rgb, modulations, maps, rest, crew)[0]
    return pictures


def _by_channels(
    crew: Crew,
    layer: StyledConv,
    x: Tensor,
    modulation: tuple[Tensor | None, Tensor | None],
    noise: Tensor | None,
    next_style: Tensor | None = None,
) -> Tensor:
    """The layer's output, so many of its channels by each member."""
    style, demodulation = modulation
    channels = layer.conv.weight.shape[1]
    pieces = max(1, min(crew.members, channels // CHANNELS))
    if pieces == 1:
        return layer.finish(layer.conv.convolve(x, style), demodulation, noise, next_style)
    side = x.shape[2] * (2 if layer.conv.up else 1)
    size, dtype = (len(x), channels, side, side), layer.conv.dtype
    out = torch.empty(size, dtype=dtype, device=x.device, memory_format=torch.channels_last)
    x = x.to(dtype)
    styled = x if style is None else x * style.to(dtype)[:, :, None, None]

    def draw(piece: slice) -> None:
        convolved = layer.conv.convolve(styled, None, piece)
        out[:, piece] = layer.finish(convolved, demodulation, noise, next_style, piece)

    crew.deal([partial(draw, piece) for piece in split(channels, pieces)])
    return out


def _by_bands(
    generator: Generator,
    j: int,
    x: Tensor,
    rgb: Tensor,
    modulations: Sequence[Modulation],
    maps: Sequence[Tensor | None],
    blocks: range,
    crew: Crew,
    keep_at: Sequence[int] = (),
    kept: KeptFeatures | None = None,
) -> Tensor:
    """The j-th picture's RGB after these blocks, [1, 3, side, side]."""
    x, rgb = x[j : j + 1], rgb[j : j + 1]
    of_one = [(s[j : j + 1], None if d is None else d[j : j + 1]) for s, d in modulations]
    noises = [None if noise is None else noise[j % len(noise) :][:1] for noise in maps]
    together: list[BlockOfOne] = []
    for i in blocks:
        together.append(BlockOfOne(generator.block(i), of_one[2 + 3 * i : 5 + 3 * i], noises[2 * i + 1 : 2 * i + 3]))
        keep, last = 8 << i in keep_at, i + 1 == blocks.stop
        if 8 << i >= TOGETHER_FROM and not keep and not last:
            continue
        x, rgb = draw_blocks(together, x, rgb, STRIP_ROWS, keep or not last, crew)
        together.clear()
        if kept and keep:
            kept.keep(i, x, rgb)
    return rgb
