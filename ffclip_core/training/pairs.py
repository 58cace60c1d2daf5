"""Modulation blocks of pairs alone, in this process: what a node needs of training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..networks.modulation import Modulator
from .evaluation.measures import Measures
from .inversion import mark_of
from .loop import Process, StoppedError
from .settings import read_settings
from .sources import prepare
from .stages import modulator
from .work import Work


class PairTraining:
    """Of the pairs in a folder; its state, under a name that follows from all that goes into it, is kept in a folder
    within `states`, so that a run that was stopped goes on when it is asked for again.

    networks: encoder, text_encoder, generator, and modulator to go on from one. texts: what these blocks know already.
    sheets: how many sample sheets are drawn, into `sheet`. Raises InputError where the folder holds no pairs.
    """

    def __init__(
        self,
        networks: Mapping[str, Any],
        pairs: Path,
        states: Path,
        *,
        steps: int,
        learning_rate: float,
        seed: int,
        device: torch.device,
        texts: Sequence[str] = (),
        sheets: int = 20,
    ) -> None:
        size = networks["generator"].size
        data = prepare(pairs, states / f"pairs-{_digest(str(pairs.absolute()), size)}", size)
        if not len(data.training_pairs):
            raise InputError(
                f"{pairs} holds no pairs to learn from: put NAME.before.png, NAME.after.png and NAME.txt there, twice "
                "at least."
            )
        marks = [mark_of(network) for network in networks.values()]
        self.folder = states / _digest(data.fingerprint, steps, learning_rate, seed, *texts, *marks)
        stage = {"steps": steps, "learning_rate": learning_rate, "sheet_every": max(1, steps // sheets)}
        settings = read_settings(None, preset="quick", seed=seed, modulator=stage)
        self.steps, start = steps, networks.get("modulator")
        self.work = Work(
            settings=settings,
            out=self.folder,
            process=Process(device=device),
            data=data,
            parts=dict(networks),
            minutes={},
            texts=tuple(texts) if start is not None else (),
            family=getattr(networks["generator"], "family", None) or "",
            save_parts=False,
        )
        self.sheet = self.work.folder("modulator") / "edits.png"

    def train(self, watch: Callable[[int], object], stop: Callable[[], bool]) -> tuple[Modulator, int]:
        """The blocks, and how many steps they have learned; fewer than asked for where stop() said so.

        watch is told the number of steps done after each.
        """
        steps = [0]

        def seen(stage: str, step: int, of: int) -> None:
            steps[0] = step
            watch(step)

        self.work.watch, self.work.stop = seen, stop
        with torch.inference_mode(False), torch.enable_grad():
            try:
                modulator.train(self.work)
            except StoppedError:
                pass
        blocks = self.work.latest["modulator"]
        return blocks, steps[0] or self.steps

    def summary(self) -> str:
        """How well it was learned, by the pairs that were kept out of training."""
        with torch.inference_mode(False), torch.no_grad():
            found = Measures(self.work).of_pairs
        if found is None:
            return ""
        return f"Of {found.n} pairs that it did not learn from, {found.right:.0%} are edited right."


def _digest(*values: object) -> str:
    return hashlib.sha256("\n".join(map(str, values)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
