"""For every test here: the fixture `kernels`, and random numbers that are the same each time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from fake_driver import kernels  # noqa: E402

__all__ = ["kernels"]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
