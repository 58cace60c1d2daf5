"""What a run tells: a table of its losses, the same for TensorBoard, and a bar with the time that is left."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import os
from typing import Any

from tqdm import tqdm

from .run import Run
from .storage import write_whole

LOG = "log.csv"


class Log:
    """log.csv has a row for every run.log_every steps: the last of them, and the mean of each loss over those steps in
    which it was computed.

    start, state: the steps done and what state() was after them; what was written later is taken away.
    """

    def __init__(self, run: Run, start: int, state: dict[str, Any]) -> None:
        self.run, self.path = run, run.folder / LOG
        self.columns: list[str] = state.get("columns", [])
        self.sums: dict[str, float] = state.get("sums", {})
        self.counts: dict[str, int] = state.get("counts", {})
        self.bar = tqdm(total=run.steps, initial=start, desc=run.name, disable=run.rank > 0, mininterval=5)
        self.board = None
        if not run.rank:
            self._forget(start)
            if importlib.util.find_spec("tensorboard"):
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(run.folder / "tensorboard"), purge_step=start + 1)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; all rows before are on the disk."""
        if self.path.exists():
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
        return {"columns": list(self.columns), "sums": dict(self.sums), "counts": dict(self.counts)}

    def add(self, step: int, values: dict[str, float]) -> None:
        """The losses of the step that makes it so many."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.bar.update()
        if step % self.run.log_every:
            return
        means = {name: value / self.counts[name] for name, value in self.sums.items()}
        self.sums, self.counts = {}, {}
        self.bar.set_postfix({name: f"{value:.3g}" for name, value in means.items()}, refresh=False)
        if self.run.rank:
            return
        if new := [name for name in means if name not in self.columns]:
            self._rewrite([*self.columns, *new], self._rows())
        with self.path.open("a", newline="", encoding="utf-8") as file:
            # Nine digits tell all float32 apart.
            row = [f"{means[name]:.9g}" if name in means else "" for name in self.columns]
            csv.writer(file, lineterminator="\n").writerow([step, *row])
        if self.board:
            for name, value in means.items():
                self.board.add_scalar(name, value, step)
            self.board.flush()

    def close(self) -> None:
        self.bar.close()
        if self.board:
            with contextlib.suppress(OSError):  # What could not be written has been told.
                self.board.close()

    def _forget(self, step: int) -> None:
        rows = [row for row in self._rows() if int(row["step"]) <= step]
        if rows:
            self._rewrite(self.columns, rows)
        else:
            self.columns = []
            self.path.unlink(missing_ok=True)

    def _rows(self) -> list[dict[str, str]]:
        """The whole rows: of the last, a run that was killed may have written a part."""
        if not self.path.exists():
            return []
        whole, _, _ = self.path.read_text("utf-8").rpartition("\n")
        return list(csv.DictReader(io.StringIO(whole)))

    def _rewrite(self, columns: list[str], rows: list[dict[str, str]]) -> None:
        self.columns = columns
        text = io.StringIO()
        writer = csv.DictWriter(text, ["step", *columns], "", "ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(self.path, lambda file: file.write(text.getvalue().encode()))
