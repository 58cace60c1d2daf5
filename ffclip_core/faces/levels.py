"""One picture at its own size, at half of it, at a quarter and so on: whoever needs it small reads few pixels."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pictures import colours

_BAND = 512
"""Rows that are looked at together, an even number."""


class Levels:
    """Of a picture [H, W, C], floats in [0, 1]; alpha is laid on white, what lies outside of [0, 1] clamped.

    Places are px of the picture itself, whose first pixel's middle is at (0.5, 0.5); those of level i are 2**i times
    smaller. Beside the picture there is a third of its size in memory at most, and never more of it than is looked at.
    """

    def __init__(self, picture: Tensor) -> None:
        self.height, self.width = picture.shape[:2]
        self.device = picture.device
        self._levels = [picture]

    def part(self, level: int, top: int, left: int, bottom: int, right: int) -> Tensor:
        """Rows and columns of a level → float32 [1, 3, bottom - top, right - left] in [0, 1]."""
        return _planes(self._level(level)[top:bottom, left:right])[None]

    def size(self, level: int) -> tuple[int, int]:
        """Its height and width."""
        return self._level(level).shape[0], self._level(level).shape[1]

    def scaled(self, height: int, width: int) -> Tensor:
        """The whole picture → [1, 3, height, width], by an antialiased filter."""
        level = coarsest(max(self.height / height, self.width / width))
        rows, columns = self.size(level)
        whole = self.part(level, 0, 0, rows, columns)
        return F.interpolate(whole, size=(height, width), mode="bilinear", antialias=True, align_corners=False)

    def square(self, middle: tuple[float, float], side: float, turn: float, size: int, mirrored: bool) -> Tensor:
        """[1, 3, size, size]: a square whose right half axis is turned by so many radians (clockwise to the eye), its
        left and right changed over if mirrored. The picture's borders are carried on beyond it."""
        level = coarsest(side / size * math.sqrt(2))
        rows, columns = self.size(level)
        step = 2**level
        x, y = middle[0] / step, middle[1] / step
        reach = side / step / 2 * (abs(math.cos(turn)) + abs(math.sin(turn))) + 2
        left, right = _within(x, reach, columns)
        top, bottom = _within(y, reach, rows)
        part = self.part(level, top, left, bottom, right)
        # Middles of the square's pixels as parts of half a side, then as grid_sample counts them.
        along = (torch.arange(size, dtype=torch.float32, device=self.device) + 0.5) / size * (side / step)
        along -= side / step / 2
        down, across = along[:, None], (along.flip(0) if mirrored else along)[None, :]
        px = x - left + across * math.cos(turn) - down * math.sin(turn)
        py = y - top + across * math.sin(turn) + down * math.cos(turn)
        grid = torch.stack([px * (2 / (right - left)) - 1, py * (2 / (bottom - top)) - 1], dim=-1)
        return F.grid_sample(part, grid[None], mode="bilinear", padding_mode="border", align_corners=False)

    def _level(self, level: int) -> Tensor:
        while len(self._levels) <= level:
            self._levels.append(_halved(self._levels[-1]))
        return self._levels[level]


def coarsest(reduction: float) -> int:
    """The level that has at least the pixels that a picture has which is so many times smaller."""
    return max(0, math.floor(math.log2(max(reduction, 1))))


def _within(middle: float, reach: float, length: int) -> tuple[int, int]:
    """Where a stretch begins and ends within [0, length); one pixel at least."""
    begin = min(max(math.floor(middle - reach), 0), length - 1)
    return begin, max(min(math.ceil(middle + reach), length), begin + 1)


def _halved(picture: Tensor) -> Tensor:
    """[H, W, C] → float32 [H / 2, W / 2, 3], rounded up: the means of two by two, fewer at the end of odd sizes."""
    height, width = picture.shape[:2]
    size = (math.ceil(height / 2), math.ceil(width / 2), 3)
    result = torch.empty(size, dtype=torch.float32, device=picture.device)
    for top in range(0, height, _BAND):
        band = _planes(picture[top : top + _BAND])[None]
        means = F.avg_pool2d(band, 2, ceil_mode=True, count_include_pad=False)
        result[top // 2 : top // 2 + means.shape[2]] = means[0].permute(1, 2, 0)
    return result


def _planes(part: Tensor) -> Tensor:
    """[h, w, C] → float32 [3, h, w]."""
    return colours(part).expand(-1, -1, 3).permute(2, 0, 1)
