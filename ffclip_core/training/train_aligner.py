"""Train the aligner: a picture as people have it → where the encoder's frame lies in it.

python -m ffclip.ffclip_core.training.train_aligner DATA RUN

Draws whole avatars into DATA, where they are not there yet, and puts pictures together from them as it goes. Each is
seen whole, as faces are looked for, and twice near the frame, as they are looked at again, once flipped. All that is
asked of a cell is known; beside that, the frame that is fitted to the cells' places is compared with the true one.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..checkpoints import save_part
from ..faces.drawn import LOOSE
from ..networks.aligner import CELL, Aligner, Cells, cell_centres, fit_frames
from .avatars.command import learning, parser, train
from .avatars.vocabulary import FAMILY
from .avatars.whole import load_whole
from .avatars.wide import FACE, FRAME_HALF, PEOPLE, POINTS, Wide, fractions, to_places, wide
from .loop import Player, Run, Share, fit, wait_for_all
from .pictures import save_sheet

SIZES = (32, 48, 64, 96, 144)
"""Sides of the pictures, px; one batch has some of each."""
_DRAWINGS = 10_000


def new_aligner() -> Aligner:
    (left, top, right, bottom) = fractions(
        ((FACE[0] - FACE[2], FACE[1] - FACE[3]), (FACE[0] + FACE[2], FACE[1] + FACE[3]))
    )
    face = ((left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2)
    return Aligner(face=tuple(round(value, 4) for value in face), points=fractions(POINTS), family=FAMILY)


def _worker(run: Run, arguments: argparse.Namespace) -> None:
    if run.rank == 0:
        load_whole(arguments.data, arguments.drawings)
    wait_for_all()
    drawings = load_whole(arguments.data, arguments.drawings)
    aligner = new_aligner().to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(share: Share) -> dict[str, Tensor]:
        rng = share.rng("pictures", share.first)
        each = max(1, share.size // len(SIZES))
        pictures = [wide(drawings, each, size, rng) for size in SIZES]
        whole, near = (
            join([example(one, aligner.input_size, rng, near) for one in pictures]) for near in (False, True)
        )
        x, frames, there, mirrored, seen = (part.to(run.device) for part in join([whole, near, flipped(near)]))
        # At last the batch statistics are frozen, and nothing is rounded.
        aligner.train(share.step < 0.7 * run.steps)
        with share.autocast(share.step < 0.7 * run.steps):
            cells = aligner(x.contiguous(memory_format=torch.channels_last))
        _, one, other = cells.mirrored.chunk(3)
        side = mirrored_loss(one - other, mirrored.chunk(3)[1])
        return alignment_losses(cells, frames, there, seen) | {"mirrored": side}

    player = Player.of("aligner", aligner, losses, learning(arguments, ema=0.998, clip=1.0, rates={"mirrored": 0.3}))

    def average() -> Aligner:
        return cast(Aligner, player.averages["network"])

    fit(run, [player], sheet=lambda step: _sheet(average(), drawings, run.folder))
    if run.rank == 0:
        save_part(run.folder / "aligner.safetensors", average().cpu())


class Examples(NamedTuple):
    """What the network sees: x [B, 3, size, size] in [-1, 1]. What is so: the people's frames [B, PEOPLE, 4] in px of x
    and who is there [B, PEOPLE]; mirrored [B], 0 or 1, or -1 where that can't be told; seen [B, size / CELL, size /
    CELL]: which cells lie in the picture."""

    x: Tensor
    frames: Tensor
    there: Tensor
    mirrored: Tensor
    seen: Tensor


def join(parts: Sequence[Examples]) -> Examples:
    return Examples(*(torch.cat(part) for part in zip(*parts, strict=True)))


def flipped(of: Examples) -> Examples:
    """The same, left and right exchanged."""
    mx, my, ax, ay = of.frames.unbind(2)
    frames = torch.stack([of.x.shape[3] - mx, my, ax, -ay], 2)
    mirrored = torch.where(of.mirrored < 0, of.mirrored, 1 - of.mirrored)
    return Examples(of.x.flip(3), frames, of.there, mirrored, of.seen.flip(2))


def example(pictures: Wide, size: int, rng: np.random.Generator, near: bool) -> Examples:
    """What is seen of pictures whole, or near the first person's frame."""
    count = len(pictures.pixels)
    views = torch.stack([_view(pictures, i, rng, near) for i in range(count)])
    left, top, right, bottom = (pictures.rectangle[:, i, None, None] for i in range(4))

    def seen_at(points: Tensor) -> tuple[Tensor, Tensor]:
        px, py = points * (2 / size) - 1
        mx, my, ax, ay = (views[:, i, None, None] for i in range(4))
        return mx + ax * px - ay * py, my + ay * px + ax * py

    x, y = seen_at(cell_centres(2 * size, 2 * size) / (2 * CELL))
    # Beyond the picture's border its colours are carried on.
    x = torch.minimum(torch.maximum(x, left + 0.5), right - 0.5)
    y = torch.minimum(torch.maximum(y, top + 0.5), bottom - 0.5)
    grid = torch.stack([x, y], 3) * (2 / pictures.pixels.shape[-1]) - 1
    seen = F.avg_pool2d(F.grid_sample(pictures.pixels, grid, padding_mode="border", align_corners=False), 2)
    x, y = seen_at(cell_centres(size // CELL, size // CELL))
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    frames = torch.stack([_within(pictures.frames[:, i], views, size) for i in range(PEOPLE)], 1)
    told = near & pictures.there[:, 0]
    mirrored = torch.where(told, pictures.mirrored[:, 0].float(), -torch.ones(count))
    return Examples(seen * 2 - 1, frames, pictures.there, mirrored, inside)


def _view(pictures: Wide, i: int, rng: np.random.Generator, near: bool) -> Tensor:
    """The square that the network sees, as a frame: the whole picture, or about the frame of the first person."""
    left, top, right, bottom = pictures.rectangle[i].tolist()
    if not near:
        return torch.tensor([(left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top) / 2, 0.0])
    mx, my, ax, ay = pictures.frames[i, 0].tolist()
    loose = rng.choice((1.0, 3.0), p=(0.75, 0.25))
    half, turn = math.hypot(ax, ay), math.atan2(ay, ax) + loose * rng.normal(0, math.radians(2.5))
    half *= LOOSE * math.exp(loose * rng.normal(0, 0.04))
    mx, my = (middle + loose * rng.normal(0, 0.03) * half for middle in (mx, my))
    return torch.tensor([mx, my, half * math.cos(turn), half * math.sin(turn)], dtype=torch.float32)


def _within(frames: Tensor, views: Tensor, size: int) -> Tensor:
    """Frames [B, 4] as they lie in what the network sees of views [B, 4], px."""
    middle = (to_places(frames[:, :2], views) + 1) * (size / 2)
    axis = to_places(frames[:, 2:] + views[:, :2], views) * (size / 2)
    return torch.cat([middle, axis], 1)


def mirrored_loss(difference: Tensor, mirrored: Tensor) -> Tensor:
    """Of the logits [B] of pictures minus those of the same flipped: what does not tell left from right cancels, and
    does not hide what does. mirrored: as in Examples."""
    told = mirrored >= 0
    sides = F.binary_cross_entropy_with_logits(difference, mirrored.clamp_min(0), reduction="none")
    return (sides * told).sum() / told.sum().clamp_min(1)


def alignment_losses(cells: Cells, frames: Tensor, there: Tensor, seen: Tensor) -> dict[str, Tensor]:
    """What the cells say of examples, and what is so: see Examples."""
    points = cell_centres(*seen.shape[1:], device=seen.device).expand(len(seen), -1, -1, -1)
    places = torch.stack([to_places(points, frames[:, i]) for i in range(PEOPLE)])
    middle = points.new_tensor([(FACE[0] - 140) / FRAME_HALF, (FACE[1] - 120) / FRAME_HALF])[:, None, None]
    axes = points.new_tensor([FACE[2] / FRAME_HALF, FACE[3] / FRAME_HALF])[:, None, None]
    far = ((places - middle) / axes).square().sum(2).sqrt()
    on = [(far[i] < 1) & seen & there[:, i, None, None] for i in range(PEOPLE)]
    face, first = on[0] | on[1], on[0]
    wanted = torch.where(first[:, None], places[0], places[1])
    weight = face / face.sum().clamp_min(1)
    off = F.smooth_l1_loss(cells.places, wanted, beta=0.05, reduction="none").sum(1)
    # The frame that follows, where enough of the first face is to be seen.
    enough = first.flatten(1).sum(1) >= 8
    near = (far[0] < 1.3) & seen & ~on[1]
    fitted = fit_frames(cells.places, torch.sigmoid(cells.face) * near)
    error = corner_errors(fitted, frames[:, 0])
    return {
        "face": F.binary_cross_entropy_with_logits(cells.face, face.float()),
        "places": 4 * (off * weight).sum(),
        "frame": 3 * (error.clamp(max=0.5) * enough).sum() / enough.sum().clamp_min(1),
    }


def corner_errors(found: Tensor, true: Tensor) -> Tensor:
    """How far the corners of frames [B, 4] are from where they should be, on average of the four, in sides: [B]."""
    (mx, my, ax, ay), (tx, ty, bx, by) = found.unbind(1), true.unbind(1)
    distances = []
    for u, v in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        x, y = mx - tx + (ax - bx) * u - (ay - by) * v, my - ty + (ay - by) * u + (ax - bx) * v
        distances.append((x.square() + y.square() + 1e-8).sqrt())
    return torch.stack(distances).mean(0) / (2 * torch.hypot(bx, by))


@torch.no_grad()
def _sheet(aligner: Aligner, drawings: np.ndarray, folder: Path) -> None:
    """Pictures, and beside them where cells lie on a face, their places as red and green, mirrored ones blue."""
    rng = np.random.default_rng(0)
    rows = []
    for row, size in enumerate(SIZES):
        x = example(wide(drawings, 4, size, rng), aligner.input_size, rng, near=row % 2 > 0).x
        cells = aligner(x)
        blue = (torch.sigmoid(cells.mirrored) * 2 - 1)[:, None, None, None].expand(-1, 1, *cells.face.shape[1:])
        told = torch.cat([cells.places.clamp(-1, 1), blue], 1)
        shown = torch.sigmoid(cells.face)[:, None] * (told + 1) - 1
        rows.append(torch.cat([x, F.interpolate(shown, scale_factor=float(CELL), mode="nearest")], 0))
    save_sheet(rows, folder / "cells.png")


if __name__ == "__main__":
    options = parser(__doc__, steps=2000, batch=25, learning_rate=3e-3)
    options.add_argument("--drawings", type=int, default=_DRAWINGS, help="how many avatars are drawn")
    train(_worker, options.parse_args())
