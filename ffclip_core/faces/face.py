"""A face in a picture."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Face:
    """Where a face lies, in px: the first pixel's middle is at (0.5, 0.5), x runs to the right, y down.

    points: float64 [5, 2], the eyes, the nose and the mouth's corners, left before right as in the upright picture.
    box: left, top, right, bottom. confidence: in [0, 1]. square: the frame that the encoder wants, float64 [4, 2], the
    corners top left, bottom left, bottom right, top right (a mirrored picture has its top left corner on the right), or
    None: FFHQ's rule makes it from the points.
    """

    points: Tensor
    box: tuple[float, float, float, float]
    confidence: float
    square: Tensor | None = None
