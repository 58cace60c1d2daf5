"""BlazeFace, short range: faces of a tile (Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on
Mobile GPUs", 2019), as Google's MediaPipe has it (face_detection_short_range.tflite)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .blaze_block import BlazeBlock, SameConv2d
from .construction import in_float32

TILE = 128
"""Side of its pictures in px."""
_FINE = (24, 28, (32, 2), 36, 42, (48, 2), 56, 64, 72, 80, 88)
_COARSE = ((96, 2), 96, 96, 96, 96)
"""Channels after each block (and stride)."""
_FINE_ANCHORS, _COARSE_ANCHORS = 2, 6
"""In each cell of 8 and of 16 px."""
_NUMBERS = 16


class Tiles(NamedTuple):
    """For each tile what all its anchors say, in px of the tile: score [B, 896], a face where above 0 (its logit); box
    [B, 896, 4], middle and size; points [B, 896, 6, 2], the eyes (left in the upright picture first), nose, mouth and
    ears."""

    score: Tensor
    box: Tensor
    points: Tensor


class FaceDetector(nn.Module):
    @in_float32
    def __init__(self, *, family: str | None = None) -> None:
        super().__init__()
        self.family = family
        self.stem = nn.Sequential(SameConv2d(3, 24, 5, 2), nn.ReLU(inplace=True))
        self.fine, width = _blocks(24, _FINE)
        self.coarse, coarse_width = _blocks(width, _COARSE)
        self.fine_box = nn.Conv2d(width, _FINE_ANCHORS * _NUMBERS, 1)
        self.coarse_box = nn.Conv2d(coarse_width, _COARSE_ANCHORS * _NUMBERS, 1)
        self.fine_score = nn.Conv2d(width, _FINE_ANCHORS, 1)
        self.coarse_score = nn.Conv2d(coarse_width, _COARSE_ANCHORS, 1)

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments: there is one such network."""
        return {}

    def forward(self, x: Tensor) -> Tiles:
        """RGB [B, 3, 128, 128] in [-1, 1]."""
        fine = self.fine(self.stem(x.contiguous(memory_format=torch.channels_last)))
        coarse = self.coarse(fine)
        score = torch.cat([_listed(self.fine_score(fine), 1), _listed(self.coarse_score(coarse), 1)], dim=1)
        numbers = torch.cat([_listed(self.fine_box(fine), _NUMBERS), _listed(self.coarse_box(coarse), _NUMBERS)], dim=1)
        middles = torch.cat([_middles(8, _FINE_ANCHORS, x), _middles(16, _COARSE_ANCHORS, x)])
        box = torch.cat([numbers[..., :2] + middles, numbers[..., 2:4]], dim=-1)
        return Tiles(score[..., 0], box, numbers[..., 4:].unflatten(-1, (6, 2)) + middles[:, None])


def _blocks(width: int, plan: tuple[int | tuple[int, int], ...]) -> tuple[nn.Sequential, int]:
    blocks = []
    for entry in plan:
        after, stride = entry if isinstance(entry, tuple) else (entry, 1)
        blocks.append(BlazeBlock(width, after, stride, nn.ReLU(inplace=True)))
        width = after
    return nn.Sequential(*blocks), width


def _listed(x: Tensor, numbers: int) -> Tensor:
    """[B, anchors · numbers, H, W] → [B, H · W · anchors, numbers]."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1, numbers)


def _middles(cell: int, anchors: int, like: Tensor) -> Tensor:
    """x and y of the cells' middles, row by row, each for so many anchors."""
    places = torch.arange(cell / 2, TILE, cell, dtype=like.dtype, device=like.device)
    y, x = torch.meshgrid(places, places, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2).repeat_interleave(anchors, dim=0)
