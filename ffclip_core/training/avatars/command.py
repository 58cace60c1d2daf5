"""The command line that the commands which train the avatars' networks share."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from ...errors import FFCLIPError
from ..loop import Learning, Process, Run, choose_device, launch, seeded, workers_for
from ..loop.storage import storing

Worker = Callable[[Run, argparse.Namespace], None]


def parser(description: str | None, *, steps: int, batch: int, learning_rate: float) -> argparse.ArgumentParser:
    """The command line of a training command, with its defaults."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("data", type=Path, help="the folder that drawings are in, or are drawn into")
    result.add_argument("folder", type=Path, help="for checkpoints, logs and sample sheets; a run there is resumed")
    result.add_argument("--steps", type=count, default=steps)
    result.add_argument("--batch", type=count, default=batch, help="pictures per step, of all processes together")
    result.add_argument("--learning-rate", type=float, default=learning_rate)
    result.add_argument("--workers", type=count, help="processes of one thread each; by default one per core or GPU")
    result.add_argument("--device", type=_device, default="auto", help="auto, cpu, cuda or mps")
    return result


def train(worker: Worker, arguments: argparse.Namespace) -> None:
    """Call worker(run, arguments) in as many processes as asked for; arguments are those of parser()."""
    workers = arguments.workers or workers_for([arguments.batch], arguments.device)
    try:
        with storing(arguments.folder):
            arguments.folder.mkdir(parents=True, exist_ok=True)
        launch(_process, worker, arguments, device=arguments.device, workers=workers)
    except FFCLIPError as error:
        sys.exit(str(error))


def learning(
    arguments: argparse.Namespace, *, ema: float = 0.0, clip: float = math.inf, rates: Mapping[str, float] | None = None
) -> Learning:
    """A warm-up of 100 steps, then down as a cosine; otherwise see Learning."""
    return Learning(learning_rate=arguments.learning_rate, ema=ema, clip=clip, rates=rates or {}, warm_up=100)


def _process(process: Process, worker: Worker, arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)  # Several commands may run beside each other.
    run = Run(
        **vars(process),
        folder=arguments.folder,
        name=arguments.folder.name,
        steps=arguments.steps,
        batch=arguments.batch,
        precision="bfloat16",
    )
    with seeded(run.seed, run.device):  # The same starting weights in every process.
        worker(run, arguments)


def count(text: str) -> int:
    """A whole number above zero, as an argument's type."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def _device(text: str) -> torch.device:
    try:
        return choose_device(text)
    except FFCLIPError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
