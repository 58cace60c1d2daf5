"""Python objects of the user's own, named as module:attribute in a command line or in settings."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import InputError


def brought(named: str, what: str, wanted: str) -> Any:
    """The object; what it is to be, and wanted: what it has to be, for people. Raises InputError."""
    module, _, attribute = named.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise InputError(
            f"The {what} {named!r} can't be had ({type(error).__name__}: {error}): give module:attribute, {wanted}."
        ) from error
