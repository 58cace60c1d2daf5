"""For every test here: the fixture `kernels`, and random numbers that are the same each time."""

from __future__ import annotations

import pytest
import torch
from fake_driver import decided, kernels

__all__ = ["decided", "kernels"]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
