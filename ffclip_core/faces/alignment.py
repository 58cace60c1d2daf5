"""Bringing a face into the frame that an encoder knows, and where it was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..pictures import check_pictures, colours
from .face import Face
from .resampling import resample

_LARGEST_SIDE = 4  # of a square, in longer sides of its picture


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a crop lies in its picture.

    matrix: float64 [2, 3], the place in px (first pixel's middle at .5) of what lies at (u, v, 1) in the crop, u to the
    right and v down from 0 to 1; a similarity, whose determinant is negative where the crop is mirrored. size: the
    crop's side in px. picture: height and width in px.
    """

    matrix: Tensor
    size: int
    picture: tuple[int, int]

    @property
    def side(self) -> float:
        """Of the crop's square in px of the picture."""
        return math.sqrt(abs(float(torch.linalg.det(self.matrix[:, :2]))))

    def corners(self) -> Tensor:
        """[4, 2] px: top left, bottom left, bottom right, top right."""
        return (
            torch.tensor([[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 1]], dtype=torch.float64, device="cpu")
            @ self.matrix.T
        )

    def into_crop(self, left: int = 0, top: int = 0) -> Tensor:
        """float64 [2, 3]: the place in px of the crop of what lies at (x, y, 1) in the part of the picture that begins
        at left and top, in px of the picture."""
        last = torch.tensor([[0, 0, 1]], dtype=torch.float64, device="cpu")
        back = torch.linalg.inv(torch.cat([self.matrix, last]))[:2] * self.size
        corner = torch.tensor([left, top, 1], dtype=torch.float64, device="cpu")
        return torch.cat([back[:, :2], (back @ corner)[:, None]], 1)

    def bounds(
        self, left: float = 0.0, top: float = 0.0, right: float = 1.0, bottom: float = 1.0
    ) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the part of the picture, in whole px, that the crop's square touches, or a part
        of the square (given from 0 to 1); may be empty."""
        places = [[left, top, 1], [left, bottom, 1], [right, bottom, 1], [right, top, 1]]
        corners, (height, width) = torch.tensor(places, dtype=torch.float64, device="cpu") @ self.matrix.T, self.picture
        low, high = corners.min(0).values.floor().tolist(), corners.max(0).values.ceil().tolist()
        return max(0, int(low[0])), max(0, int(low[1])), min(width, int(high[0])), min(height, int(high[1]))


def ffhq_square(points: Tensor) -> Tensor:
    """The corners [4, 2] (order: see Face.square) of the frame that FFHQ's rule gives (Karras et al. 2019, appendix C)
    to the centres of the eyes and the corners of the mouth, float64 [4, 2] or, the nose third, [5, 2]."""
    left_eye, right_eye, left_mouth, right_mouth = points[[0, 1, -2, -1]]
    eyes, mouth = (left_eye + right_eye) / 2, (left_mouth + right_mouth) / 2
    between, down = right_eye - left_eye, mouth - eyes
    x = between - _turned(down)
    length = x.norm()
    if not length > 1e-6 * max(1.0, float(between.norm()), float(down.norm())):
        raise InputError(
            f"The points {_few(points)} give no frame: the eyes lie where the mouth does; give the left eye, the right "
            "eye and the left and right corner of the mouth."
        )
    x = x / length * max(2.0 * float(between.norm()), 1.8 * float(down.norm()))
    y, centre = _turned(x), eyes + 0.1 * down
    return torch.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def align(
    image: Tensor | np.ndarray, face: Face | Placement | Tensor | np.ndarray | Sequence[Any], size: int
) -> tuple[Tensor, Placement]:
    """A picture [1, H, W, C] in [0, 1] → the face upright in its frame, float32 [1, size, size, 3], and its placement.

    face: a Face; or points given by hand, [4, 2] px (left eye, right eye, left and right corner of the mouth; left as
    in the upright face, the first pixel's middle at .5) or [5, 2] with the nose third; or a Placement, whose place is
    cut again. What of the frame lies outside of the picture shows its borders mirrored, blurred and fading to the
    picture's median, as in FFHQ. Alpha is laid on white. Raises InputError for points that give no frame and for a
    frame that is not in the picture.
    """
    image = check_pictures(image)
    if len(image) != 1:
        raise InputError(f"A face is cut out of one picture, not of {len(image)}: give images[i : i + 1].")
    if isinstance(size, bool) or not isinstance(size, int) or not 8 <= size <= 8192:
        raise InputError(f"A crop has a side of 8 to 8192 px, not {size!r}.")
    placement = place(face, size, (image.shape[1], image.shape[2]))
    return cut(image, placement), placement


def place(
    face: Face | Placement | Tensor | np.ndarray | Sequence[Any], size: int, picture: tuple[int, int]
) -> Placement:
    """Where align() cuts the crop."""
    if isinstance(face, Placement):
        if face.picture != picture:
            raise InputError(
                f"The placement is of a picture of {face.picture[1]}×{face.picture[0]} px, not of "
                f"{picture[1]}×{picture[0]}: connect the picture that was aligned."
            )
        return Placement(matrix=face.matrix, size=size, picture=picture)
    square = square_of(face)
    top_left, bottom_left, bottom_right, top_right = square
    across = (top_right - top_left + bottom_right - bottom_left) / 2
    down = (bottom_left - top_left + bottom_right - top_right) / 2
    placement = Placement(matrix=torch.stack([across, down, top_left], 1), size=size, picture=picture)
    longer = max(picture)
    left, top, right, bottom = placement.bounds()
    if right <= left or bottom <= top or not 1e-3 < placement.side <= _LARGEST_SIDE * longer:
        raise InputError(
            f"The face's frame, {placement.side:.4g} px wide about ({float(square[:, 0].mean()):.4g}, "
            f"{float(square[:, 1].mean()):.4g}), is not one of a picture of {picture[1]}×{picture[0]} px: look at the "
            "points."
        )
    return placement


def square_of(face: Face | Tensor | np.ndarray | Sequence[Any]) -> Tensor:
    """The corners [4, 2] of a face's frame."""
    if isinstance(face, Face) and face.square is not None:
        return _checked_square(face.square.detach().double().cpu())
    try:
        given = face.points if isinstance(face, Face) else face
        points = torch.as_tensor(given, dtype=torch.float64, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InputError("A face is a Face, or four points in px.") from error
    if points.shape not in ((4, 2), (5, 2)):
        raise InputError(f"A face has four points [4, 2] (or five, with the nose third), not {list(points.shape)}.")
    if not points.isfinite().all():
        raise InputError("The points of the face are no numbers (NaN or infinite): look at where they come from.")
    return ffhq_square(points)


def _checked_square(square: Tensor) -> Tensor:
    """Raises InputError for what is no square."""
    if square.shape != (4, 2) or not square.isfinite().all():
        raise InputError("The square of a face is its four corners in px as [4, 2], none of them NaN or infinite.")
    top_left, bottom_left, bottom_right, top_right = square
    across, down = top_right - top_left, bottom_left - top_left
    off = torch.stack([bottom_right - top_left - across - down, down - _turned(across), down + _turned(across)])
    if not min(off[1].norm(), off[2].norm()) + off[0].norm() <= 1e-3 * across.norm():
        raise InputError(f"The corners {_few(square)} are not those of a square: look at where they come from.")
    return square


def cut(image: Tensor, placement: Placement) -> Tensor:
    """The crop of a checked picture [1, H, W, C]."""
    step = torch.tensor([1 / placement.size, 1 / placement.size, 1.0], dtype=torch.float64, device="cpu")
    x = seen(image)
    return (
        resample(x, placement.matrix * step, (placement.size, placement.size), mirrored_border)
        .clamp(0, 1)
        .permute(0, 2, 3, 1)
    )


def seen(image: Tensor) -> Tensor:
    """[1, H, W, C] → float32 [1, 3, H, W] in [0, 1]: alpha laid on white."""
    return colours(image).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)


def mirrored_border(x: Tensor, pad: tuple[int, int, int, int]) -> Tensor:
    """x with its parts mirrored about its borders: the further out the softer, at last of the median colour."""
    left, right, top, bottom = pad
    height, width = x.shape[-2:]
    rows = _mirrored(torch.arange(-top, height + bottom, device=x.device), height)
    columns = _mirrored(torch.arange(-left, width + right, device=x.device), width)
    result = x[:, :, rows][:, :, :, columns]
    side = max(result.shape[-2:])
    blur = max(3, round(0.04 * side) | 1)
    soft = F.pad(result, (blur // 2,) * 4, mode="replicate")
    soft = F.avg_pool2d(F.avg_pool2d(soft, (1, blur), 1), (blur, 1), 1)
    median = x.flatten(2).median(2).values[:, :, None, None]
    out_y = _distance(height, top, bottom, x.device)[:, None]
    out_x = _distance(width, left, right, x.device)[None]
    distance = torch.maximum(out_y, out_x) / (0.3 * side)
    result = torch.lerp(result, soft, (3 * distance).clamp(0, 1))
    return torch.lerp(result, median.expand_as(result), distance.clamp(0, 1))


def _distance(length: int, before: int, after: int, device: torch.device) -> Tensor:
    """How far outside each pixel of a padded row lies."""
    at = torch.arange(-before, length + after, device=device)
    return torch.maximum(-at, at - length + 1).clamp(min=0).float()


def _mirrored(index: Tensor, length: int) -> Tensor:
    index = index.remainder(2 * length)
    return torch.where(index < length, index, 2 * length - 1 - index)


def _turned(v: Tensor) -> Tensor:
    """By a quarter: (-y, x)."""
    return torch.stack([-v[1], v[0]])


def _few(points: Tensor) -> str:
    return ", ".join(f"({float(x):.4g}, {float(y):.4g})" for x, y in points)
