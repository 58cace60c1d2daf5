"""How far an inversion is from the picture where an edit changes it: what is put back there is only as true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError

GOOD, FAIR = 0.035, 0.09
"""Below these errors a fit is good or fair; measured on the embedded avatars: docs/known-words.md."""
_FLAT = 1e-4  # The variance below which a region has nothing to explain.


@dataclass(frozen=True, kw_only=True)
class Fit:
    """error      mean absolute difference of inversion and picture in the region, from 0 to 1
    explained  the share of the picture's variance in the region that the inversion shows, 1 at most; below 0 where a
               plain colour would come closer
    grade      "good", "fair" or "poor"
    """

    error: float
    explained: float
    grade: Literal["good", "fair", "poor"]

    def sentence(self) -> str:
        """For people: "The inversion fits well where the edit is: 1.2 % off."."""
        off = f"{self.error * 100:.1f} % off"
        if self.grade == "good":
            return f"The inversion fits well where the edit is: {off}."
        if self.grade == "fair":
            return f"The inversion fits roughly where the edit is: {off}; refine it for a closer one."
        return (
            f"The inversion is far from the picture where the edit is: {off}; it may be no picture of the family's "
            "kind, or be framed or turned otherwise."
        )


def fit(crop: Tensor, inversion: Tensor, mask: Tensor | None = None) -> Fit | None:
    """How well an inversion [1, h, w, 3] fits the crop [1, H, W, 3] that it was made of, both in [0, 1].

    mask [1, H', W'] or [1, H', W', 1] in [0, 1] weighs the places (None: all alike); all are brought to the smallest
    of the sizes. None where the mask is empty: there is nothing to fit. Raises InputError for other shapes.
    """
    for name, x in (("crop", crop), ("inversion", inversion)):
        if x.ndim != 4 or len(x) != 1 or x.shape[3] not in (1, 3, 4) or 0 in x.shape:
            raise InputError(f"The {name} is one picture [1, H, W, 3], not of the shape {list(x.shape)}.")
    if mask is not None and (mask.ndim not in (3, 4) or len(mask) != 1 or (mask.ndim == 4 and mask.shape[3] != 1)):
        raise InputError(f"The mask of a fit is one mask [1, H, W], not of the shape {list(mask.shape)}.")
    home = inversion.device
    a, b = (x.detach().to(home, torch.float32)[..., :3].permute(0, 3, 1, 2).clamp(0, 1) for x in (crop, inversion))
    size = (min(a.shape[2], b.shape[2]), min(a.shape[3], b.shape[3]))
    m = torch.ones(1, 1, *size, dtype=torch.float32, device=home)
    if mask is not None:
        m = mask.detach().to(home, torch.float32).reshape(1, 1, *mask.shape[1:3]).clamp(0, 1)
    a, b, m = (_sized(x, size) for x in (a, b, m))
    weight = m.sum()
    if not weight > 0:
        return None
    difference = a - b
    error = float((difference.abs().mean(1, keepdim=True) * m).sum() / weight)
    middle = (a * m).sum((2, 3), keepdim=True) / weight
    variance = float((((a - middle) ** 2).mean(1, keepdim=True) * m).sum() / weight)
    left = float(((difference**2).mean(1, keepdim=True) * m).sum() / weight)
    explained = 1 - left / max(variance, _FLAT)
    grade = "good" if error < GOOD else "fair" if error < FAIR else "poor"
    return Fit(error=error, explained=explained, grade=grade)


def _sized(x: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(x.shape[2:]) == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
