"""Several processes that train together, and the devices they train on."""

from __future__ import annotations

import csv
import os
import signal
import socket
import threading
import time
from pathlib import Path

import crews
import golden
import pytest
import torch
import torch.distributed as dist
from ffclip.ffclip_core.errors import FFCLIPError, InputError
from ffclip.ffclip_core.training.loop import (
    Process,
    StoppedError,
    choose_device,
    gather,
    launch,
    workers_for,
)
from ffclip.ffclip_core.training.loop.log import LOG

CPU = torch.device("cpu")


def curves(folder: Path) -> dict[str, torch.Tensor]:
    """Each loss in the steps that have it."""
    with (folder / LOG).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, crews.STEPS + 1))
    return {name: torch.tensor([float(row[name]) for row in rows if row[name]]) for name in rows[0] if name != "step"}


@pytest.mark.slow
def test_two_processes_give_the_loss_curve_of_one(tmp_path: Path) -> None:
    """Also of a loss over all pairs of the batch, and of one that is weighed by what was seen before."""
    for workers in (1, 2):
        launch(crews.play_both, tmp_path / str(workers), device=CPU, workers=workers)
    for kind in ("game", "pairs"):
        one, two = (curves(tmp_path / str(workers) / kind) for workers in (1, 2))
        assert one.keys() == two.keys()
        for name, curve in one.items():
            # Sums in another order, in each step: of eight examples in four layers, there and back.
            assert golden.error(two[name], curve) < golden.rounding(8, layers=8 * crews.STEPS), (kind, name)
        ends = [torch.load(tmp_path / str(workers) / kind / "end.pt", weights_only=True) for workers in (1, 2)]
        assert all(golden.error(ends[1][key], value) < 0.01 for key, value in ends[0].items() if value.any())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("told", "^Of no use, said one of them.$"),
        ("killed", "^Process 2 of 2 was ended by SIGKILL .* run again to go on"),
    ],
)
def test_what_ends_one_process_is_told_and_ends_all(how: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(FFCLIPError, match=told):
        launch(crews.fail, tmp_path, how, device=CPU, workers=2)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_signal_to_the_program_ends_all_processes_with_the_state_saved(tmp_path: Path) -> None:
    def watch() -> None:
        for _ in range(600):
            if (tmp_path / LOG).exists():
                return os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=watch)
    thread.start()
    with pytest.raises(
        StoppedError, match=r"^game stopped after step \d+ of 1000000; run again to go on there.$"
    ) as told:
        launch(crews.play_on, tmp_path, device=CPU, workers=2)
    thread.join()
    step = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"]
    assert f" {step} of" in str(told.value) and step > 0 and signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_signal_between_stages_is_told_as_that(tmp_path: Path) -> None:
    def watch() -> None:
        for _ in range(600):
            if (tmp_path / "there 0").exists() and (tmp_path / "there 1").exists():
                return os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    with pytest.raises(StoppedError, match="^Stopped; run again to go on from the last checkpoint.$"):
        launch(crews.look_elsewhere, tmp_path, device=CPU, workers=2)
    thread.join()


def look(process: Process, found: list) -> None:
    x = torch.ones(2, requires_grad=True)
    (2 * gather(x)).sum().backward()
    assert x.grad is not None
    found.append((process, dist.is_initialized(), x.grad.tolist()))


def test_a_single_process_works_in_this_one() -> None:
    found: list = []
    threads = torch.get_num_threads()
    launch(look, found, device=CPU, workers=1)
    assert found == [(Process(device=CPU), False, [2.0, 2.0])] and torch.get_num_threads() == threads


def test_the_environment_of_torchrun_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name, value in {
        "RANK": 0,
        "WORLD_SIZE": 1,
        "LOCAL_RANK": 0,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }.items():
        monkeypatch.setenv(name, str(value))
    found: list = []
    launch(look, found, device=CPU, workers=5)
    assert found == [(Process(rank=0, world=1, device=CPU), True, [2.0, 2.0])] and not dist.is_initialized()


@pytest.fixture
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The devices of a machine, beside its CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in request.param)
    return request.param


@pytest.mark.parametrize(
    ("there", "taken"), [(set(), "cpu"), ({"cuda"}, "cuda"), ({"mps"}, "mps"), ({"cuda", "mps"}, "cuda")],
    indirect=["there"],
)  # fmt: skip
def test_by_itself_the_fastest_device_is_taken(there: set[str], taken: str) -> None:
    assert choose_device("auto").type == taken
    assert all(choose_device(name).type == name for name in {*there, "cpu"})


@pytest.mark.parametrize("there", [set()], indirect=True)
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cuda", "PyTorch finds no device 'cuda' here; auto takes what there is, and cpu works everywhere."),
        ("mps", "PyTorch finds no device 'mps' here; auto takes what there is, and cpu works everywhere."),
        ("tpu", "The device 'tpu' is none of auto, cpu, cuda and mps."),
    ],
)
def test_a_device_that_is_not_there_is_told(there: set[str], name: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        choose_device(name)
    assert str(error.value) == told


def test_as_many_processes_as_share_the_batches_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert [workers_for(batches, CPU) for batches in ([12], [8], [12, 8], [7], [])] == [6, 4, 4, 1, 6]
    assert workers_for([12], torch.device("cuda")) == 1
