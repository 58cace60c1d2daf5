"""Schemas of nodes and inputs for any ComfyUI: what only newer ones know is told to those alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from comfy_api.latest import io

NEWER = {"search_aliases", "advanced"}
"""Arguments that ComfyUI 0.3.75 has not; one that it doesn't know would cost the whole pack."""

# After a run a seed stays as it is where ComfyUI can say so; elsewhere the page makes a random one at first.
FIXED: Any = getattr(getattr(io, "ControlAfterGenerate", None), "fixed", True)

Made = TypeVar("Made")


def supported(kind: Callable[..., Made], *arguments: Any, **settings: Any) -> Made:
    """kind(...), an io.Schema or the Input of some type, without what this ComfyUI's doesn't know yet."""
    known = inspect.signature(kind).parameters
    return kind(*arguments, **{name: value for name, value in settings.items() if name in known or name not in NEWER})
