"""What surrounds a state dict: wrappings, prefixes, settings beside it. Layouts see clean names.

A file is brought to one flat dictionary of dotted names, in which a wrapping ({"state_dict": …}), a prefix of the names
("module."), an attribute of an object and a pickled module's place are all the same: something before the name of a
tensor. Which network stands where then follows from names that it alone has, whatever stands before them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from .files import Contents
from .pickles import Name, Object, as_dict, as_stored, module_attributes, module_state, settings
from .stored import Stored

_MOST_NAMES, _DEEPEST, _LONGEST_LIST, _LONGEST_NAME = 200_000, 12, 16, 1000
_MOST_TEXTS = 100_000
# Words in a place by which programs call the average of a network's weights over its training.
_AVERAGED = {"ema", "gema", "avg", "averaged", "average", "averagedmodel", "running", "moving", "shadow", "swa", "gs"}
_SETTINGS = ("opts", "args", "hyper_parameters", "hparams", "config", "cfg", "options")
MEAN_CODES = ("latent_avg", "w_avg", "mean_latent", "dlatent_avg", "latent_mean", "mean_w", "truncation_latent")
"""Names of a generator's mean code."""


@dataclass(frozen=True)
class Network:
    """One network in a file: its tensors by their own names, and what stands before these names in the file."""

    prefix: str
    tensors: dict[str, Stored]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flat:
    """A file: all its tensors by dotted names, and the settings and pickled modules in it by their places."""

    contents: Contents
    tensors: dict[str, Stored]
    settings: dict[str, dict[str, Any]]
    modules: dict[str, Any]

    def places(self, marks: Collection[str]) -> list[str]:
        """What stands before the names of networks that have all tensors of these names, averaged ones first."""
        first, *others = marks
        prefixes = [
            name.removesuffix(first)
            for name in self.tensors
            if name.endswith(first) and (len(name) == len(first) or name[-len(first) - 1] == ".")
        ]
        prefixes = [prefix for prefix in prefixes if all(prefix + mark in self.tensors for mark in others)]
        prefixes.sort(key=lambda prefix: not _is_averaged(prefix))
        return prefixes

    def network(self, marks: Collection[str], what: str) -> Network | None:
        """The network of this kind that is to be used, with all that stands below its place; where there are several, a
        note says which it is."""
        found = self.places(marks)
        if not found:
            return None
        chosen, *others = found
        if not others:
            return Network(chosen, self.below(chosen))
        why = "averaged over its training" if _is_averaged(chosen) else "the first"
        names = ", ".join(f"'{_shown(other)}'" for other in others[:3])
        note = f"of its {len(found)} {what}s, '{_shown(chosen)}' was taken ({why}), not {names}"
        return Network(chosen, self.below(chosen), (note,))

    def below(self, prefix: str) -> dict[str, Stored]:
        """The tensors whose names begin with the prefix, without it."""
        return {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}

    def mean_code(self, prefix: str, width: int) -> Stored | None:
        """The mean code that stands nearest to a network: within its tensors, or beside what they are wrapped in."""
        for place in _outwards(prefix):
            for name in MEAN_CODES:
                tensor = self.tensors.get(place + name)
                if tensor is not None and tensor.shape[-1:] == (width,) and 0 not in tensor.shape:
                    return tensor
        return None

    def words(self, pattern: re.Pattern[str]) -> set[str]:
        """All that fits the pattern in the texts beside the tensors: in settings of any library, which are inert
        objects of any form, and in a header's metadata."""
        found: set[str] = set()
        pending: list[Any] = [self.contents.tree, self.contents.metadata]
        seen: set[int] = set()
        for _ in range(_MOST_TEXTS):
            if not pending:
                break
            value = pending.pop()
            if isinstance(value, bytes):
                value = value[:_LONGEST_NAME].decode("latin1")
            if isinstance(value, Name):
                value = value.name
            if isinstance(value, str):
                found.update(pattern.findall(value[:65_536]))
            elif id(value) not in seen and not isinstance(value, Stored):
                seen.add(id(value))
                if isinstance(value, Object):
                    pending += [value.kind, value.arguments, value.state, value.items, value.elements]
                elif isinstance(value, dict):
                    pending += [*value.keys(), *value.values()]
                elif isinstance(value, (list, tuple, set, frozenset)):
                    pending += value
        return found

    def settings_of(self, prefix: str) -> dict[str, Any]:
        """The settings that stand nearest to a network; empty where there are none."""
        return next((self.settings[place] for place in _outwards(prefix) if place in self.settings), {})

    def attributes(self, prefix: str) -> dict[str, dict[str, Any]]:
        """The plain attributes (numbers, texts, None) of a pickled network and its modules by name; none of a network
        that is no pickled module."""
        place = next((place for place in _outwards(prefix) if place in self.modules), None)
        if place is None:
            return {}
        module = self.modules[place]
        for name in prefix.removeprefix(place).split(".")[:-1]:
            module = _children(module).get(name)
        found: dict[str, dict[str, Any]] = {}
        pending = [("", module)]
        while pending and len(found) < _MOST_NAMES:
            name, module = pending.pop()
            held = module_attributes(module)
            if held is None:
                continue
            found[name.rstrip(".")] = {
                key: value for key, value in held.items() if value is None or type(value) in (int, float, str, bool)
            }
            pending += [(f"{name}{key}.", child) for key, child in _children(module).items()]
        return found


def _children(module: Any) -> dict[str, Any]:
    held = module_attributes(module) or {}
    return {key: child for key, child in (as_dict(held.get("_modules")) or {}).items() if isinstance(key, str)}


def flatten(contents: Contents) -> Flat:
    """A file's tensors by dotted names."""
    found = Flat(contents, {}, {}, {})
    pending: list[tuple[str, Any, int]] = [("", contents.tree, 0)]
    seen: set[int] = set()
    while pending and len(found.tensors) < _MOST_NAMES:
        prefix, value, depth = pending.pop()
        tensor = as_stored(value)
        if tensor is not None:
            found.tensors.setdefault(prefix.removesuffix("."), tensor)
            continue
        if depth > _DEEPEST or id(value) in seen:
            continue
        module = module_state(value)
        if module is not None:
            seen.add(id(value))
            found.modules[prefix] = value
            for name, item in module.items():
                found.tensors.setdefault(prefix + name, item)
            continue
        entries = as_dict(value)
        if entries is None and isinstance(value, (list, tuple)) and len(value) <= _LONGEST_LIST:
            entries = dict(enumerate(value))
        if not entries:
            continue
        seen.add(id(value))
        # Backwards onto the stack, so that what stands first in the file comes first.
        for name, item in reversed(entries.items()):
            if not isinstance(name, (str, int)) or len(prefix) + len(str(name)) > _LONGEST_NAME:
                continue
            if name in _SETTINGS and as_stored(item) is None and as_dict(item) is not None:
                found.settings.setdefault(prefix, settings(item))
            else:
                pending.append((f"{prefix}{name}.", item, depth + 1))
    return found


def left_aside(names: Collection[str]) -> tuple[str, ...]:
    """The note on tensors below a network's prefix that are none of its layers."""
    direct = sorted(name for name in names if "." not in name and name not in MEAN_CODES)
    if not direct:
        return ()
    shown = ", ".join(f"'{name[:60]}'" for name in direct[:4]) + (f" and {len(direct) - 4} more" if direct[4:] else "")
    return (f"{shown} {'is' if len(direct) == 1 else 'are'} no part of the network, and left aside",)


def _outwards(prefix: str) -> Iterator[str]:
    """The prefix itself, then what surrounds it, up to the whole file."""
    while prefix:
        yield prefix
        *outer, _ = prefix.rstrip(".").split(".")
        prefix = "".join(f"{part}." for part in outer)
    yield ""


def _is_averaged(prefix: str) -> bool:
    return not _AVERAGED.isdisjoint(re.split(r"[._-]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", prefix).lower()))


def _shown(prefix: str) -> str:
    return prefix.rstrip(".")[:60] or "the file's own"
