"""Pictures and codes while other programs keep the processor busy."""

from __future__ import annotations

import contextlib
import statistics
import subprocess  # noqa: S404
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from . import networks, peer

ROUNDS = 7
WAIT = 0.5
"""Seconds that busy programs have to start."""


def beside(lower: Sequence[torch.dtype], quick: bool) -> list[dict[str, Any]]:
    """Least, middle and most seconds of each case with 0, 1 and 2 other programs that never pause, on a CPU."""
    cases: dict[str, dict[str, Callable[[], Tensor]]] = {}
    for size in (networks.SIZE,) if quick else (256, networks.SIZE):
        generator = networks.generator(size)
        w = networks.codes(generator, 1)
        of_size: dict[str, Callable[[], Tensor]] = {"peer": partial(peer.draw, generator, w)}
        of_size["float32"] = partial(generator, w)
        for dtype in lower:
            other = networks.plain_generator(size).requires_grad_(False)
            other.load_state_dict(generator.state_dict())
            of_size[networks.name(dtype)] = partial(other.set_precision(dtype), w)
        cases[f"{size} px"] = of_size
    encoder, x = networks.encoder(), torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(1)) * 2 - 1
    plain = networks.encoder().to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    cases["e4e"] = {"peer": partial(peer.encode, plain, x), "float32": partial(encoder, x)}
    for dtype in lower:
        cases["e4e"][networks.name(dtype)] = partial(networks.encoder().to(dtype), x.to(dtype))
    rows = []
    for what, ways in cases.items():
        for way in ways.values():
            for _ in range(3):  # Weights are packed by then.
                way()
        for programs in (0, 1, 2):
            with busy(programs):
                rows.append({"what": what, "programs": programs, "seconds": _seconds(ways)})
    return rows


@contextlib.contextmanager
def busy(programs: int) -> Iterator[None]:
    """So many processes that compute without a pause."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)]  # noqa: S603
    try:
        time.sleep(WAIT * (programs > 0))
        yield
    finally:
        for each in running:
            each.kill()
            each.wait()


def _seconds(ways: dict[str, Callable[[], Tensor]]) -> dict[str, list[float]]:
    """Least, middle and most of each; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            found[name].append(time.perf_counter() - start)
    return {name: [min(each), statistics.median(each), max(each)] for name, each in found.items()}
