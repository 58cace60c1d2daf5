"""What a run is told, and what each process computes in each step of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError
from ...execution.precision import has_bfloat16, without_autocast

Precision = Literal["float32", "bfloat16", "auto"]
Rows = TypeVar("Rows", np.ndarray, Tensor)


@dataclass(frozen=True, kw_only=True)
class Run:
    """How one or several networks are trained together.

    folder: the run's own, for its checkpoint and logs; name: what messages and the progress bar call the run; steps:
    how many in all; batch: examples in a step, of all processes together; seed: of every random choice; device, rank,
    world: this process's device, its number and how many there are; precision: of the networks under Share.autocast,
    auto: bfloat16 where the device has it; accumulate: in how many parts a process computes its share of the batch, one
    after the other; log_every: steps whose means are a row of the log; save_every: seconds; sheet_every: steps; same:
    what else has to be as it was when the run is resumed, by its name, as weights of losses and what the data are.

    Raises:
        InputError: the batch can't be dealt evenly to the processes and their parts.
    """

    folder: Path
    steps: int
    batch: int
    name: str = "training"
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    rank: int = 0
    world: int = 1
    precision: Precision = "float32"
    accumulate: int = 1
    log_every: int = 50
    save_every: float = 120.0
    sheet_every: int = 500
    same: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = self.world * self.accumulate
        if self.batch % parts:
            less = self.batch // parts * parts
            near = f"{less} or {less + parts}" if less else f"such as {parts}"
            raise InputError(
                f"A batch of {self.batch} can't be dealt evenly to {self.world} processes × {self.accumulate} parts "
                f"(accumulate): take a batch that {parts} divides, {near}."
            )


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a process computes at once: examples first … first + size of the batch of a step.

    All that is random in a step follows from the seed, the step and a name, and is chosen for the whole batch, of which
    each process takes its share. So what is learnt does not depend on how many processes there are, nor on whether the
    run was interrupted.
    """

    run: Run
    step: int
    micro: int
    phase: str = "main"

    @property
    def batch(self) -> int:
        """Examples in the step, of all processes together."""
        return self.run.batch

    @property
    def size(self) -> int:
        """Examples in this share."""
        return self.run.batch // (self.run.world * self.run.accumulate)

    @property
    def first(self) -> int:
        """The number, in the batch, of this share's first example."""
        return (self.micro * self.run.world + self.run.rank) * self.size

    def of(self, whole: Rows) -> Rows:
        """This share of what there is for every example of the batch, [batch, …] → [size, …]."""
        return whole[self.first : self.first + self.size]

    def rng(self, *names: str | int) -> np.random.Generator:
        """Random choices of this name in this step, the same in every process; the same again for the same names.

        Choices for single examples that use up unlike many numbers take their own names, as first or first + i.
        """
        return np.random.default_rng(self._seeds(names))

    def stream(self, *names: str | int) -> torch.Generator:
        """As rng, for tensors on the CPU: torch.randn(share.batch, 512, generator=share.stream("z"))."""
        return torch.Generator(device="cpu").manual_seed(self.seed_of(*names))

    def rows(self, count: int, *names: str | int) -> np.ndarray:
        """Which of `count` examples this share is made of: int64 [size] in [0, count), drawn with replacement."""
        return self.of(self.rng("rows", *names).integers(0, count, self.batch))

    def autocast(self, enabled: bool = True) -> AbstractContextManager[object]:
        """Networks called within compute in bfloat16 where the run says so; losses belong outside, in float32."""
        device, precision = self.run.device, self.run.precision
        wanted = has_bfloat16(device) if precision == "auto" else precision == "bfloat16"
        return torch.autocast(device.type, torch.bfloat16) if enabled and wanted else without_autocast(device)

    def seed_of(self, *names: str | int) -> int:
        """What rng and stream of these names are seeded with, as one number."""
        return int(np.random.SeedSequence(self._seeds(names)).generate_state(1)[0])

    def _seeds(self, names: tuple[str | int, ...]) -> list[int]:
        return [self.run.seed, self.step, *(zlib.crc32(n.encode()) if isinstance(n, str) else n for n in names)]


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """torch's own random numbers follow from the seed within, as starting weights and dropout need, and are as before
    afterwards."""
    devices = [] if device is None or device.type == "cpu" else [device.index or 0]
    # Where there are no devices the type means nothing, but torch 2.4 wants one.
    with torch.random.fork_rng(devices, device_type=device.type if device and devices else "cuda"):
        reseed(seed, device)
        yield


def reseed(seed: int, device: torch.device | None = None) -> None:
    """torch's own random numbers, of the CPU and of this device, follow from the seed from now on."""
    torch.default_generator.manual_seed(seed)
    if device and device.type != "cpu":
        torch.get_device_module(device.type).manual_seed(seed)
