"""What a pickle becomes, beside Python's plain values and Stored tensors: inert objects, names, bytes in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(eq=False, repr=False, slots=True)
class Object:
    """An instance of a foreign class: its name, what it was made from, and what it holds.

    state: what its class would be given back, mostly its attributes by name. items: its entries, where it is a
    dictionary. elements: those of a list, a set or a queue.
    """

    kind: str
    arguments: tuple = ()
    state: Any = None
    items: dict = field(default_factory=dict)
    elements: list = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.kind[:80]}>"  # What it holds may hold itself, or be endless.


@dataclass(frozen=True)
class FileBytes:
    """A byte string that was left in the file."""

    path: Path
    position: int
    length: int


@dataclass(frozen=True)
class Name:
    """What the file calls by name. function makes what a call of it gives; None makes an inert Object."""

    name: str
    function: Callable[..., Any] | None = None


@dataclass(eq=False, repr=False, slots=True)
class Key:
    """A dictionary's key whose hash could take forever, such as a tuple of tuples: told apart by its identity."""

    value: Any


def as_dict(value: object) -> dict | None:
    """What a dictionary, or an object of a foreign class, holds by name; None for anything else.

    An object that is a dictionary gives its entries, any other its attributes.
    """
    if not isinstance(value, Object):
        return value if isinstance(value, dict) else None
    if value.items:
        return value.items
    state = value.state
    if isinstance(state, tuple) and len(state) == 2:  # Attributes, and those of slots.
        both = [part for part in state if isinstance(part, dict)]
        return {key: item for part in both for key, item in part.items()} if both else {}
    return state if isinstance(state, dict) else {}


def settings(value: object) -> dict[str, Any]:
    """A program's settings by name, of a dictionary or of an object of any configuration library.

    Unwraps OmegaConf's and ml_collections' own wrapping. Of no meaning for an object that holds no settings.
    """
    found = as_dict(value) or {}
    for inner in ("_content", "_fields"):  # OmegaConf's DictConfig, ml_collections' ConfigDict.
        if isinstance(found.get(inner), dict):
            found = found[inner]
    return {key: _plain(item) for key, item in found.items() if isinstance(key, str)}


def _plain(value: object) -> Any:
    state = value.state if isinstance(value, Object) else None
    return state["_val"] if isinstance(state, dict) and "_val" in state else value  # A node of OmegaConf.
