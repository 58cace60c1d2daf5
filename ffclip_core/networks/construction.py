"""Networks are made in float32 on the CPU, whatever defaults another program has given PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch.overrides import TorchFunctionMode

Self = TypeVar("Self")
Arguments = ParamSpec("Arguments")

_FLOATS = (torch.empty, torch.zeros, torch.ones, torch.full, torch.randn, torch.rand)
"""What layers make their weights with; torch.full gets floats from them."""


class _Float32(TorchFunctionMode):
    """Weights are float32 unless their maker asks for another dtype. Of this thread alone, as torch.device is too;
    torch.set_default_dtype would reach into other threads."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _FLOATS and kwargs.get("dtype") is None:
            kwargs = {**kwargs, "dtype": torch.float32}
        return func(*args, **kwargs)


def in_float32(
    constructor: Callable[Concatenate[Self, Arguments], None],
) -> Callable[Concatenate[Self, Arguments], None]:
    """A network's __init__ that heeds neither the default dtype nor the default device, except "meta": there
    networks are made to be filled from a file. Layers of other libraries inside are reached too."""

    @wraps(constructor)
    def construct(self: Self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        with torch.device("meta" if _default_device() == "meta" else "cpu"), _Float32():
            constructor(self, *args, **kwargs)

    return construct


def _default_device() -> str:
    try:
        return torch.empty(0).device.type  # torch.get_default_device() of torch 2.4 knows of no torch.device context.
    except Exception:  # A default device that this machine does not have.
        return "none"
