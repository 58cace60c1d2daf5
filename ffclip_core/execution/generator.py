"""A generator that draws fast: as the plan says, with what follows from its weights kept between pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...cuda_ops import StyleTable
from ...cuda_ops.graphs import Graphs
from ..networks.generator import Generator, Noise
from .by_crew import draw_by_crew
from .crew import crew
from .kept_features import KeptFeatures
from .plan import Plan, plan
from .precision import without_autocast
from .style_tables import StyleTables
from .whole import draw_whole


class FastGenerator(Generator):
    """The same network with the same parameters; only forward() differs, and by rounding alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tables, self._graphs = StyleTables(), Graphs()

    def plan(self, w: Tensor, kept: KeptFeatures | None = None, noise: Noise = "const") -> Plan:
        """Which of the ways draws pictures of these codes."""
        given = () if isinstance(noise, str) else noise
        learning = (each.requires_grad for each in (w, *given, *self.parameters(), *self.buffers()))
        gradients = torch.is_grad_enabled() and any(learning)
        return plan(w.device, len(w), gradients, self._graphs.takes(w.device), kept is not None)

    def forward(
        self,
        w: Tensor,
        noise: Noise = "const",
        seed: int = 0,
        resolution: int | None = None,
        kept: KeptFeatures | None = None,
    ) -> Tensor:
        """As Generator.forward. kept, given again with the next code, spares what did not change since this one (single
        pictures with noise that is not given as tensors, on a CPU)."""
        blocks = self.check(w, noise, resolution)
        how = self.plan(w, kept if isinstance(noise, str) else None, noise)
        if how.way == "layers":
            return super().forward(w, noise, seed, resolution)
        with without_autocast(w.device):
            return self._follow(how, w, noise, seed, blocks, kept)

    def _follow(self, how: Plan, w: Tensor, noise: Noise, seed: int, blocks: int, kept: KeptFeatures | None) -> Tensor:
        table, new = self._tables.of(self)
        if new:
            self._graphs.clear()
        pictures: Tensor | None = None
        for start in range(0, len(w), how.group):
            piece = slice(start, min(start + how.group, len(w)))
            maps = self.noise_maps(noise, seed, piece)
            if how.graph:
                rgb = self._replay(w[piece], noise, maps, table, blocks)
            elif how.way == "whole":
                rgb = draw_whole(self, w[piece], maps, table, blocks)
            elif how.keep and kept is not None:
                rgb = self._resume(kept, (table, noise, seed if noise == "random" else 0), w, maps, table, blocks)
            else:
                rgb = self._by_crew(w[piece], maps, table, blocks)
            if len(w) <= how.group:
                return rgb
            if pictures is None:
                pictures = rgb.new_empty(len(w), *rgb.shape[1:])
            pictures[piece] = rgb
        assert pictures is not None  # noqa: S101
        return pictures

    def refresh(self) -> None:
        """Forget what follows from the weights. Needed only after a change that PyTorch does not count: through .data,
        or of weights that were made in inference mode."""
        self._tables.clear()
        self._graphs.clear()

    def _by_crew(
        self, w: Tensor, maps: Sequence[Tensor | None], table: StyleTable, blocks: int, *resuming: Any
    ) -> Tensor:
        hands = crew()
        return hands.run(lambda: draw_by_crew(self, w, maps, table, blocks, hands, *resuming))

    def _resume(
        self,
        kept: KeptFeatures,
        key: tuple,
        w: Tensor,
        maps: Sequence[Tensor | None],
        table: StyleTable,
        blocks: int,
    ) -> Tensor:
        rgb = self._by_crew(w, maps, table, blocks, kept, kept.resume(key, w, blocks))
        return rgb.clone() if kept.holds(rgb) else rgb

    def _replay(self, w: Tensor, noise: Noise, maps: Sequence[Tensor | None], table: StyleTable, blocks: int) -> Tensor:
        """draw_whole as one CUDA graph for each batch size and resolution."""
        fixed = isinstance(noise, str) and noise != "random"
        given = [] if fixed else [each for each in maps if each is not None]

        def draw(w: Tensor, *noises: Tensor) -> Tensor:
            return draw_whole(self, w, noises or maps, table, blocks)

        precisions = tuple(layer.conv.dtype for layer in self.convs)  # pyright: ignore[reportAttributeAccessIssue]
        return self._graphs.run((table, blocks, precisions, noise if fixed else "given"), draw, [w, *given])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FastGenerator:
        self.refresh()  # Addresses may come back with other numbers.
        return super()._apply(fn, recurse)

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        self.refresh()
        return super().load_state_dict(*arguments, **options)
