"""What a training command is asked on the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from ffclip.ffclip_core.training import settings


def run_of(*arguments: str) -> settings.Run:
    parser = settings.parser("A command.", steps=7, batch=3, learning_rate=0.5)
    return settings.Run.of(parser.parse_args(["data", "folder", *arguments]))


@pytest.fixture
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A machine that has, or has not, a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param)
    return request.param


@pytest.mark.parametrize("gpu", [False], indirect=True)
def test_what_is_not_said_has_the_commands_defaults(gpu: bool) -> None:
    assert run_of() == settings.Run(
        data=Path("data"), folder=Path("folder"), steps=7, batch=3, learning_rate=0.5,
        workers=os.cpu_count() or 1, device=torch.device("cpu"),
    )  # fmt: skip
    said = run_of("--steps", "9", "--batch", "2", "--learning-rate", "0.25", "--workers", "1", "--device", "cpu")
    assert (said.steps, said.batch, said.learning_rate, said.workers) == (9, 2, 0.25, 1)


@pytest.mark.parametrize("gpu", [True], indirect=True)
def test_a_gpu_is_used_where_there_is_one_by_one_process(gpu: bool) -> None:
    assert (run_of().device.type, run_of().workers) == ("cuda", 1)
    assert run_of("--device", "cuda", "--workers", "2").workers == 2
    assert run_of("--device", "cpu").device.type == "cpu"
    assert run_of("--device", "cpu").workers == (os.cpu_count() or 1)


@pytest.mark.parametrize("gpu", [False], indirect=True)
@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        *(("--steps", value, f"'{value}' is not a whole number above zero") for value in ("0", "-3", "1.5", "many")),
        ("--batch", "0", "'0' is not a whole number above zero"),
        ("--workers", "0", "'0' is not a whole number above zero"),
        ("--device", "cuda", "PyTorch finds no GPU for cuda here"),
        ("--device", "tpu", "'tpu' is neither cpu nor cuda"),
    ],
)
def test_what_cannot_be_is_told(
    gpu: bool, option: str, value: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_of(f"{option}={value}")
    assert told in capsys.readouterr().err
