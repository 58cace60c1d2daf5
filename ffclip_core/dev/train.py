"""Training, with the packages that it alone needs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from ...bootstrap.environment import install_extras
from . import PACK
from .extras import extra


def train(arguments: Sequence[str]) -> int:
    """The command line of ffclip_core.training, once its packages are there."""
    install_extras(Path(sys.executable), extra("train"))
    importlib.invalidate_caches()
    return importlib.import_module(f"{PACK}.ffclip_core.training.__main__").main(arguments)
