"""The table of losses."""

from __future__ import annotations

import csv
from pathlib import Path

import games
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.training.loop import Learning, Player, Run, Share, fit
from ffclip.ffclip_core.training.loop.log import LOG, Log
from torch import Tensor, nn


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / LOG).open() as file:
        return list(csv.DictReader(file))


def test_a_row_has_the_means_of_the_steps_since_the_last_one(tmp_path: Path) -> None:
    number = nn.Linear(1, 1)

    def losses(share: Share) -> dict[str, Tensor]:
        nothing = 0 * number.weight.sum()
        found = {"a": nothing + share.step, "b": nothing - 1}
        if share.step % 40 == 39:
            found["rare"] = nothing + share.step
        return found

    run = Run(folder=tmp_path, steps=130, batch=1)
    fit(run, [Player.of("number", number, losses, Learning(learning_rate=0.1))])
    assert (tmp_path / LOG).read_text() == "step,a,b,rare\n50,24.5,-1,39\n100,74.5,-1,79\n"


def test_a_loss_that_comes_later_has_a_column_from_then_on(tmp_path: Path) -> None:
    log = Log(Run(folder=tmp_path, steps=9, batch=1, log_every=1), 0, {})
    log.add(1, {"a": 1 / 3})
    log.add(2, {"b": 2.0})
    log.close()
    assert rows(tmp_path) == [
        {"step": "1", "a": "0.333333333", "b": ""},
        {"step": "2", "a": "", "b": "2"},
    ]


@pytest.mark.parametrize("tail", ["", "1", "12", "120,0.5", "120,0.5,1\n", "120,0.5,1\n130,0."])
def test_what_was_written_after_the_state_is_forgotten(tail: str, tmp_path: Path) -> None:
    """As much of it as was written when the run was killed."""
    run = Run(folder=tmp_path, steps=200, batch=1, log_every=10)
    log = Log(run, 0, {})
    for step in range(1, 116):
        log.add(step, {"a": float(step)} | ({"b": 1.0} if step > 107 else {}))
    state = log.state()
    for step in range(116, 121):
        log.add(step, {"a": float(step), "b": 1.0})
    expected = (tmp_path / LOG).read_bytes()
    *kept, _ = expected.decode().splitlines(keepends=True)
    (tmp_path / LOG).write_text("".join(kept) + tail)
    again = Log(run, 115, state)
    assert len(rows(tmp_path)) == 11
    for step in range(116, 121):
        again.add(step, {"a": float(step), "b": 1.0})
    assert (tmp_path / LOG).read_bytes() == expected


def test_a_column_that_came_after_the_state_is_forgotten(tmp_path: Path) -> None:
    run = Run(folder=tmp_path, steps=9, batch=1, log_every=1)
    log = Log(run, 0, {})
    log.add(1, {"a": 1.0})
    state, before = log.state(), (tmp_path / LOG).read_bytes()
    log.add(2, {"a": 1.0, "b": 2.0})
    Log(run, 1, state)
    assert (tmp_path / LOG).read_bytes() == before
    Log(run, 0, {})
    assert not (tmp_path / LOG).exists(), "nothing is left of a run that begins anew"


def test_float32_is_told_to_the_last_bit(tmp_path: Path) -> None:
    value = torch.tensor(1 / 3)
    log = Log(Run(folder=tmp_path, steps=1, batch=1, log_every=1), 0, {})
    log.add(1, {"a": value.item()})
    assert torch.equal(torch.tensor(float(rows(tmp_path)[0]["a"])), value)


def test_tensorboard_has_the_same_rows(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fit(games.run_of(tmp_path, steps=5), games.players("game"))
    fit(games.run_of(tmp_path, steps=7), games.players("game"))
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {event.step: event.value for event in events.Scalars("real")}
    assert found == {int(row["step"]): np.float32(row["real"]) for row in rows(tmp_path)} and len(found) == 7
