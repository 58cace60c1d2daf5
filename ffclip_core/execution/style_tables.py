"""A generator's table of styles, kept while its weights stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...cuda_ops import StyleTable
from ...cuda_ops.style_table import accurate
from ..networks.generator import Generator
from ..networks.layers import ModulatedConv2d


class StyleTables:
    """The last table. clear() after a change of weights that PyTorch does not count: through .data, or within inference
    mode."""

    def __init__(self) -> None:
        self._kept: tuple[list[Tensor], list[tuple[int, int]], StyleTable] | None = None

    def of(self, generator: Generator) -> tuple[StyleTable, bool]:
        """The table of its weights as they are now, without gradients, and whether it is another than the last."""
        weights = [*generator.parameters(), *generator.buffers()]
        state, kept = _state(weights), self._kept
        if kept is not None and kept[1] == state:
            return kept[2], False
        with torch.inference_mode(False), torch.no_grad():
            table = style_table(_convolutions(generator))
        # With the weights: while they are there, no others come to stand at their addresses.
        self._kept = weights, state, table
        return table, True

    def clear(self) -> None:
        self._kept = None


def style_table(convolutions: Sequence[tuple[ModulatedConv2d, int]]) -> StyleTable:
    """The table of convolutions and the layers of w that they read."""
    return StyleTable.build(
        [
            (
                accurate(c.modulation.weight) * c.modulation.scale,
                c.modulation.bias,
                c.weight[0],
                c.scale,
                layer,
                c.demodulate,
            )
            for c, layer in convolutions
        ]
    )


def _convolutions(generator: Generator) -> list[tuple[ModulatedConv2d, int]]:
    """In the order of the picture: of block i the three from 2 + 3i on."""
    convolutions = [(generator.conv1.conv, 0), (generator.to_rgb1.conv, 1)]
    for i in range(len(generator.to_rgbs)):
        convolutions += [(layer.conv, 2 * i + j) for j, layer in enumerate(generator.block(i), start=1)]
    return convolutions


def _state(weights: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Differs once a weight is changed in place or replaced; within inference mode PyTorch does not count changes."""
    return [(weight.data_ptr(), 0 if weight.is_inference() else weight._version) for weight in weights]
