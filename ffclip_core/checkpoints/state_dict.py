"""Looking tensors up in a state dict."""

from __future__ import annotations

import itertools

import torch

from ..errors import CheckpointError
from .stored import Stored


def count(tensors: dict[str, Stored], pattern: str, start: int = 0) -> int:
    """How many of pattern.format(start), pattern.format(start + 1), ... are there without a gap."""
    return next(i for i in itertools.count() if pattern.format(start + i) not in tensors)


def dimension(tensors: dict[str, Stored], key: str, axis: int) -> int:
    """The length of a tensor along an axis. Raises CheckpointError if it is not there."""
    if key not in tensors or not -len(tensors[key].shape) <= axis < len(tensors[key].shape):
        raise CheckpointError(f"is incomplete, or another network than FFCLIP knows: it lacks the tensor '{key}'")
    return tensors[key].shape[axis]


def stages(tensors: dict[str, Stored]) -> tuple[list[int], list[int]]:
    """Widths of the stages of an IR-SE body, of which no two that follow each other are alike, and how many blocks each
    has."""
    widths: list[int] = []
    blocks: list[int] = []
    for i in range(count(tensors, "body.{}.res_layer.1.weight")):
        width = dimension(tensors, f"body.{i}.res_layer.1.weight", 0)
        if not widths or width != widths[-1]:
            widths.append(width)
            blocks.append(0)
        blocks[-1] += 1
    return widths, blocks


def with_counters(tensors: dict[str, Stored]) -> dict[str, Stored]:
    """With the counters of normalisations, which only training reads, whether they are there or not."""
    counters = {
        f"{key.removesuffix('running_mean')}num_batches_tracked": Stored((), torch.int64, _no_count)
        for key in tensors
        if key.endswith("running_mean")
    }
    return tensors | counters


def _no_count() -> torch.Tensor:
    return torch.zeros((), dtype=torch.int64, device="cpu")
