"""Model files whose contents, not their bytes, were changed: wrong kinds of values, names, shapes, references."""

from __future__ import annotations

import argparse
import copy
import datetime
import functools
import json
import math
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any
from unittest import mock

import hostile
import numpy as np
import torch
from ffclip.ffclip_core.checkpoints import own
from torch import Tensor, nn

Change = tuple[str, float, float, int]
Paths = list[tuple]


def _nested(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


def _laughs(levels: int) -> list:
    """Small in a file, endless for whoever follows every reference."""
    value: list = ["ha"]
    for _ in range(levels):
        value = [value] * 10
    return value


UNSIGNED = torch.uint16 if torch.__version__ >= "2.5" else torch.int16
"""torch 2.4 has no storage of uint16 that it could save."""

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 17, 10**6, 2**31, 2**63, -(2**70), 10**400, 0.5, -0.0, 1e300, torch.nan,
    torch.inf, 1 + 2j, "", "x", "x\ny.", "\r", "\u2028", "\ud800", "cars", "resnet", "9" * 5000, "a" * 100_000, b"",
    b"x" * 10, b"x" * 70_000, bytearray(b"x"), [], [0], ["x"] * 100_000, [[], {}], {}, {"x": 1}, {None: 1}, {1: 2},
    {(1, 2): 3}, {"x\n": {"y": []}}, (), (1, 2), ("storage", "x"), set(), {1, "x"}, frozenset({2}), _nested(150),
    _laughs(40), OrderedDict(x=1), defaultdict(list), argparse.Namespace(x=1), datetime.datetime(2020, 1, 1),
    PurePosixPath("x"), int, torch.device("cpu"), torch.float32, torch.Size([3]), np.float32(1), np.int64(3),
    np.bool_(True), np.str_("x"), np.float64("nan"), np.dtype("f4"), np.zeros(()), np.zeros(0), np.zeros((3, 4), "f4"),
    np.zeros((4, 3), "f4").T, np.zeros(3, ">f4"), np.zeros(3, "c8"), np.zeros(2, "U3"), np.zeros(2, "M8[s]"),
    np.array([None, 1]), np.zeros(20_000), torch.zeros(()), torch.zeros(0), torch.zeros(1), torch.zeros(16),
    torch.zeros(3, 4), torch.zeros(16, 16), torch.zeros(1, 8, 8, 3, 3), torch.zeros(8, 0, 3), torch.zeros([1] * 8),
    torch.zeros([1] * 12), torch.zeros(1).expand(1000, 1000), torch.full((4,), torch.nan), torch.full((), torch.inf),
    torch.zeros(4, dtype=torch.int64), torch.ones(4, 4, dtype=torch.bool), torch.zeros(4, dtype=torch.complex64),
    torch.zeros(4, dtype=torch.bfloat16), torch.zeros(4, dtype=UNSIGNED), torch.zeros(4, dtype=torch.float8_e5m2),
    torch.zeros(4).to_sparse(), torch.zeros(4, device="meta"), torch.zeros(4, 6).T, nn.Parameter(torch.zeros(3)),
    nn.Linear(2, 2).state_dict(), nn.Sequential(nn.Linear(2, 2)), functools.partial(print, "x"), getattr, slice(1, 2),
    Counter("aab"), deque([1]), {int: 1, frozenset({1}): 2, ((1,),): 3}, torch.zeros(2, 3).to_sparse_csr(),
    torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8), np.longdouble(1), np.zeros(2, [("a", "f4")]),
]  # fmt: skip
KEYS: list[Any] = [
    "x", "x\ny", "", "9" * 5000, "\u2028", "\ud800", None, 0, 1.5, torch.nan, b"x", True, (1, 2), "state_dict", "g_ema",
    "opts", "latent_avg", "input.input", "encoder.x", "styles.99999.linear.weight", "convs.7.conv.weight", "part",
    "num_layers", "size", "text_model.encoder.layers.00.self_attn.q_proj.weight", "noise1", "visual.conv1.weight",
]  # fmt: skip
TENSORS: list[Callable[[Tensor], Tensor]] = [
    lambda x: x[None], lambda x: x.flatten(), lambda x: x.transpose(0, -1), lambda x: x[:-1], lambda x: x[:0],
    lambda x: x * torch.nan, lambda x: x / 0, lambda x: x.double(), lambda x: x.half(), lambda x: x.long(),
    lambda x: x.bool(), lambda x: x.to(torch.complex64), lambda x: torch.cat([x, x]), lambda x: torch.stack([x, x], -1),
    lambda x: x.flip(0), lambda x: x.double() * 1e300, lambda x: x[:1].expand(x.shape), lambda x: x.flatten()[0],
]  # fmt: skip
KINDS = ("replace", "remove", "add", "rename", "share", "wrap", "repeat", "tensor", "number")


def script(path: Path) -> None:
    """The text tower as the objects of a TorchScript archive."""

    class Module:
        pass

    Module.__module__, Module.__qualname__ = "__torch__", "Module"
    root = Module()
    for key, value in hostile.text_tower().state_dict().items():
        *place, last = key.split(".")
        module = root
        for name in place:
            module = vars(module).setdefault(name, Module())
        vars(module).update({last: value, "training": False})
    code = ModuleType("__torch__")
    vars(code)["Module"] = Module
    with mock.patch.dict(sys.modules, __torch__=code):
        torch.save(root, path)


WRITERS = {name: write for name, write in hostile.WRITERS.items() if name != "clip, TorchScript"}
WRITERS["clip, script"] = script
LAYOUTS = [*WRITERS, "own header"]


def write(path: Path, layout: str, changes: list[Change]) -> None:
    """A file of the layout with these changes. Raises all kinds of errors for what can't be written."""

    def change(tree: Any) -> Any:
        return _apply(tree, changes)

    if layout in WRITERS:
        with _changed(change):
            WRITERS[layout](path)
    else:
        hostile.WRITERS["own generator"](path)
        content = path.read_bytes()
        start = 8 + int.from_bytes(content[:8], "little")
        header = _as_json(change(json.loads(content[8:start]))).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + content[start:])


@contextmanager
def _changed(change: Callable[[Any], Any]) -> Iterator[None]:
    """The first that is written meanwhile is changed before."""
    pending = [change]

    def first(content: Any) -> Any:
        return pending.pop()(content) if pending else content

    def save_tensors(real: Callable) -> Callable:
        def save(tensors: dict, path: Path, metadata: dict | None = None) -> None:
            told = dict(metadata or {})
            if "architecture" in told:
                told["architecture"] = json.loads(told["architecture"])
            tree = first({"tensors": dict(tensors), "metadata": told})
            tree = tree if isinstance(tree, dict) else {}
            tensors, told = (tree[key] if isinstance(tree.get(key), dict) else {} for key in ("tensors", "metadata"))
            tensors = {str(key): value.clone().contiguous() for key, value in tensors.items() if torch.is_tensor(value)}
            told = {str(key): value if isinstance(value, str) else _as_json(value) for key, value in told.items()}
            real(tensors, path, told)

        return save

    save, dumps = torch.save, pickle.dumps
    with (
        mock.patch.object(torch, "save", lambda content, *rest, **more: save(first(content), *rest, **more)),
        mock.patch.object(pickle, "dumps", lambda content, *rest: dumps(first(content), *rest)),
        mock.patch.object(own, "save_file", save_tensors(own.save_file)),
        mock.patch.object(hostile, "save_file", save_tensors(hostile.save_file)),
    ):
        yield


def _as_json(value: Any) -> str:
    """The start of it, where references make it endless."""
    return "".join(islice(json.JSONEncoder(default=str, skipkeys=True).iterencode(value), 200_000))


def _apply(tree: Any, changes: list[Change]) -> Any:
    """The tree with the changes made to it; each of (kind, depth, place, what) says where it is."""
    levels: dict[int, Paths] = {}
    for path in _paths(tree, (), set()):
        levels.setdefault(len(path), []).append(path)
    for kind, depth, place, what in changes:
        paths = levels[math.ceil(depth * (len(levels) - 1))]
        path = paths[int(place * (len(paths) - 1) + 0.5)]
        try:
            old = _get(tree, path)
        except (KeyError, IndexError, TypeError):  # Changed already.
            continue
        if kind in ("remove", "rename", "add"):
            owner = _holder(old if kind == "add" or not path else _get(tree, path[:-1]))
            if isinstance(owner, dict):
                moved = copy.deepcopy(VALUES[what % len(VALUES)])
                if kind != "add" and path and path[-1] in owner:
                    moved = owner.pop(path[-1])
                if kind != "remove":
                    owner[KEYS[what % len(KEYS)]] = moved
            continue
        new = copy.deepcopy(VALUES[what % len(VALUES)])
        if kind == "share":
            others = levels[what % len(levels)]
            new = old
            path = others[what // 7 % len(others)]
        elif kind == "wrap":
            new = ([old], (old,), {"x": old}, {"state_dict": old}, [old, old], nn.Parameter)[what % 6]
        elif kind == "repeat":
            new = [old] * (what * 50)
        elif kind == "tensor" and torch.is_tensor(old):
            try:
                new = TENSORS[what % len(TENSORS)](old.detach())
            except (RuntimeError, IndexError):
                continue
        elif kind == "number" and isinstance(old, (int, float)):
            new = (old + 1, old - 1, old * 2, -old, old * 10**9, old + 0.5, str(old), [old])[what % 8]
        try:
            tree = _put(tree, path, new)
        except (KeyError, IndexError, TypeError):
            continue
    return tree


def _holder(value: Any) -> Any:
    """What a value holds others in: itself, or its attributes; nothing for a plain value."""
    if isinstance(value, (dict, list, tuple)):
        return value
    return {} if isinstance(value, (Tensor, type)) else getattr(value, "__dict__", {})


def _paths(value: Any, path: tuple, seen: set[int]) -> Iterator[tuple]:
    yield path
    inner = _holder(value)
    if id(inner) not in seen:
        seen.add(id(inner))
        for key, item in inner.items() if isinstance(inner, dict) else enumerate(inner):
            yield from _paths(item, (*path, key), seen)


def _get(value: Any, path: tuple) -> Any:
    for key in path:
        value = _holder(value)[key]
    return value


def _put(value: Any, path: tuple, new: Any) -> Any:
    if not path:
        return new
    owner = _holder(value)
    item = _put(owner[path[0]], path[1:], new)
    if isinstance(owner, tuple):
        return (*owner[: path[0]], item, *owner[path[0] + 1 :])
    owner[path[0]] = item
    return value
