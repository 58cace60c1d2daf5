"""Pictures under an affine map, by Lanczos' kernel of three lobes (Duchon 1979), with exact places.

A plain F.grid_sample costs a picture 14 to 20 dB on its way into a crop and back; this costs next to nothing where
sizes are alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

LOBES = 3
_AT_ONCE = 1 << 18  # Places that are gathered at once: what bounds memory.
_FINER = 8  # So many times finer is a small picture made before a straight line joins its pixels: 2 % off at most.


def resample(x: Tensor, matrix: Tensor, size: tuple[int, int], outside: Callable[..., Tensor] | None = None) -> Tensor:
    """[1, C, H, W] float32 → [1, C, *size]: at the place p (px, first middle at .5) lies what x has at matrix · (p, 1).

    matrix: float64 [2, 3], a similarity, mirrored or not. What lies beyond the borders of x is theirs, or what
    outside(x, (left, right, top, bottom)) pads it with. Where the map shrinks, the kernel widens.
    """
    matrix = matrix.detach().cpu().double()
    x, matrix = _part(x, matrix, size, outside)
    scale = _scale(matrix)
    if scale < 0.5 and x.shape[-1] * x.shape[-2] <= 1 << 20:
        return _enlarged(x, matrix, size)
    return _gathered(x, matrix, size, width(scale))


def width(scale: float) -> float:
    """How much wider than a pixel of the source Lanczos' kernel is, for so many of these in one of the result.

    Up to 1.5 nothing is lost by the sharp kernel if the source is an enlargement itself, as crops of small faces are.
    """
    return max(1.0, min(scale, 2 * scale - 2))


def _scale(matrix: Tensor) -> float:
    return math.sqrt(abs(float(torch.linalg.det(matrix[:, :2]))))


def _part(
    x: Tensor, matrix: Tensor, size: tuple[int, int], outside: Callable[..., Tensor] | None
) -> tuple[Tensor, Tensor]:
    """The part of x that is needed, shrunk to at most twice the result's fineness, and the map into it."""
    height, width_ = x.shape[-2:]
    scale = _scale(matrix)
    corners = torch.tensor(
        [[0, 0, 1], [size[1], 0, 1], [0, size[0], 1], [size[1], size[0], 1]], dtype=torch.float64, device="cpu"
    )
    reached = corners @ matrix.T
    reach = LOBES * max(scale, 1) + 2
    low, high = (reached.min(0).values - reach).floor().tolist(), (reached.max(0).values + reach).ceil().tolist()
    left, right = min(max(int(low[0]), 0), width_ - 1), max(min(int(high[0]), width_), 1)
    top, bottom = min(max(int(low[1]), 0), height - 1), max(min(int(high[1]), height), 1)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    x = x[:, :, top:bottom, left:right]
    shift = torch.tensor([left, top], dtype=torch.float64, device="cpu")
    matrix = torch.cat([matrix[:, :2], (matrix[:, 2] - shift)[:, None]], 1)
    shrink = [max(1, round(n / max(1.0, scale / 1.5))) if scale > 2 else n for n in x.shape[-2:]]
    if shrink != list(x.shape[-2:]):
        rows, columns = shrink
        factors = torch.tensor([columns / x.shape[-1], rows / x.shape[-2]], dtype=torch.float64, device="cpu")
        x = F.interpolate(x, size=(rows, columns), mode="bicubic", antialias=True, align_corners=False)
        matrix = matrix * factors[:, None]
    else:
        factors = torch.ones(2, dtype=torch.float64, device="cpu")
    if outside is not None:
        beyond = [(left - low[0]), (high[0] - right), (top - low[1]), (high[1] - bottom)]
        at_border = [left == 0, right == width_, top == 0, bottom == height]
        pad = [
            math.ceil(max(0.0, by) * float(factors[i // 2])) if touches else 0
            for i, (by, touches) in enumerate(zip(beyond, at_border, strict=True))
        ]
        if any(pad):
            x = outside(x, tuple(pad))
            matrix = torch.cat(
                [matrix[:, :2], (matrix[:, 2] + torch.tensor([pad[0], pad[2]], device="cpu"))[:, None]], 1
            )
    return x, matrix


def _places(matrix: Tensor, size: tuple[int, int], rows: range, device: torch.device) -> tuple[Tensor, Tensor]:
    """x and y, float32 [rows, width], of the middles of the result's pixels."""
    columns = torch.arange(size[1], dtype=torch.float64, device="cpu") + 0.5
    lines = torch.arange(rows.start, rows.stop, dtype=torch.float64, device="cpu")[:, None] + 0.5
    x, y = (m[0] * columns + m[1] * lines + m[2] for m in matrix)
    return x.float().to(device), y.float().to(device)


def _gathered(x: Tensor, matrix: Tensor, size: tuple[int, int], wide: float) -> Tensor:
    channels, height, width_ = x.shape[1:]
    flat = x.reshape(channels, -1)
    result = x.new_empty(channels, *size)
    step = max(1, _AT_ONCE // size[1])
    for start in range(0, size[0], step):
        rows = range(start, min(start + step, size[0]))
        across, down = _places(matrix, size, rows, x.device)
        columns, weights_across = _taps(across.flatten(), width_, wide)
        lines, weights_down = _taps(down.flatten(), height, wide)
        total = x.new_zeros(channels, across.numel())
        for line, of_line in zip(lines, weights_down, strict=True):
            row = x.new_zeros(channels, across.numel())
            for column, weight in zip(columns, weights_across, strict=True):
                row.addcmul_(flat.index_select(1, line * width_ + column), weight)
            total.addcmul_(row, of_line)
        result[:, rows.start : rows.stop] = total.view(channels, len(rows), size[1])
    return result[None]


def _taps(places: Tensor, length: int, wide: float) -> tuple[list[Tensor], list[Tensor]]:
    """The indices of the pixels about each place, and their weights, whose sum is 1."""
    reach = math.ceil(LOBES * wide)
    first = (places - 0.5).floor().long() - reach + 1
    indices = [first + i for i in range(2 * reach)]
    weights = [lanczos((places - 0.5 - index) / wide) for index in indices]
    total = torch.stack(weights).sum(0)
    return [index.clamp(0, length - 1) for index in indices], [weight / total for weight in weights]


def lanczos(x: Tensor) -> Tensor:
    """sinc(x) · sinc(x / 3) within three pixels, 0 beyond."""
    return torch.where(x.abs() < LOBES, torch.sinc(x) * torch.sinc(x / LOBES), torch.zeros_like(x))


def _enlarged(x: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture that gets much larger: made finer along both axes, whose cost goes by its own size, and then drawn by
    straight lines, whose cost goes by the result's."""
    height, width_ = x.shape[-2:]
    finer = _FINER if max(height, width_) <= 128 else _FINER // 2
    fine = _matrix(height, finer, x) @ x @ _matrix(width_, finer, x).T
    # F.grid_sample's places: from -1 to 1 in both of its pictures.
    to_grid = matrix * torch.tensor([[2 / width_], [2 / height]], dtype=torch.float64, device="cpu")
    to_grid = to_grid - torch.tensor([[0, 0, 1], [0, 0, 1]], device="cpu")
    result = x.new_empty(1, x.shape[1], *size)
    step = max(1, 4 * _AT_ONCE // size[1])
    for start in range(0, size[0], step):
        rows = range(start, min(start + step, size[0]))
        grid = torch.empty(1, len(rows), size[1], 2, dtype=torch.float32, device=x.device)
        for of_axis, (by_x, by_y, from_here) in zip(grid.unbind(-1), to_grid.tolist(), strict=True):
            columns = (torch.arange(size[1], dtype=torch.float64, device="cpu") + 0.5) * by_x + from_here
            lines = (torch.arange(rows.start, rows.stop, dtype=torch.float64, device="cpu") + 0.5) * by_y
            torch.add(columns.float().to(x.device), lines.float().to(x.device)[:, None], out=of_axis[0])
        result[:, :, rows.start : rows.stop] = F.grid_sample(fine, grid, "bilinear", "border", align_corners=False)
    return result


def _matrix(length: int, finer: int, like: Tensor) -> Tensor:
    """[finer · length, length]: Lanczos' weights of a row made finer."""
    places = (torch.arange(finer * length, dtype=torch.float32, device="cpu") + 0.5) / finer
    matrix = torch.zeros(finer * length, length, dtype=torch.float32, device="cpu")
    rows = torch.arange(finer * length, device="cpu")
    for index, weight in zip(*_taps(places, length, 1.0), strict=True):
        matrix.index_put_((rows, index), weight, accumulate=True)
    return matrix.to(like)
