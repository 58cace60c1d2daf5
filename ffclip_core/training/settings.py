"""The settings that all training commands share, and their command line."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True, kw_only=True)
class Run:
    """data: what draw_dataset wrote; folder: checkpoints and logs; batch: pictures per process and step; workers: how
    many processes; device: where the networks are trained."""

    data: Path
    folder: Path
    steps: int
    batch: int
    learning_rate: float
    workers: int
    device: torch.device

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Run:
        """What parser() read."""
        values = {name: getattr(arguments, name) for name in cls.__dataclass_fields__}
        # On a CPU, processes of one thread each train small networks faster than one process of as many threads.
        many = (os.cpu_count() or 1) if arguments.device.type == "cpu" else 1
        return cls(**{**values, "workers": arguments.workers or many})


def parser(description: str | None, *, steps: int, batch: int, learning_rate: float) -> argparse.ArgumentParser:
    """The command line of a training command, with its defaults."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("data", type=Path, help="the folder that draw_dataset wrote")
    result.add_argument("folder", type=Path, help="for checkpoints, logs and sample sheets; a run there is resumed")
    result.add_argument("--steps", type=_count, default=steps)
    result.add_argument("--batch", type=_count, default=batch, help="pictures per process and step")
    result.add_argument("--learning-rate", type=float, default=learning_rate)
    result.add_argument("--workers", type=_count, help="processes of one thread each; by default one per core or GPU")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    result.add_argument("--device", type=_device, default=device, help="cpu or cuda; by default cuda if there is one")
    return result


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def _device(text: str) -> torch.device:
    if text not in ("cpu", "cuda"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither cpu nor cuda")
    if text == "cuda" and not torch.cuda.is_available():
        raise argparse.ArgumentTypeError("PyTorch finds no GPU for cuda here; cpu works everywhere")
    return torch.device(text)
