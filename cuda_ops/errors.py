"""Why kernels cannot run: never a user's error, since plain PyTorch takes over."""

from __future__ import annotations


class KernelError(RuntimeError):
    """A library that kernels need is missing or refuses, or a kernel gives wrong numbers."""
