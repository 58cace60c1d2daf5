"""Every layer on whole pictures, all styles at once: for GPUs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...cuda_ops import StyleTable, styles
from ..networks.generator import Generator


def draw_whole(
    generator: Generator, w: Tensor, maps: Sequence[Tensor | None], table: StyleTable, blocks: int
) -> Tensor:
    """RGB after so many blocks."""
    modulations = styles(w, table)
    style, demodulation = modulations[0]
    x = generator.conv1.finish(generator.conv1.conv.convolve(generator.input(len(w)), style), demodulation, maps[0])
    rgb = generator.to_rgb1.finish(generator.to_rgb1.conv.convolve(x, modulations[1][0]), None)
    for i in range(blocks):
        up, same, to_rgb = generator.block(i)
        (up_style, up_demodulation), (style, demodulation), (rgb_style, _) = modulations[2 + 3 * i : 5 + 3 * i]
        x = up.finish(up.conv.convolve(x, up_style), up_demodulation, maps[2 * i + 1], next_style=style)
        x = same.finish(same.conv.convolve(x, None), demodulation, maps[2 * i + 2])
        rgb = to_rgb.finish(to_rgb.conv.convolve(x, rgb_style), rgb)
    return rgb
