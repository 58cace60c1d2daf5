"""One training loop for all parts: several single-threaded processes with averaged gradients, resumable.

On a CPU, two processes of one thread each train these small networks faster than one process of two threads.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from tqdm import tqdm

CHECKPOINT = "checkpoint.pt"

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Run:
    """The settings that all training commands share. data: what draw_dataset wrote; folder: checkpoints and logs."""

    data: Path
    folder: Path
    steps: int
    batch: int
    learning_rate: float
    workers: int


def parser(description: str | None, steps: int, batch: int, learning_rate: float) -> argparse.ArgumentParser:
    """The command line of a training command."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("data", type=Path, help="the folder that draw_dataset wrote")
    result.add_argument("folder", type=Path, help="for checkpoints, logs and sample sheets; a run there is resumed")
    result.add_argument("--steps", type=int, default=steps)
    result.add_argument("--batch", type=int, default=batch, help="pictures per process and step")
    result.add_argument("--learning-rate", type=float, default=learning_rate)
    result.add_argument("--workers", type=int, default=os.cpu_count(), help="processes of one thread each")
    return result


def launch(worker: Callable[..., None], arguments: argparse.Namespace, *more: object) -> None:
    """Call worker(rank, run, *more) in as many processes as asked for."""
    run = Run(*(getattr(arguments, name) for name in Run.__dataclass_fields__))
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


def fit(
    rank: int,
    run: Run,
    model: Network,
    losses: Callable[[int, np.random.Generator], dict[str, Tensor]],
    *,
    ema: float = 0.0,
    clip: float = math.inf,
    rates: dict[str, float] | None = None,
    sheet: Callable[[Network, Path], None] | None = None,
    sheet_every: int = 500,
) -> Network:
    """Minimise the sum of losses(step, rng) with Adam and a cosine schedule; returns the (averaged) model for use.

    ema is the decay of the weights' running mean that is returned (0: the weights themselves); clip the largest
    gradient norm; rates maps a part of parameters' names to a factor of their learning rate; sheet draws a
    sample sheet into the folder every sheet_every steps.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        factor = next((f for part, f in (rates or {}).items() if part in name), 1.0)
        groups.setdefault(factor, []).append(parameter)
    optimizer = torch.optim.Adam([{"params": p, "factor": f} for f, p in groups.items()], betas=(0.9, 0.99), fused=True)
    average = copy.deepcopy(model).requires_grad_(False)
    start = 0
    checkpoint = run.folder / CHECKPOINT
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    parameters = [p for p in model.parameters() if p.requires_grad]
    model.train()
    saved = time.monotonic()
    means: dict[str, float] = {}
    counted = 0
    if not rank:
        _forget(run.folder / "log.csv", start)
    bar = tqdm(range(start, run.steps), initial=start, total=run.steps, disable=rank > 0, mininterval=5)
    for step in bar:
        warm = min(1.0, (step + 1) / 100)
        rate = run.learning_rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * step / run.steps)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        parts = losses(step, np.random.default_rng([step, rank]))
        total = torch.stack([part for part in parts.values()]).sum()
        optimizer.zero_grad()
        total.backward()
        _average_gradients(parameters, run.workers)
        torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        decay = min(ema, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)  # pyright: ignore
            for mean, value in zip(average.buffers(), model.buffers(), strict=True):
                mean.lerp_(value, 1 - decay) if value.is_floating_point() else mean.copy_(value)
        if rank:
            continue
        counted += 1
        for name, part in parts.items():
            means[name] = means.get(name, 0.0) * (1 - 1 / counted) + part.item() / counted
        if (step + 1) % 50 == 0:
            _log(run.folder / "log.csv", step + 1, means)
            bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()}, refresh=False)
            means, counted = {}, 0
        if sheet and (step + 1) % sheet_every == 0:
            sheet(average.eval(), run.folder)
        if time.monotonic() - saved > 120 or step + 1 == run.steps:
            state = {"model": model.state_dict(), "average": average.state_dict(), "step": step + 1}
            torch.save({**state, "optimizer": optimizer.state_dict()}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
            saved = time.monotonic()
    return average.eval()


def _average_gradients(parameters: list[nn.Parameter], workers: int) -> None:
    if workers == 1:
        return
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    for parameter, piece in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = (piece / workers).view_as(parameter)


def _forget(path: Path, step: int) -> None:
    """Take away the log's rows of steps after this one, which a resumed run takes again."""
    if path.exists():
        head, *rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join([head, *(row for row in rows if int(row.split(",")[0]) <= step)]))


def _log(path: Path, step: int, means: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", *means])
        writer.writerow([step, *(f"{value:.5f}" for value in means.values())])


def to_network(pictures: np.ndarray) -> Tensor:
    """Pictures uint8 [B, H, W, 3] → float32 [B, 3, H, W] in [-1, 1], channels last in memory."""
    x = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return x.contiguous(memory_format=torch.channels_last)
