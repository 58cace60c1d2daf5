"""The training loop on networks of a few numbers, whose every step can be followed by hand."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import golden
import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("tqdm", reason="training needs the extra `train`")

from ffclip import run as program
from ffclip.ffclip_core.training import loop
from ffclip.ffclip_core.training.settings import Run

RATE = 0.01


class Numbers(nn.Module):
    """Two parameters, and buffers as a normalisation has them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(1))
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("count", torch.tensor(0))


def run_of(folder: Path, steps: int) -> Run:
    return Run(
        data=folder, folder=folder, steps=steps, batch=1, learning_rate=RATE, workers=1, device=torch.device("cpu")
    )


def falling(model: Numbers, seen: list[float] | None = None) -> Callable[[int, np.random.Generator], dict[str, Tensor]]:
    """Losses whose slope is always 1, so that Adam moves every number by the learning rate."""

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        if seen is not None:
            seen.append(float(model.second.detach()))
        model.get_buffer("mean").fill_(step)
        model.get_buffer("count").fill_(step)
        return {"first": model.first.sum(), "second": model.second.sum()}

    return losses


def test_what_is_returned_is_the_running_mean_of_the_weights(tmp_path: Path) -> None:
    model, seen = Numbers(), []
    average = loop.fit(0, run_of(tmp_path, 40), model, falling(model, seen), ema=0.8)
    after = [*seen[1:], float(model.second.detach())]
    expected, mean = 0.0, 0.0
    for step, value in enumerate(after):
        decay = min(0.8, (1 + step) / (10 + step))  # At first it forgets soon, what it began with above all.
        expected, mean = decay * expected + (1 - decay) * value, decay * mean + (1 - decay) * step
    same = golden.rounding(1, layers=40)
    assert golden.error(average.second, torch.tensor([expected])) < same
    assert golden.error(average.get_buffer("mean"), torch.tensor([mean])) < same
    assert int(average.get_buffer("count")) == 39
    assert after[-1] < expected < 0, "the mean comes after the weights, which fall"
    assert not average.training and not average.first.requires_grad


def test_without_averaging_the_weights_themselves_are_returned(tmp_path: Path) -> None:
    model = Numbers()
    found = loop.fit(0, run_of(tmp_path, 5), model, falling(model))
    assert torch.equal(found.first, model.first) and float(model.first.detach().max()) < 0


def test_the_learning_rate_warms_up_and_falls_as_a_cosine(tmp_path: Path) -> None:
    model, seen = Numbers(), []
    loop.fit(0, run_of(tmp_path, 200), model, falling(model, seen))
    found = -torch.tensor([*seen[1:], float(model.second.detach())], dtype=torch.float64).diff(
        prepend=torch.zeros(1, dtype=torch.float64)
    )
    wanted = [RATE * min(1, (i + 1) / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * i / 200)) / 2) for i in range(200)]
    # Each is the difference of two float32 of up to the sum of all.
    assert golden.largest_error(found, torch.tensor(wanted, dtype=torch.float64)) < golden.rounding(200, layers=100)


def test_parts_may_learn_slower_and_gradients_are_clipped(tmp_path: Path) -> None:
    model = Numbers()
    loop.fit(0, run_of(tmp_path, 3), model, falling(model), rates={"second": 0.25}, clip=0.5)
    assert golden.error(model.second.detach(), 0.25 * model.first[:1].detach()) < golden.rounding(1, layers=3)
    gradients = torch.cat([p.grad for p in model.parameters() if p.grad is not None])
    assert golden.error(gradients, torch.full((4,), 0.25)) < 1e-5  # All four as long as 0.5.


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_log_has_the_means_of_fifty_steps(tmp_path: Path) -> None:
    model, sheets = Numbers(), []

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"a": 0 * model.first.sum() + step, "b": 0 * model.second.sum() - 1}

    def sheet(average: Numbers, folder: Path) -> None:
        sheets.append((average.training, folder))

    loop.fit(0, run_of(tmp_path, 120), model, losses, sheet=sheet, sheet_every=40)
    assert rows(tmp_path) == [
        {"step": "50", "a": "24.50000", "b": "-1.00000"},
        {"step": "100", "a": "74.50000", "b": "-1.00000"},
    ]
    assert sheets == [(False, tmp_path)] * 3


def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(folder: Path, cut_at: int | None = None, saved_at: int = 0) -> tuple[Numbers, Numbers]:
        folder.mkdir(exist_ok=True)
        model = Numbers()
        clock = iter([0.0, *[0.0] * saved_at, 1000.0])
        monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock, 1000.0))

        def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
            if step == cut_at:
                raise KeyboardInterrupt
            noise = torch.from_numpy(rng.standard_normal(3)).float()
            return {"loss": (model.first - noise).square().sum() + (model.second - 1).square().sum()}

        return model, loop.fit(0, run_of(folder, 130), model, losses, ema=0.9)

    expected, expected_mean = fit(tmp_path / "whole", saved_at=500)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "cut", cut_at=110, saved_at=70)
    assert len(rows(tmp_path / "cut")) == 2
    # Rows of steps that come after the checkpoint are written again, not twice.
    assert torch.load(tmp_path / "cut" / loop.CHECKPOINT, weights_only=True)["step"] == 71
    found, found_mean = fit(tmp_path / "cut", saved_at=500)
    for one, other in ((found, expected), (found_mean, expected_mean)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert [row["step"] for row in rows(tmp_path / "cut")] == ["50", "100"]


WORKERS = """
from pathlib import Path
import torch
from ffclip.ffclip_core.training import loop, processes, settings

def worker(rank, run):
    model = torch.nn.Linear(2, 1, bias=False)
    slope = torch.tensor([[1.0, -3.0]]) if rank else torch.tensor([[5.0, 1.0]])
    loop.fit(rank, run, model, lambda step, rng: {"loss": (slope * model.weight).sum()})
    torch.save((model.weight, model.weight.grad), run.folder / f"{rank}.pt")

if __name__ == "__main__":
    folder = Path(__file__).parent
    command = [str(folder), str(folder), "--workers", "2", "--device", "cpu"]
    processes.launch(worker, settings.parser(None, steps=3, batch=1, learning_rate=0.1).parse_args(command))
"""


def test_two_processes_learn_from_the_mean_of_their_gradients(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(WORKERS)
    program.link(program.ROOT, tmp_path / "ffclip")
    subprocess.run([sys.executable, tmp_path / "train.py"], check=True, timeout=300, capture_output=True, cwd=tmp_path)
    (first, gradient), (second, other) = (torch.load(tmp_path / f"{i}.pt", weights_only=True) for i in range(2))
    assert torch.equal(first, second) and torch.equal(gradient, other)
    assert gradient.tolist() == [[3, -1]]
