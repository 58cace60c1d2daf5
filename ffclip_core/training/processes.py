"""One or several processes that train the same network, each on pictures of its own, with averaged gradients."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import nn

from .settings import Run


def launch(worker: Callable[..., None], arguments: argparse.Namespace, *more: object) -> None:
    """Call worker(rank, run, *more) in as many processes as asked for; arguments are those of settings.parser."""
    run = Run.of(arguments)
    run.folder.mkdir(parents=True, exist_ok=True)
    if run.workers == 1:
        _process(0, worker, run, 0, more)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(_process, (worker, run, port, more), run.workers)  # pyright: ignore[reportPrivateImportUsage]


def _process(rank: int, worker: Callable[..., None], run: Run, port: int, more: tuple) -> None:
    torch.set_num_threads(1)
    if run.workers > 1:
        store = f"tcp://127.0.0.1:{port}"
        dist.init_process_group("gloo", init_method=store, rank=rank, world_size=run.workers)
    torch.manual_seed(0)  # The same starting weights in every process.
    worker(rank, run, *more)
    if run.workers > 1:
        dist.destroy_process_group()


def average_gradients(parameters: Sequence[nn.Parameter], run: Run) -> None:
    """Give every process the mean of all processes' gradients."""
    if run.workers == 1:
        return
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    for parameter, piece in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = (piece / run.workers).view_as(parameter)


def wait_for_all(run: Run) -> None:
    """Go on when every process has come here."""
    if run.workers > 1:
        dist.barrier()
