"""Where faces might be: the detector looks at tiles of the picture at several sizes, upright and upside down."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.face_detector import TILE, FaceDetector
from .levels import Levels

_STEP = 64
_AT_ONCE = 8
"""More tiles than these do not fit into a processor's cache."""
_LOGIT = 0.0
"""The least of the detector's score."""
_CONTRAST = 0.03
"""Of a tile's lightest to its darkest value; less shows nothing."""
_SMALLEST = 8
"""Px of the picture's shorter side, below which no face can be made out."""


@dataclass(frozen=True)
class Candidate:
    """score: the detector's, in (0.5, 1). middle and side of a square around the face, in px. turn: of the eyes' line,
    from the left to the right one of the upright face, in radians, clockwise to the eye."""

    score: float
    middle: tuple[float, float]
    side: float
    turn: float


def candidates(levels: Levels, detector: FaceDetector, scales: Sequence[int]) -> list[Candidate]:
    """What the detector takes for faces, most of them several times, best first.

    scales: how many tiles the picture's longer side takes, were they side by side; they overlap by half.
    """
    if min(levels.height, levels.width) < _SMALLEST:
        return []
    found: list[np.ndarray] = []
    for scale in scales:
        longer = max(levels.height, levels.width)
        height, width = (max(1, round(side * TILE * scale / longer)) for side in (levels.height, levels.width))
        picture = levels.scaled(height, width).clamp(0, 1).mul(2).sub(1)
        # What is narrower than a tile lies in its middle.
        left, top = max(0, TILE - width) // 2, max(0, TILE - height) // 2
        right, bottom = max(0, TILE - width - left), max(0, TILE - height - top)
        picture = F.pad(picture, (left, right, top, bottom), value=-1.0)
        for places, tiles in _tiles(picture):
            rows = _looked_at(detector, tiles, places)
            rows[:, 1::2] = (rows[:, 1::2] - left) * (levels.width / width)
            rows[:, 2::2] = (rows[:, 2::2] - top) * (levels.height / height)
            found.append(rows)
    rows = np.concatenate([np.empty((0, 9)), *found])
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    return [_candidate(row) for row in rows]


def _tiles(picture: Tensor) -> Iterator[tuple[np.ndarray, Tensor]]:
    """[1, 3, H, W] → batches of tiles [n, 3, 128, 128] with something in them, and where each has its top left corner
    (x, y) [n, 2]."""
    places = [(x, y) for y in _starts(picture.shape[2]) for x in _starts(picture.shape[3])]
    for i in range(0, len(places), _AT_ONCE):
        some = places[i : i + _AT_ONCE]
        tiles = torch.cat([picture[:, :, y : y + TILE, x : x + TILE] for x, y in some])
        busy = (tiles.amax((1, 2, 3)) - tiles.amin((1, 2, 3)) > 2 * _CONTRAST).cpu()
        if busy.any():
            yield np.array(some, np.float64)[busy.numpy()], tiles[busy.to(tiles.device)]


def _starts(length: int) -> list[int]:
    return sorted({*range(0, length - TILE, _STEP), length - TILE})


def _looked_at(detector: FaceDetector, tiles: Tensor, places: np.ndarray) -> np.ndarray:
    """Rows of score, box's left, top, right and bottom, and both eyes, in px of the scaled picture: [n, 9]."""
    found = []
    for turned in (False, True):
        score, box, points = detector(tiles.flip(2, 3) if turned else tiles)
        which, anchor = (score > _LOGIT).nonzero(as_tuple=True)
        box, eyes = box[which, anchor].cpu().double().numpy(), points[which, anchor, :2].cpu().double().numpy()
        low, high = box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2
        rows = np.concatenate([low, high, eyes.reshape(-1, 4)], axis=1)
        if turned:
            rows = TILE - rows
        rows += np.tile(places[which.cpu().numpy()], 4)
        logits = score[which, anchor].cpu().double().numpy()
        found.append(np.concatenate([1 / (1 + np.exp(-logits[:, None])), rows], axis=1))
    return np.concatenate(found)


def _candidate(row: np.ndarray) -> Candidate:
    score, left, top, right, bottom, left_x, left_y, right_x, right_y = (float(number) for number in row)
    middle = ((left + right) / 2, (top + bottom) / 2)
    side = max(abs(right - left), abs(bottom - top))
    return Candidate(score, middle, side, math.atan2(right_y - left_y, right_x - left_x))
