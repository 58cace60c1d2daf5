"""The face mesh: 468 points of one face (Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on
Mobile GPUs", 2019), as Google's MediaPipe has it (face_landmark.tflite)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .blaze_block import BlazeBlock, SameConv2d
from .construction import in_float32

SIZE = 192
"""Side of its pictures in px."""
POINTS = 468


class Meshes(NamedTuple):
    """points [B, 468, 3]: x, y and depth in px of the network's picture. presence [B]: a face where above 0 (its
    logit)."""

    points: Tensor
    presence: Tensor


class FaceMesh(nn.Module):
    @in_float32
    def __init__(self, *, family: str | None = None) -> None:
        super().__init__()
        self.family = family
        self.stem = nn.Sequential(SameConv2d(3, 16, 3, 2), nn.PReLU(16))
        self.trunk = nn.Sequential(
            *(_block(16, 16), _block(16, 16)),
            *(_block(16, 32, 2), _block(32, 32), _block(32, 32)),
            *(_block(32, 64, 2), _block(64, 64), _block(64, 64)),
            *(_block(64, 128, 2), _block(128, 128), _block(128, 128)),
            *(_block(128, 128, 2), _block(128, 128), _block(128, 128)),
        )
        self.points = nn.Sequential(
            *(_block(128, 128, 2), _block(128, 128), _block(128, 128)),
            *(nn.Conv2d(128, 32, 1), nn.PReLU(32), _block(32, 32), nn.Conv2d(32, 3 * POINTS, 3)),
        )
        self.presence = nn.Sequential(
            *(_block(128, 128, 2), nn.Conv2d(128, 32, 1), nn.PReLU(32), _block(32, 32), nn.Conv2d(32, 1, 3))
        )

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments: there is one such network."""
        return {}

    def forward(self, x: Tensor) -> Meshes:
        """RGB [B, 3, 192, 192] in [0, 1], one face in each, about upright and two thirds as wide as the picture."""
        x = self.trunk(self.stem(x.contiguous(memory_format=torch.channels_last)))
        return Meshes(self.points(x).reshape(-1, POINTS, 3), self.presence(x).reshape(-1))


def _block(before: int, after: int, stride: int = 1) -> BlazeBlock:
    return BlazeBlock(before, after, stride, nn.PReLU(after))
