"""Looking tensors up in a state dict."""

from __future__ import annotations

import itertools

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
