"""What a training command is asked on the command line."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from ffclip.ffclip_core.errors import InputError
from ffclip.ffclip_core.training.avatars import command
from ffclip.ffclip_core.training.loop import Run


def asked(*arguments: str) -> Namespace:
    parser = command.parser("A command.", steps=7, batch=3, learning_rate=0.5)
    return parser.parse_args(["data", "runs/folder", *arguments])


@pytest.fixture
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A machine that has, or has not, a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return request.param


@pytest.mark.parametrize("gpu", [False, True], indirect=True)
def test_what_is_not_said_has_the_commands_defaults(gpu: bool) -> None:
    device = torch.device("cuda" if gpu else "cpu")
    assert vars(asked()) == {
        "data": Path("data"), "folder": Path("runs/folder"), "steps": 7, "batch": 3, "learning_rate": 0.5,
        "workers": None, "device": device,
    }  # fmt: skip
    said = asked("--steps", "9", "--batch", "2", "--learning-rate", "0.25", "--workers", "1", "--device", "cpu")
    assert (said.steps, said.batch, said.learning_rate, said.workers, said.device.type) == (9, 2, 0.25, 1, "cpu")


@pytest.mark.parametrize("gpu", [False], indirect=True)
@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        *(("--steps", value, f"'{value}' is not a whole number above zero") for value in ("0", "-3", "1.5", "many")),
        ("--batch", "0", "'0' is not a whole number above zero"),
        ("--workers", "0", "'0' is not a whole number above zero"),
        ("--device", "cuda", "PyTorch finds no device 'cuda' here"),
        ("--device", "tpu", "'tpu' is none of auto, cpu, cuda and mps"),
    ],
)
def test_what_cannot_be_is_told(
    gpu: bool, option: str, value: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        asked(f"{option}={value}")
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("gpu", [False], indirect=True)
def test_the_worker_gets_the_run_and_what_was_asked(gpu: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    found: list[tuple[Run, Namespace, float]] = []
    arguments = asked("--steps", "9")
    for _ in range(2):
        command.train(lambda run, given: found.append((run, given, float(torch.rand(1)))), arguments)
    (run, given, drawn), (_, _, again) = found
    assert given is arguments and drawn == again, "starting weights are the same each time"
    assert (run.folder, run.name, run.steps, run.batch, run.world) == (Path("runs/folder"), "folder", 9, 3, 1)
    learning = command.learning(arguments, ema=0.5, rates={"a": 0.1})
    assert (learning.learning_rate, learning.ema, learning.rates, learning.warm_up) == (0.5, 0.5, {"a": 0.1}, 100)


def test_what_goes_wrong_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def worker(run: Run, given: Namespace) -> None:
        raise InputError("There is no data.")

    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    with pytest.raises(SystemExit, match="^There is no data.$"):
        command.train(worker, asked("--device", "cpu", "--workers", "1"))
    (tmp_path / "runs" / "folder").rmdir()
    (tmp_path / "runs" / "folder").touch()
    with pytest.raises(SystemExit, match="^.*folder can't be written .* choose another folder, and run again.$"):
        command.train(worker, asked("--device", "cpu", "--workers", "1"))
