"""A run that is interrupted, in whatever way, ends as one that is not."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

import fresh
import games
import golden
import pytest
import torch
from ffclip.ffclip_core.errors import CheckpointError, InputError
from ffclip.ffclip_core.training.loop import Learning, Player, Run, Share, StoppedError, fit, storage
from ffclip.ffclip_core.training.loop.checkpoint import CHECKPOINT
from ffclip.ffclip_core.training.loop.learner import NotFiniteError
from ffclip.ffclip_core.training.loop.log import LOG
from ffclip.ffclip_core.training.loop.storage import StorageError
from torch import nn

SEES_TESTS = f"import sys; sys.path.append({str(Path(games.__file__).parent)!r})"
# Runs the training once in a fork of its own, then again in forks that are killed, each at a random moment, until one
# has ended by itself. What torch loads late is loaded before; on one thread it starts no other.
KILLED = """
import os, random, signal, sys, threading, time
from pathlib import Path
import torch
import games
from tqdm import tqdm
from ffclip.ffclip_core.training.loop import Process

folder, kind, kills, seed, part = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
moments = random.Random(seed)
torch.set_num_threads(1)

def train(name, steps):
    run = games.run_of(folder / name, steps=steps, accumulate=2, log_every=3, save_every=0.02)
    games.play(Process(device=torch.device("cpu")), kind, run, dropout=0.2)

def play(name, until=None):
    child = os.fork()
    if not child:
        tqdm.set_lock(threading.RLock())  # Its own is shared by forks, and one that is killed may hold it.
        train(name, 300)
        os._exit(0)
    if until is not None:
        time.sleep(until)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

train("before", 2)
begun = time.monotonic()
assert play("whole") == 0
lasted = time.monotonic() - begun
while kills:
    status = play("killed", moments.uniform(0.0, part * lasted))
    state = folder / "killed" / "checkpoint.pt"
    print(status, torch.load(state)["step"] if state.exists() else None)
    if status == 0:
        break
    kills -= 1
assert play("killed") == 0
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="forks")
@pytest.mark.parametrize("kind", ["game", "pairs"])
def test_killed_at_any_moment_it_ends_with_the_same_log_and_weights_to_the_last_bit(kind: str, tmp_path: Path) -> None:
    found = fresh.run(SEES_TESTS + KILLED, tmp_path, kind, 3, 1, 0.6).splitlines()
    assert found[0].startswith("-9"), found
    log, whole = ((tmp_path / folder / LOG).read_bytes() for folder in ("killed", "whole"))
    assert log == whole and log.count(b"\n") == 1 + 300 // 3
    ends = [torch.load(tmp_path / folder / "end.pt", weights_only=True) for folder in ("killed", "whole")]
    assert games.same(*ends)


def end_of(folder: Path, **others: object) -> dict[str, torch.Tensor]:
    """The weights with which a game of 20 steps ends."""
    table = games.players("game", dropout=0.2)
    fit(games.run_of(folder, **others), table)
    return games.weights(table)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, torch.Tensor], bytes]:
    """How it ends where nothing comes between: weights and log."""
    folder = tmp_path_factory.mktemp("whole")
    return end_of(folder), (folder / LOG).read_bytes()


def step_of(folder: Path) -> int:
    return torch.load(folder / CHECKPOINT, weights_only=True)["step"]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, None])
def test_asked_to_end_it_saves_and_goes_on_there(
    kind: signal.Signals | None, tmp_path: Path, whole: tuple[dict[str, torch.Tensor], bytes]
) -> None:
    steps: list[int] = []

    def progress(step: int) -> None:
        steps.append(step)
        if step == 7 and kind:
            signal.raise_signal(kind)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StoppedError, match="^game stopped after step 7 of 20; run again to go on there.$"):
        fit(
            games.run_of(tmp_path, name="game"), games.players("game", dropout=0.2), progress=progress,
            stop=lambda: not kind and len(steps) == 7,
        )  # fmt: skip
    assert signal.getsignal(signal.SIGTERM) is before and step_of(tmp_path) == 7
    assert games.same(end_of(tmp_path), whole[0]) and (tmp_path / LOG).read_bytes() == whole[1]


def test_the_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    def progress(step: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(games.run_of(tmp_path), games.players("game"), progress=progress)


def test_outside_of_the_main_thread_signals_are_left_alone(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []
    run = games.run_of(tmp_path, steps=1)
    thread = threading.Thread(
        target=lambda: fit(
            run, games.players("game"), progress=lambda step: seen.append(signal.getsignal(signal.SIGINT))
        )
    )
    thread.start()
    thread.join()
    assert seen == [before] and step_of(tmp_path) == 1


def test_weights_that_lie_otherwise_in_memory_go_on_as_they_would_have(tmp_path: Path) -> None:
    """Such as a network's that was trained just before, and is read from its file the next time."""
    aim = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(1))

    def train(folder: Path, order: torch.memory_format, until: int = 9) -> torch.Tensor:
        weight = torch.zeros(4, 3, 3, 3).contiguous(memory_format=order)
        network = nn.ParameterDict({"weight": nn.Parameter(weight)})
        done: list[int] = []
        player = Player.of(
            "network",
            network,
            lambda share: {"error": (network["weight"] - aim).square().sum()},
            Learning(learning_rate=0.1),
        )
        with nullcontext() if until == 9 else pytest.raises(StoppedError):
            fit(Run(folder=folder, steps=9, batch=1), [player], progress=done.append, stop=lambda: len(done) == until)
        return network["weight"].detach()

    whole = train(tmp_path / "whole", torch.contiguous_format)
    train(tmp_path / "parted", torch.channels_last, until=4)
    assert golden.error(train(tmp_path / "parted", torch.contiguous_format), whole) < golden.rounding(9)


def test_a_state_is_there_from_the_start(tmp_path: Path) -> None:
    seen: list[int] = []
    fit(games.run_of(tmp_path, steps=2), games.players("game"), progress=lambda step: seen.append(step_of(tmp_path)))
    assert seen == [0, 0] and step_of(tmp_path) == 2


class Number(Player):
    """A number of its own, and what is minimised of it in each step."""

    def __init__(self, loss: Callable[[torch.Tensor, int], torch.Tensor]) -> None:
        super().__init__("number", Learning(learning_rate=0.01))
        self.number = nn.Parameter(torch.ones(()))
        self.loss = loss

    def forward(self, share: Share) -> dict[str, torch.Tensor]:
        return {"other": self.number * 0, "size": self.loss(self.number, share.step)}


@pytest.mark.parametrize(
    ("loss", "what"),
    [
        (lambda x, step: x * (math.nan if step == 5 else 1), "loss 'size' is nan"),
        (lambda x, step: x * (math.inf if step == 5 else 1), "loss 'size' is inf"),
        (lambda x, step: (x * 0).sqrt() if step == 5 else x, "gradient of 'number' is nan"),
    ],
)
def test_what_is_no_finite_number_ends_it_with_the_last_good_state_kept(
    loss: Callable[[torch.Tensor, int], torch.Tensor], what: str, tmp_path: Path
) -> None:
    with pytest.raises(StoppedError):
        fit(games.run_of(tmp_path), [Number(loss)], stop=lambda: True)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    player = Number(loss)
    with pytest.raises(NotFiniteError) as told:
        fit(games.run_of(tmp_path, name="numbers"), [player])
    assert str(told.value) == (
        f"The {what} in step 6 of numbers; the state after step 1 is kept in {tmp_path / CHECKPOINT}: run again with a "
        "lower learning rate or clip, or in float32."
    )
    assert (tmp_path / CHECKPOINT).read_bytes() == kept and bool(player.number.isfinite())
    fit(games.run_of(tmp_path), [Number(lambda x, step: x)])  # Run again with what does not go astray.
    assert step_of(tmp_path) == 20


def test_a_lower_rate_and_more_steps_take_effect_from_there_on(tmp_path: Path) -> None:
    def player(rate: float) -> Number:
        made = Number(lambda x, step: x)
        made.learning = Learning(learning_rate=rate, schedule="constant")
        return made

    fit(games.run_of(tmp_path, steps=10), [player(0.01)])
    last = player(0.001)
    fit(games.run_of(tmp_path, steps=15), [last])
    # Of a loss whose slope is always 1, Adam's step is the learning rate.
    assert golden.error(1 - last.number.detach(), torch.tensor(10 * 0.01 + 5 * 0.001)) < 16 * golden.rounding(1)


def begin(folder: Path) -> bytes:
    with pytest.raises(StoppedError):
        fit(games.run_of(folder, same={"losses": {"clip": 1.0}}), games.players("game"), stop=lambda: True)
    return (folder / CHECKPOINT).read_bytes()


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"batch": 16}, "was begun with batch 8, not 16"),
        ({"seed": 3}, "was begun with seed 0, not 3"),
        ({"same": {"losses": {"clip": 0.5}}}, "was begun with losses {'clip': 1.0}, not {'clip': 0.5}"),
    ],
)
def test_other_settings_are_refused(others: dict[str, Any], told: str, tmp_path: Path) -> None:
    kept = begin(tmp_path)
    with pytest.raises(CheckpointError) as error:
        fit(games.run_of(tmp_path, **{"same": {"losses": {"clip": 1.0}}} | others), games.players("game"))
    assert told in str(error.value) and str(tmp_path / CHECKPOINT) in str(error.value)
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


def test_other_networks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = begin(tmp_path)
    run = games.run_of(tmp_path, same={"losses": {"clip": 1.0}})
    with pytest.raises(CheckpointError, match="was begun with players discriminator, generator, not pairs"):
        fit(run, games.players("pairs"))
    monkeypatch.setattr(games, "WIDTH", 8)
    with pytest.raises(CheckpointError, match="holds another network than 'discriminator' of this run"):
        fit(run, games.players("game"))
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """One bit of a weight."""
    place = content.index(torch.load(BytesIO(content), weights_only=True)["players"]["generator"]["player"][
        "generator.0.weight"].numpy().tobytes())  # fmt: skip
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def foreign(_: bytes) -> bytes:
    file = BytesIO()
    torch.save({"model": {}}, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _: b"", "is damaged"),
        (cut, "is damaged"),
        (flipped, "is damaged"),
        (foreign, "is no checkpoint of this program"),
    ],
)
def test_a_damaged_checkpoint_is_told_and_left(change: Callable[[bytes], bytes], told: str, tmp_path: Path) -> None:
    changed = change(begin(tmp_path))
    (tmp_path / CHECKPOINT).write_bytes(changed)
    with pytest.raises(CheckpointError, match=told) as error:
        fit(games.run_of(tmp_path, same={"losses": {"clip": 1.0}}), games.players("game"))
    assert str(error.value).startswith(str(tmp_path / CHECKPOINT)) and "to begin anew" in str(error.value)
    assert (tmp_path / CHECKPOINT).read_bytes() == changed


FULL = """
import os, resource, sys
from pathlib import Path
import games
from ffclip.ffclip_core.training.loop import fit
from ffclip.ffclip_core.training.loop.storage import StorageError

folder, limit = Path(sys.argv[1]), int(sys.argv[2])
sys.stderr = open(os.devnull, "w")  # The bar; its file is limited as well.
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    fit(games.run_of(folder, steps=40), games.players("game"))
except StorageError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of processes")
@pytest.mark.parametrize(("limit", "file"), [(4000, CHECKPOINT + ".new"), (100, LOG + ".new")])
def test_where_there_is_no_room_it_is_told_and_the_last_state_stays(
    limit: int, file: str, tmp_path: Path, whole: tuple[dict[str, torch.Tensor], bytes]
) -> None:
    end_of(tmp_path)
    kept = (tmp_path / CHECKPOINT).read_bytes()
    told = fresh.run(SEES_TESTS + FULL, tmp_path, limit)
    assert told.startswith(f"{tmp_path}") and "can't be written (File too large)" in told, told
    assert told.count("\n") == 1 and "make room or choose another folder, and run again." in told
    assert (tmp_path / CHECKPOINT).read_bytes() == kept and not list(tmp_path.glob("*.new"))
    assert games.same(end_of(tmp_path), whole[0]) and (tmp_path / LOG).read_bytes() == whole[1]


def test_a_folder_that_cannot_be_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"can't be written \(.*\): make room or choose another folder") as told:
        fit(games.run_of(tmp_path / "file" / "run"), games.players("game"))
    assert str(tmp_path / "file" / "run") in str(told.value)


def test_two_runs_in_one_folder_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_PATIENCE", 0.2)
    told: list[str] = []

    def another(step: int) -> None:
        with pytest.raises(InputError) as error:
            fit(games.run_of(tmp_path), games.players("game"))
        told.append(str(error.value))

    fit(games.run_of(tmp_path, steps=1), games.players("game"), progress=another)
    assert told == [f"Another run works in {tmp_path}: wait for its end, or stop it."]
    fit(games.run_of(tmp_path), games.players("game"))
    assert step_of(tmp_path) == 20


def test_what_a_sheet_or_an_export_cannot_write_is_told_with_the_state_kept(tmp_path: Path) -> None:
    def export(step: int) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "model"))

    with pytest.raises(StorageError) as told:
        fit(games.run_of(tmp_path), games.players("game"), export=export)
    reason = "can't be written (No space left on device)"
    kept = f"the state after step 20 is kept in {tmp_path / CHECKPOINT}"
    assert str(told.value).startswith(f"{tmp_path / 'model'} {reason}; {kept}: make room")
