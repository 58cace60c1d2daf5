"""The training loop on networks of a few numbers, whose every step can be followed by hand."""

from __future__ import annotations

import csv
import importlib
import math
from collections.abc import Callable
from pathlib import Path

import golden
import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("tqdm", reason="training needs the extra `train`")

from ffclip.bootstrap.links import link
from ffclip.ffclip_core.dev import ROOT
from ffclip.ffclip_core.training import plain_loop as loop
from ffclip.ffclip_core.training import processes, settings
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
    loop.fit(0, run_of(tmp_path, 3), model, falling(model), rates={"sec": 0.25}, clip=0.5)
    assert golden.error(model.second.detach(), 0.25 * model.first[:1].detach()) < golden.rounding(1, layers=3)
    gradients = torch.cat([p.grad for p in model.parameters() if p.grad is not None])
    assert golden.error(gradients, torch.full((4,), 0.25)) < 1e-5  # All four as long as 0.5.


def test_adam_is_as_its_authors_have_it_with_betas_of_0_9_and_0_99(tmp_path: Path) -> None:
    """Kingma and Ba, ICLR 2015, algorithm 1, on slopes that change from step to step."""
    model = Numbers()
    slopes = np.random.default_rng(0).uniform(-1, 3, 20)
    loop.fit(0, run_of(tmp_path, 20), model, lambda step, rng: {"loss": (slopes[step] * model.first).sum()})
    number, mean, square = 0.0, 0.0, 0.0
    for step, slope in enumerate(slopes):
        rate = RATE * (step + 1) / 100 * (0.01 + 0.99 * (1 + math.cos(math.pi * step / 20)) / 2)
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        number -= rate * (mean / (1 - 0.9 ** (step + 1))) / (math.sqrt(square / (1 - 0.99 ** (step + 1))) + 1e-8)
    assert golden.error(model.first.detach(), torch.full((3,), number)) < golden.rounding(20, layers=10)


def test_every_step_of_every_process_draws_its_own_random_numbers(tmp_path: Path) -> None:
    def drawn(rank: int, folder: str) -> list[float]:
        (tmp_path / folder).mkdir()
        model, seen = Numbers(), []

        def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
            seen.append(rng.random())
            return {"loss": model.first.sum()}

        loop.fit(rank, run_of(tmp_path / folder, 5), model, losses)
        return seen

    first, again, other = drawn(0, "first"), drawn(0, "again"), drawn(1, "other")
    assert first == again and len({*first, *other}) == 10
    assert not list((tmp_path / "other").iterdir()), "only the first process writes"


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_log_has_the_means_of_fifty_steps(tmp_path: Path) -> None:
    model, sheets = Numbers(), []

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"a": 0 * model.first.sum() + step, "b": 0 * model.second.sum() - 1}

    def sheet(average: Numbers, folder: Path) -> None:
        sheets.append((average is model, average.training, folder))

    loop.fit(0, run_of(tmp_path, 130), model, losses, sheet=sheet, sheet_every=40)
    assert rows(tmp_path) == [
        {"step": "50", "a": "24.50000", "b": "-1.00000"},
        {"step": "100", "a": "74.50000", "b": "-1.00000"},
    ]
    assert sheets == [(False, False, tmp_path)] * 4, "of the mean, after steps 40, 80, 120 and the last"


@pytest.mark.parametrize("saved_at", [70, 99])
def test_an_interrupted_run_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved_at: int
) -> None:
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
        fit(tmp_path / "cut", cut_at=110, saved_at=saved_at)
    assert len(rows(tmp_path / "cut")) == 2
    # Rows of steps that come after the checkpoint are written again, not twice.
    assert torch.load(tmp_path / "cut" / loop.CHECKPOINT, weights_only=True)["step"] == saved_at + 1
    found, found_mean = fit(tmp_path / "cut", saved_at=500)
    for one, other in ((found, expected), (found_mean, expected_mean)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert [row["step"] for row in rows(tmp_path / "cut")] == ["50", "100"]


WORKERS = """
import torch
import numpy as np
from ffclip.ffclip_core.training import inversion, plain_loop as loop

class Encoder(torch.nn.Linear):
    num_layers, latent_dim, seen = 2, 3, 0
    def forward(self, x):
        self.seen += len(x)
        return x.mean((1, 2, 3))[:, None, None] + self.bias.expand(2, 3)

def worker(rank, run, bias):
    model = torch.nn.Linear(2, 1, bias=False)
    slope = torch.tensor([[1.0, -3.0]]) if rank else torch.tensor([[5.0, 1.0]])
    start = model.weight.detach().clone()
    loop.fit(rank, run, model, lambda step, rng: {"loss": (slope * model.weight).sum()})
    encoder = Encoder(1, 3)
    encoder.bias.data.fill_(bias)
    pictures = np.arange(0, 255).astype(np.uint8)[:, None, None, None].repeat(3, 3)
    codes = torch.from_numpy(np.array(inversion.stored_inversions(encoder, run, rank, pictures)))
    torch.save((start, model.weight, model.weight.grad, codes, encoder.seen), run.folder / f"{rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_learn_together_and_share_their_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the mean of their gradients, from the same start; each inverts a part of the pictures."""
    (tmp_path / "two_workers.py").write_text(WORKERS)
    link(ROOT, tmp_path / "ffclip")
    monkeypatch.syspath_prepend(tmp_path)  # New processes look for modules where this one does.
    worker = importlib.import_module("two_workers").worker
    command = [str(tmp_path), str(tmp_path), "--workers", "2", "--device", "cpu"]
    arguments = settings.parser(None, steps=3, batch=1, learning_rate=0.1).parse_args(command)
    processes.launch(worker, arguments, 0.5)
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))
    start, weight, gradient, codes = one[:4]
    assert one[4] + other[4] == len(codes) and min(one[4], other[4]) > 100
    assert gradient.tolist() == [[3, -1]] and not torch.equal(start, weight)
    expected = (torch.arange(255) / 127.5 - 1 + 0.5)[:, None, None].expand(-1, 2, 3)
    assert golden.error(codes, expected) < golden.FLOAT16
