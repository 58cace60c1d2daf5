"""One training loop for all parts: averaged weights, a schedule, a log, sample sheets; resumable."""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from .processes import average_gradients
from .settings import Run

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"

_WARM_UP = 100
_LOG_EVERY = 50
_SAVE_EVERY = 120  # Seconds.

Network = TypeVar("Network", bound=nn.Module)


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
    """Minimise the sum of losses(step, rng) with Adam and a cosine schedule; returns the (averaged) model for use, on
    the CPU.

    The model is on run.device. ema is the decay of the weights' running mean that is returned (0: the weights
    themselves); clip the largest gradient norm; rates maps a part of parameters' names to a factor of their learning
    rate; sheet draws a sample sheet into the folder every sheet_every steps and at the end.
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
        state = torch.load(checkpoint, map_location=run.device, weights_only=True)
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
        _forget(run.folder / LOG, start)
    bar = tqdm(range(start, run.steps), initial=start, total=run.steps, disable=rank > 0, mininterval=5)
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = _rate(run, step) * group["factor"]
        parts = losses(step, np.random.default_rng([step, rank]))
        total = torch.stack([part for part in parts.values()]).sum()
        optimizer.zero_grad()
        total.backward()
        average_gradients(parameters, run)
        torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        _follow(average, model, min(ema, (1 + step) / (10 + step)))
        if rank:
            continue
        counted += 1
        for name, part in parts.items():
            means[name] = means.get(name, 0.0) * (1 - 1 / counted) + part.item() / counted
        if (step + 1) % _LOG_EVERY == 0:
            _log(run.folder / LOG, step + 1, means)
            bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()}, refresh=False)
            means, counted = {}, 0
        if sheet and ((step + 1) % sheet_every == 0 or step + 1 == run.steps):
            sheet(average.eval(), run.folder)
        if time.monotonic() - saved > _SAVE_EVERY or step + 1 == run.steps:
            state = {"model": model.state_dict(), "average": average.state_dict(), "step": step + 1}
            torch.save({**state, "optimizer": optimizer.state_dict()}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
            saved = time.monotonic()
    return average.eval().cpu()


def _rate(run: Run, step: int) -> float:
    """Up in a straight line at first, then down as a cosine to a hundredth."""
    warm = min(1.0, (step + 1) / _WARM_UP)
    return run.learning_rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * step / run.steps)) / 2)


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average = decay · average + (1 − decay) · model; counters are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)  # pyright: ignore
    for mean, value in zip(average.buffers(), model.buffers(), strict=True):
        mean.lerp_(value, 1 - decay) if value.is_floating_point() else mean.copy_(value)


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
