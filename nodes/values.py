"""What stands in a node's inputs: null means the default, and not every value was looked at by the server."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..ffclip_core.errors import InputError


def option(value: Any, options: Iterable[str], default: str, name: str) -> str:
    """The chosen option. name begins the sentence of the InputError for what is none."""
    options = list(options)
    if value is None:
        return default
    if not isinstance(value, str) or value not in options:
        raise InputError(f"{name} is one of {', '.join(options)}, not {shown(value)}.")
    return value


def whole_number(value: Any, default: int, name: str) -> int:
    """An integer, as which nodes that compute may give a float. Raises InputError for what is none."""
    if value is None:
        return default
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if isinstance(value, (float, np.floating)):
        whole = math.isfinite(value) and value == int(value)
    if not whole:
        raise InputError(f"{name} is a whole number such as {default}, not {shown(value)}.")
    return int(value)


def real_number(value: Any, default: float, name: str) -> float:
    """A number that is finite. Raises InputError for what is none."""
    if value is None:
        return default
    if (
        not isinstance(value, (int, float, np.integer, np.floating))
        or isinstance(value, bool)
        or not math.isfinite(value)
    ):
        raise InputError(f"{name} is a number such as {default}, not {shown(value)}.")
    return float(value)


def shown(value: Any) -> str:
    """A value in an error's one sentence: its beginning alone where it is long."""
    line = repr(value) if isinstance(value, str) else " ".join(repr(value).split())
    return line if len(line) <= 80 else f"{line[:80]}…"
