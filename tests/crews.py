"""What processes that train together do in tests: in a module that new processes find by its name, wherever they look
for tests."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import games
import torch
from ffclip.ffclip_core.errors import InputError
from ffclip.ffclip_core.training.loop import Process, gather, mean, wait_for_all
from ffclip.ffclip_core.training.loop.processes import any_of, from_first

CPU = torch.device("cpu")
STEPS = 20


def play_both(process: Process, folder: Path) -> None:
    for kind in ("game", "pairs"):
        games.play(process, kind, games.run_of(folder / kind, steps=STEPS))
    if process.world > 1:
        assert from_first(process.rank) == 0 and any_of(process.rank == 1, CPU) and not any_of(False, CPU)
        x = torch.tensor([1.0 + process.rank], requires_grad=True)
        whole = gather(x)
        (whole[0] * whole[1]).backward()  # In both processes: what both ask is summed.
        assert whole.tolist() == [1, 2] and x.grad is not None and x.grad.item() == (2 + 2, 1 + 1)[process.rank]
        assert mean(torch.tensor([process.rank, 1.0])).tolist() == [0.5, 1.0]


def fail(process: Process, folder: Path, how: str) -> None:
    if process.rank == 1:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise InputError("Of no use, said one of them.") if how == "told" else ValueError("a mistake")
    wait_for_all()


def play_on(process: Process, folder: Path) -> None:
    games.play(process, "game", games.run_of(folder, steps=1_000_000, name="game"))


def look_elsewhere(process: Process, folder: Path) -> None:
    """Between two stages: nobody asks whether to stop."""
    (folder / f"there {process.rank}").touch()
    time.sleep(600)
