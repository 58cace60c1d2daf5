"""Python objects of the user's own, named as module:attribute in a command line or in settings."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from ..errors import InputError


def brought_domain(named: str) -> Any:
    """A domain of drawings."""
    return brought(named, "domain", "an object that has all of drawings.Domain")


def brought(named: str, what: str, wanted: str) -> Any:
    """The object, of a module that is installed or lies in the folder in which the command was started. what: what it
    is to be; wanted: how it has to be made, for people. Raises InputError."""
    module, _, attribute = named.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # For the processes that train too, which take it over.
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name and not module.startswith(error.name)
        way = f"install {error.name}" if missing else f"give module:attribute, {wanted}, of a module in {here}"  # pyright: ignore[reportAttributeAccessIssue]
        raise InputError(f"The {what} {named!r} can't be had ({type(error).__name__}: {error}): {way}.") from error
