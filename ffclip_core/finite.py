"""What no network can compute with: no numbers at all, and NaN and infinity, which turn whole pictures black."""

from __future__ import annotations

import torch
from torch import Tensor

from .errors import InputError


def require_numbers(values: object, name: str) -> None:
    """Raise InputError if they are no tensor of floating-point numbers. name, a plural ("The codes"), begins the
    sentence."""
    if not isinstance(values, Tensor):
        raise InputError(f"{name} are a tensor, not {type(values).__name__}: torch.as_tensor makes one.")
    if not values.is_floating_point():
        raise InputError(f"{name} are floating-point numbers, not {values.dtype}: give values.float().")


def require_pictures(values: Tensor, who: str) -> None:
    """Raise InputError if they are no floating-point numbers [B, 3, H, W]. who, a singular ("The encoder"), takes
    them."""
    require_numbers(values, "The pictures")
    if values.ndim != 4 or values.shape[1] != 3 or not values.numel():
        raise InputError(
            f"{who} takes pictures of shape [batch, 3, height, width], but was given {list(values.shape)}: make them "
            "with ffclip_core.pictures.prepare."
        )


def require_finite(values: Tensor, name: str, *axes: str) -> None:
    """Raise InputError if a value is NaN or infinite, with the value and its place along the named axes.

    name, a plural ("The codes"), begins the sentence. Not looked at is what has no numbers now: tensors on "meta", and
    on a GPU whatever a CUDA graph is being recorded for.
    """
    if values.device.type == "meta" or (values.is_cuda and torch.cuda.is_current_stream_capturing()):
        return
    wrong = ~values.isfinite()
    if not wrong.any():
        return
    place = wrong.nonzero()[0].tolist()
    where = ", ".join(f"{axis} {index}" for axis, index in zip(axes, place, strict=False))
    raise InputError(
        f"{name} hold the value {float(values[tuple(place)])}{f' ({where}, counted from 0)' if where else ''}, which "
        "is no finite number: look at what made them."
    )
