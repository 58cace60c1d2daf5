"""A run's state on disk: whole, or as it was before."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import torch

from ...errors import CheckpointError
from .learner import Learner
from .processes import from_first
from .run import Run

CHECKPOINT = "checkpoint.pt"


class StorageError(CheckpointError):
    """A run's folder that can't be written to."""


class Checkpoint:
    """The file in the run's folder that it is resumed from."""

    def __init__(self, run: Run, learners: Sequence[Learner]) -> None:
        self.run, self.learners = run, learners
        self.path = run.folder / CHECKPOINT
        self.step = 0
        """The step after which it was last written."""

    def save(self, step: int, log: dict[str, Any]) -> None:
        """Write the state after so many steps.

        Raises:
            StorageError: the folder can't be written to; the last state stays.
        """
        state = {"step": step, "log": log, "same": self._same(), "players": self._states()}
        try:
            write_whole(self.path, lambda file: torch.save(state, file))
        except OSError as error:
            raise StorageError(f"{_not_written(self.path, error)}; {self.kept()}") from error
        self.step = step

    def load(self) -> tuple[int, dict[str, Any]]:
        """Bring the players to the state on disk: the steps done and the log's state. (0, {}) where there is none.

        Raises:
            CheckpointError: it is damaged, or belongs to a run with other settings or networks.
        """
        content = from_first(self._read() if not self.run.rank else None)
        if content is None:
            return 0, {}
        anew = f"run with the settings it was begun with, or delete {self.path} to begin anew"
        state = torch.load(io.BytesIO(content), map_location=self.run.device, weights_only=True)
        for name, value in self._same().items():
            if (before := state["same"].get(name)) != value:
                raise CheckpointError(f"{self.path} was begun with {name} {before}, not {value}: {anew}.")
        for learner in self.learners:
            try:
                learner.restore(state["players"][learner.player.name], state["step"])
            except (KeyError, ValueError, RuntimeError) as error:
                raise CheckpointError(
                    f"{self.path} holds another network than {learner.player.name!r} of this run: {anew} "
                    f"({str(error).splitlines()[0]})."
                ) from error
        self.step = state["step"]
        return state["step"], state["log"]

    def kept(self) -> str:
        """What a message says of the last good state."""
        return f"the state after step {self.step} is kept in {self.path}" if self.step else "nothing was saved yet"

    def _same(self) -> dict[str, str]:
        run = self.run
        return {
            "seed": str(run.seed),
            "batch": str(run.batch),
            "players": ", ".join(learner.player.name for learner in self.learners),
            **{name: str(value) for name, value in run.same.items()},
        }

    def _states(self) -> dict[str, Any]:
        return {learner.player.name: learner.state() for learner in self.learners}

    def _read(self) -> bytes | None:
        if not self.path.exists():
            return None
        try:
            content = self.path.read_bytes()
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                damaged = archive.testzip()
        except (OSError, zipfile.BadZipFile) as error:
            damaged = str(error)
        if damaged:
            raise CheckpointError(
                f"{self.path} is damaged ({damaged}): put a copy of it there, or delete it to begin anew."
            )
        return content


def write_whole(path: Path, write: Callable[[Any], None]) -> None:
    """Write a file by write(binary file); until all of it is on the disk, the one before stays.

    Raises:
        OSError: it can't be written.
    """
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            told = _Told(file)
            try:
                write(told)
            except Exception as error:
                # torch's writer of archives hides what went wrong below it.
                raise told.error or error from None
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _not_written(path: Path, error: OSError) -> str:
    return f"{path} can't be written ({error.strerror or error})"


class _Told:
    """A file that remembers what went wrong in writing it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        try:
            return self.file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()
