"""A run's state on disk: whole, or as it was before."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import torch

from ...errors import CheckpointError
from .learner import Learner
from .processes import from_first
from .run import Run
from .storage import storing, write_whole

CHECKPOINT = "checkpoint.pt"


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
        players = {learner.player.name: learner.state() for learner in self.learners}
        state = {"step": step, "log": log, "same": self._same(), "players": players}
        with storing(self.path, f"; {self.kept()}"):
            write_whole(self.path, lambda file: torch.save(state, file))
        self.step = step

    def load(self) -> tuple[int, dict[str, Any]]:
        """Bring the players to the state on disk: the steps done and the log's state. (0, {}) where there is none,
        and then that is written, which tells whether the folder can be.

        Raises:
            CheckpointError: it is damaged, or belongs to a run with other settings or networks.
            StorageError: the folder can't be written to.
        """
        content = from_first(self._read() if not self.run.rank else None)
        if content is None:
            if not self.run.rank:
                self.save(0, {})
            return 0, {}
        anew = f"run with the settings it was begun with, or delete {self.path} to begin anew"
        try:
            state = torch.load(io.BytesIO(content), map_location=self.run.device, weights_only=True)
            step, log, same, players = (state[key] for key in ("step", "log", "same", "players"))
        except Exception as error:  # Anything may stand in a file.
            raise CheckpointError(
                f"{self.path} is no checkpoint of this program ({type(error).__name__}): choose another folder, or "
                "delete it to begin anew."
            ) from error
        for name, value in self._same().items():
            if (before := same.get(name)) != value:
                raise CheckpointError(f"{self.path} was begun with {name} {before}, not {value}: {anew}.")
        for learner in self.learners:
            try:
                learner.restore(players[learner.player.name], step)
            except (KeyError, ValueError, RuntimeError) as error:
                raise CheckpointError(
                    f"{self.path} holds another network than {learner.player.name!r} of this run: {anew} "
                    f"({str(error).splitlines()[0]})."
                ) from error
        self.step = step
        return step, log

    def kept(self) -> str:
        """What a message says of the last good state."""
        return f"the state after step {self.step} is kept in {self.path}"

    def _same(self) -> dict[str, str]:
        run = self.run
        return {
            "seed": str(run.seed),
            "batch": str(run.batch),
            "players": ", ".join(learner.player.name for learner in self.learners),
            **{name: str(value) for name, value in run.same.items()},
        }

    def _read(self) -> bytes | None:
        if not self.path.exists():
            return None
        try:
            content = self.path.read_bytes()
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                damaged = archive.testzip()
        except Exception as error:  # Anything may stand in a file.
            damaged = str(error)
        if damaged:
            raise CheckpointError(
                f"{self.path} is damaged ({damaged}): put a copy of it there, or delete it to begin anew."
            )
        return content
