"""Find the faces of a family of drawings by the family's own aligner (networks/aligner.py).

A picture is looked through at up to three sizes. Where cells say that they lie on a face, the frame that fits their
places is cut out a little looser, as it is and mirrored, and looked at again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..execution.precision import without_autocast
from ..finite import require_finite
from ..networks.aligner import CELL, Aligner, Cells, cell_centres, fit_frames
from ..ordinary import ordinary_tensors
from ..pictures import check_pictures, colours
from .face import Face

LOOSE = 1.2
"""Sides of the squares that are looked at again, in sides of the frame: so the network was trained."""
CONFIDENT = 0.8
"""The least confidence of a face: drawn ones have 0.85 and more, shapes that look like one mostly less than 0.75."""

_LEVELS = (1, 2, 4)
_ENOUGH = 72  # Px of the picture's longer side for each level: beyond its pixels there is nothing to be found.
_AGAIN = 3
_MOST = 64  # Places that are looked at again, at each level; about half as many parts of a long picture.
_LONG = 4.0  # Times as long as wide: at the largest level, what is as wide as the picture has the input's size.
_APART = 0.55
_LARGEST = 512  # Px of the longer side, to twice as many.
_FEWEST_CELLS = 3
_SMALLEST = 4.0  # Px of a frame's side.
_ABOUT = 1.4
_SURE = 0.25  # The least logit of mirrored: most pictures are not, and of some people nobody can tell.
_AROUND = [2 * math.pi * i / 16 for i in range(16)]


def find_drawn_faces(images: Tensor | np.ndarray, aligner: Aligner) -> list[list[Face]]:
    """Pictures [B, H, W, C], floats in [0, 1], alpha laid on white → for each its faces, from left to right.

    A Face's square is the frame that the family's encoder wants; its points are the average places of eyes, nose and
    mouth corners in that frame; confidence is how sure the cells are that lie on the face, times how well they fill the
    place where it should be (intersection over union). Raises InputError for what are no pictures.
    """
    images = check_pictures(images)
    with ordinary_tensors(), without_autocast(_device(aligner)):
        return [_find(image, aligner) for image in images.detach().split(1)]


class Frame(NamedTuple):
    """A square by its middle and its right half axis (the lower one is that turned by 90°), as numbers x + yi."""

    middle: complex
    axis: complex

    def at(self, place: complex) -> complex:
        """Where a place of the frame lies, whose sides are at -1 and 1."""
        return self.middle + self.axis * place

    def outwards(self, view: Frame, size: int) -> Frame:
        """This frame, in px of what is seen of a view, as it lies where the view does."""
        return Frame(view.at(self.middle * 2 / size - (1 + 1j)), view.axis * self.axis * 2 / size)


def _find(image: Tensor, aligner: Aligner) -> list[Face]:
    require_finite(image, "The pictures", "picture", "row", "column", "channel")
    image, step = _reduced(image)
    found: list[tuple[Frame, bool, float]] = []
    for window in _windows(*image.shape[1:3]):
        for level in _LEVELS:
            # A picture holds no more than its pixels; beside a large face there is hardly a tiny one.
            fine = level > 1 and 2 * abs(window.axis) < _ENOUGH * level
            if fine or (level > 2 and any(2 * abs(frame.axis) > abs(window.axis) for frame, *_ in found)):
                break
            seen = see(image, window, level * aligner.input_size, _device(aligner))
            for frame in _candidates(aligner(seen)):
                frame = frame.outwards(window, seen.shape[-1])
                if _is_new(frame, found) and (again := _look_again(image, frame, aligner)) and _is_new(again[0], found):
                    found.append(again)
    found.sort(key=lambda each: (each[0].middle.real, each[0].middle.imag))
    return [_face(Frame(f.middle * step, f.axis * step), side, sure, aligner) for f, side, sure in found]


def _reduced(image: Tensor) -> tuple[Tensor, int]:
    """A picture [1, H, W, C] of colours alone, and one so large that no face in it needs all its pixels, made smaller
    by a whole number, which is given too."""
    step = max(1, max(image.shape[1:3]) // _LARGEST)
    if step == 1:
        return colours(image), 1
    parts = [colours(rows).permute(0, 3, 1, 2) for rows in image.split(step * 64, 1)]
    small = [F.avg_pool2d(part, step, ceil_mode=True) for part in parts]
    return torch.cat(small, 2).permute(0, 2, 3, 1), step


def _windows(height: int, width: int) -> list[Frame]:
    """The squares in which faces are looked for: the whole picture, and of a very long one also its parts."""
    longer, shorter = max(height, width), min(height, width)
    whole = Frame(complex(width, height) / 2, longer / 2)
    if longer <= _LONG * shorter:
        return [whole]
    side = max(shorter, longer / _MOST)
    count = math.ceil(2 * (longer - side) / side) + 1
    along = [side / 2 + i * (longer - side) / (count - 1) - longer / 2 for i in range(count)]
    return [whole, *(Frame(whole.middle + step * (1 if width > height else 1j), side / 2) for step in along)]


def _is_new(frame: Frame, found: Sequence[tuple[Frame, bool, float]]) -> bool:
    """Whether it is none of the faces that were found, nor a part of one."""
    return all(abs(frame.middle - each.middle) > _APART * (abs(frame.axis) + abs(each.axis)) for each, *_ in found)


def _candidates(cells: Cells) -> list[Frame]:
    """Frames that the cells of one picture speak of, in px of the input, the surest first."""
    on = torch.sigmoid(cells.face)
    labels = _joined(on[0] > 0.5)
    found = []
    for label in labels.unique().tolist():
        one = on * (labels == label)
        if label and int((one > 0).sum()) >= _FEWEST_CELLS:
            found.append((float(one.sum()), _fitted(cells.places, one)[0]))
    found.sort(key=lambda each: -each[0])
    return [frame for _, frame in found[:_MOST]]


def _joined(mask: Tensor) -> Tensor:
    """mask [H, W] → the same number for all cells that hang together, 0 for the others."""
    numbers = torch.arange(1, mask.numel() + 1, dtype=torch.float32, device=mask.device).view(mask.shape) * mask
    while True:
        spread = F.max_pool2d(numbers[None], 3, 1, 1)[0] * mask
        if torch.equal(spread, numbers):
            return numbers
        numbers = spread


def _look_again(image: Tensor, frame: Frame, aligner: Aligner) -> tuple[Frame, bool, float] | None:
    """The frame of a face about where this one is, whether it is mirrored, and its confidence; None without a face."""
    size, mirrored, confidence = aligner.input_size, 0.0, 0.0
    middle, axes = aligner.face
    for _ in range(_AGAIN):
        if not _SMALLEST / 2 < abs(frame.axis) < 1.5 * max(image.shape[1:3]):
            return None
        view = Frame(frame.middle, frame.axis * LOOSE)
        x = see(image, view, size, _device(aligner))
        cells = aligner(torch.cat([x, x.flip(3)]))
        on = torch.sigmoid(cells.face)
        # Neighbours may be in sight: what counts lies about where the face should be.
        seen = Frame(complex(size, size) / 2, size / (2 * LOOSE))
        on = on * torch.stack([_far(seen, on, middle, axes), _far(seen, on, -middle.conjugate(), axes)]).lt(_ABOUT)
        if float(on.sum((1, 2)).min()) < 1:
            return None
        plain, flipped = _fitted(cells.places, on)
        fitted = Frame(
            (plain.middle + size - flipped.middle.conjugate()) / 2, (plain.axis + flipped.axis.conjugate()) / 2
        )
        if not abs(fitted.axis):
            return None
        mirrored = float(cells.mirrored[0] - cells.mirrored[1]) / 2
        frame = fitted.outwards(view, size)
        expected = _far(fitted, on, middle, axes).lt(1) & _inside(image, view, on)
        union = float(torch.maximum(on[0], expected.float()).sum())
        sure = float(on[0].square().sum() / on[0].sum())
        confidence = sure * float((on[0] * expected).sum()) / union if union else 0.0
    return (frame, mirrored > _SURE, confidence) if confidence >= CONFIDENT else None


def _fitted(places: Tensor, weights: Tensor) -> list[Frame]:
    return [Frame(complex(*f[:2]), complex(*f[2:])) for f in fit_frames(places, weights).double().tolist()]


def _far(frame: Frame, cells: Tensor, middle: complex, axes: complex) -> Tensor:
    """How far the cells [B, H, W] of the input lie from an ellipse in the frame: 1 on it, [H, W]."""
    x, y = cell_centres(*cells.shape[1:], device=cells.device)
    place = (torch.complex(x, y) - frame.middle) / frame.axis - middle
    return torch.hypot(place.real / axes.real, place.imag / axes.imag)


def _inside(image: Tensor, view: Frame, cells: Tensor) -> Tensor:
    """Which cells of what is seen of a view lie in the picture."""
    height, width = image.shape[1:3]
    x, y = cell_centres(*cells.shape[1:], device=cells.device) / (CELL * cells.shape[2] / 2) - 1
    at = torch.complex(x, y) * view.axis + view.middle
    return (at.real > 0) & (at.real < width) & (at.imag > 0) & (at.imag < height)


def _face(frame: Frame, mirrored: bool, confidence: float, aligner: Aligner) -> Face:
    def carried(places: list[complex]) -> Tensor:
        at = [frame.at(-place.conjugate() if mirrored else place) for place in places]
        return torch.tensor([[each.real, each.imag] for each in at], dtype=torch.float64, device="cpu")

    middle, axes = aligner.face
    around = carried([middle + complex(axes.real * math.cos(a), axes.imag * math.sin(a)) for a in _AROUND])
    left, top, right, bottom = (*around.amin(0).tolist(), *around.amax(0).tolist())
    return Face(
        points=carried(aligner.points),
        box=(left, top, right, bottom),
        confidence=confidence,
        square=carried([-1 - 1j, -1 + 1j, 1 + 1j, 1 - 1j]),
    )


def see(image: Tensor, view: Frame, size: int, device: torch.device | str = "cpu") -> Tensor:
    """What is seen of a picture [1, H, W, C] in [0, 1] through a square: [1, 3, size, size] in [-1, 1], float32. Beyond
    the picture's border its colours are carried on."""
    height, width = image.shape[1:3]
    reach = abs(view.axis.real) + abs(view.axis.imag) + 4 * abs(view.axis) * 2 / size + 2
    left, right = _span(view.middle.real, reach, width)
    top, bottom = _span(view.middle.imag, reach, height)
    x = colours(image[:, top:bottom, left:right]).permute(0, 3, 1, 2)
    # At least one of the picture's pixels, and about two, for one that is seen; of each, four places are looked at.
    step = max(1.0, abs(view.axis) / size)
    rows, columns = (max(1, round(n / step)) for n in x.shape[2:])
    x = F.interpolate(x, size=(rows, columns), mode="bilinear", antialias=True) if step > 1 else x
    x = x.expand(-1, 3, -1, -1).to(device)
    u, v = cell_centres(2 * size, 2 * size, device=x.device) / (CELL * size) - 1
    at = torch.complex(u, v) * view.axis + (view.middle - complex(left, top))
    grid = torch.stack([at.real * (2 / (right - left)), at.imag * (2 / (bottom - top))], 2) - 1
    return F.avg_pool2d(F.grid_sample(x, grid[None], padding_mode="border", align_corners=False), 2) * 2 - 1


def _device(aligner: Aligner) -> torch.device:
    return next(aligner.parameters()).device


def _span(middle: float, reach: float, length: int) -> tuple[int, int]:
    """First and last + 1 of the pixels within reach, at least one."""
    first = min(max(math.floor(middle - reach), 0), length - 1)
    return first, min(max(math.ceil(middle + reach), first + 1), length)
