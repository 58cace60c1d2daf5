"""Pickled networks: the state dict that theirs would be."""

from __future__ import annotations

from ...errors import CheckpointError
from ..stored import Stored
from .numpy_arrays import as_stored
from .values import Object, as_dict

_MOST_MODULES, _MOST_TENSORS = 20_000, 200_000


def module_state(value: object) -> dict[str, Stored] | None:
    """The state dict of a pickled network: its tensors by the names that the network's state_dict() would give.

    Takes a whole nn.Module as torch.save writes it, and one of NVIDIA's with its source text (which is not run). None
    for anything else. Raises CheckpointError (half a sentence) for modules that hold each other without end.
    """
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
