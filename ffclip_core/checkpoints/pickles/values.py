"""What a pickle becomes, beside Python's plain values and Stored tensors: inert objects, names, bytes in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ..stored import Stored

_MOST_MODULES = 20_000
_MOST_TENSORS = 200_000


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


def module_state(value: object) -> dict[str, Stored] | None:
    """The state dict of a pickled network: its tensors by the names that the network's state_dict() would give.

    Takes a whole nn.Module as torch.save writes it, and one of NVIDIA's with its source text (which is not run). None
    for anything else. Raises CheckpointError (half a sentence) for modules that hold each other without end.
    """
    from .numpy_arrays import as_stored  # Late: that file needs this one.

    if module_attributes(value) is None:
        return None
    found: dict[str, Stored] = {}
    pending: list[tuple[str, object]] = [("", value)]
    visited = 0
    while pending:
        prefix, module = pending.pop()
        attributes = module_attributes(module)
        if attributes is None:
            continue
        visited += 1
        if visited > _MOST_MODULES or len(found) > _MOST_TENSORS or len(prefix) > 1000:
            raise CheckpointError("is damaged: its modules hold each other without end; get the file again")
        passing = attributes.get("_non_persistent_buffers_set")
        passing = passing if isinstance(passing, (set, frozenset)) else ()
        for kind in ("_parameters", "_buffers"):
            for key, item in (as_dict(attributes.get(kind)) or {}).items():
                tensor = as_stored(item)
                if tensor is not None and isinstance(key, str) and key not in passing:
                    found[prefix + key] = tensor
        children = as_dict(attributes.get("_modules")) or {}
        pending += [(f"{prefix}{key}.", child) for key, child in children.items() if isinstance(key, str)]
    return found


def module_attributes(module: object) -> dict | None:
    """The attributes of a pickled network, None if it is none."""
    if not isinstance(module, Object):
        return None
    state = as_dict(module) or {}
    if "_modules" not in state and module.arguments:  # NVIDIA's keep theirs with their source text.
        state = as_dict((as_dict(module.arguments[0]) or {}).get("state")) or {}
    return state if as_dict(state.get("_modules")) is not None and "_parameters" in state else None
