"""Tensors that callers can go on with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def ordinary_tensors() -> Iterator[None]:
    """No gradients are kept, but what comes out can be changed and differentiated later, even where the caller is in
    inference mode, whose tensors can be neither."""
    with torch.inference_mode(False), torch.no_grad():
        yield
