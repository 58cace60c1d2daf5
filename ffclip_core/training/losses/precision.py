"""Losses are computed in float32 at least, whatever the networks before them were computed in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from torch import Tensor

from ....cuda_ops.style_table import accurate
from ...execution.precision import without_autocast

Arguments = ParamSpec("Arguments")


def accurately(loss: Callable[Arguments, Tensor]) -> Callable[Arguments, Tensor]:
    """The same function, which gets numbers of 16 bits as float32, and heeds no autocast of its caller. Its first
    argument is a tensor."""

    @wraps(loss)
    def computed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Tensor:
        first = args[0]
        if not isinstance(first, Tensor):
            raise TypeError(f"{loss.__name__} takes tensors, not {type(first).__name__}")
        with without_autocast(first.device):
            named: Any = {name: _accurate(value) for name, value in kwargs.items()}
            return loss(*map(_accurate, args), **named)  # pyright: ignore[reportCallIssue]

    return computed


def require_same_shape(first: Tensor, second: Tensor) -> None:
    """Raises ValueError where broadcasting would make another loss of two tensors than the one that is meant."""
    if first.shape != second.shape:
        raise ValueError(f"these are compared value by value, but have shapes {[*first.shape]} and {[*second.shape]}")


def _accurate(value: Any) -> Any:
    return accurate(value) if isinstance(value, Tensor) and value.is_floating_point() else value
