"""Number formats: which a device computes in quickly, and that only those asked for are computed in."""

from __future__ import annotations

import contextlib

import torch


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 arithmetic of its own, so that it is faster there than float32.

    Of other processors than x86 PyTorch does not tell, so they count as without.
    """
    if device.type == "cuda":
        # PyTorch's own answer counts emulation.
        return torch.version.hip is not None or torch.cuda.get_device_capability(device)[0] >= 8
    if device.type != "cpu":
        return False
    # PyTorch has no public question for it.
    asked = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(ask is not None and ask() for ask in asked)


def without_autocast(device: torch.device) -> contextlib.AbstractContextManager:
    """Within it, operators compute in the formats of their tensors, whatever the caller's autocast says."""
    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)
