"""Pictures on their way into a network, changed on that way, and out of it onto a sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


def to_network(pictures: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Pictures uint8 [B, H, W, 3] → float32 [B, 3, H, W] in [-1, 1], channels last in memory."""
    x = torch.from_numpy(np.array(pictures)).to(device).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return x.contiguous(memory_format=torch.channels_last)


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, 3, H, W] → [B, 3, *size], as an encoder's input is made."""
    if (x.shape[2], x.shape[3]) == tuple(size):
        return x
    return F.interpolate(x, size=size, mode="bilinear", antialias=True)


def soften(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Pictures as they look enlarged from a smaller size, down to a half."""
    size = x.shape[-1]
    small = F.interpolate(x, size=int(rng.integers(size // 2, size)), mode="bilinear", antialias=True)
    return F.interpolate(small, size=size, mode="bilinear").contiguous(memory_format=torch.channels_last)


def roughen(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Move pictures by up to 2 px and soften a third of the batches, so that a drawing's crispness is no cue."""
    shift = tuple(rng.integers(-2, 3, 2))
    if rng.random() < 0.33:
        x = soften(x, rng)
    return x.roll(shift, (2, 3)).contiguous(memory_format=torch.channels_last)


def save_sheet(rows: Sequence[Tensor], path: Path) -> None:
    """Save rows of pictures [N, 3, H, W] in [-1, 1] below each other, twice their size."""
    picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1).cpu()
    picture = picture.add(1).mul(127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(picture).resize((2 * picture.shape[1], 2 * picture.shape[0]), Image.Resampling.NEAREST).save(path)
