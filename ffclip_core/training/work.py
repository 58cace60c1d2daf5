"""What every stage works with: the data, the settings, the parts that are there, and the family folder that grows."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..checkpoints import load_parts, save_part
from ..errors import InputError
from ..execution.precision import has_bfloat16
from .codes import Codes
from .drawings import Drawings, Known
from .inversion import codes_of, mark_of
from .loop import Learning, Player, Process, Run, fit, seeded, wait_for_all
from .loop.processes import from_first
from .loop.run import Precision
from .loop.storage import storing
from .settings import Settings
from .sources import Data

STATE = "training"
"""The folder within the family's in which training keeps what it needs to go on."""
_LEARNT_WITH = {
    "drawn_encoder": ("generator",),
    "drawn_modulator": ("encoder", "generator", "text_encoder"),
    "autoencoder": ("image_encoder",),
    "encoder": ("generator", "image_encoder"),
    "modulator": ("encoder", "generator", "text_encoder", "image_encoder"),
}
"""The parts, those that a stage makes itself aside, without which what it learnt is of no use."""
_CODES = 1000  # Pictures whose codes are in memory at a time, while they are written.
_TRIED = 6  # Steps that are timed, the first two of which count for nothing.
_FEWEST, _MOST = 30, 1_000_000


@dataclass(kw_only=True)
class Work:
    """settings; out: the family's folder; process: this one of those that train together; data: what is trained on;
    parts: by kind, those that are given or trained already, on the process's device, for use; minutes: the time of each
    stage that has no number of steps; texts: what the blocks are asked for, without those of pairs; family: the name in
    the headers of new parts; drawings: what the pictures are of, where that is known; stop: asked after each step
    whether to end; watch: told of stage, step and steps; save_parts: whether parts are written into the folder; latest:
    those that would have been last."""

    settings: Settings
    out: Path
    process: Process
    data: Data
    parts: dict[str, Any]
    minutes: Mapping[str, float]
    texts: Sequence[str] = ()
    family: str = ""
    drawings: Drawings | None = None
    stop: Callable[[], bool] | None = None
    watch: Callable[[str, int, int], object] | None = None
    save_parts: bool = True
    latest: dict[str, Any] = field(default_factory=dict)
    _codes: dict[str, Tensor] = field(default_factory=dict)
    _marks: dict[str, tuple[Any, str]] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        return self.process.device

    @property
    def precision(self) -> Precision:
        named = self.settings.precision
        return ("bfloat16" if has_bfloat16(self.device) else "float32") if named == "auto" else named

    @cached_property
    def known(self) -> Known:
        """Of the drawings in the data's rows; read by all processes once the first has them on the disk."""
        assert self.drawings is not None  # noqa: S101
        return Known.of(self.drawings, len(self.data.pictures), self.out / STATE / "known.npz")

    def space(self, num_layers: int, latent_dim: int) -> Codes:
        """Where the drawings' codes lie."""
        assert self.drawings is not None  # noqa: S101
        parameters = torch.from_numpy(self.known.parameters[self.data.training])
        return Codes.of(parameters, num_layers, latent_dim, self.drawings.domain.scales)

    def folder(self, stage: str) -> Path:
        return self.out / STATE / stage

    def weights(self, stage: str) -> dict[str, float]:
        """Of the losses of a stage, those that are not switched off."""
        return {name: weight for name, weight in self.settings.stage(stage).losses.items() if weight}

    def same(self, stage: str) -> dict[str, Any]:
        """What a stage has to be gone on with by."""
        same: dict[str, Any] = {"losses": self.weights(stage), "data": self._of_data}
        if stage == "modulator":
            same["texts"] = hashlib.sha256("\n".join(self.texts).encode()).hexdigest()[:16]
        if self.drawings:
            same["drawings"] = len(self.data.pictures)  # The codes' mean and scale are theirs.
        marks = {kind: self._mark(kind) for kind in _LEARNT_WITH.get(stage, ()) if kind in self.parts}
        return same | ({"parts": marks} if marks else {})

    @property
    def _of_data(self) -> str:
        """The data's fingerprint, or where they have none, another one as soon as any of them is."""
        if not self.data.fingerprint and "data" not in self._marks:
            digest = hashlib.sha256(repr(list(self.data.texts)).encode("utf-8", "surrogatepass"))
            for pictures in (self.data.pictures, self.data.before, self.data.after):
                for start in range(0, len(pictures), _CODES):
                    digest.update(pictures[start : start + _CODES].tobytes())
            self._marks["data"] = (None, digest.hexdigest()[:32])
        return self.data.fingerprint or self._marks["data"][1]

    def _mark(self, kind: str) -> str:
        """Of a part that is there."""
        network, mark = self._marks.get(kind, (None, ""))
        if network is not self.parts[kind]:
            mark = mark_of(self.parts[kind])
            self._marks[kind] = (self.parts[kind], mark)
        return mark

    def finished(self, stage: str) -> bool:
        """Raises InputError where the stage is done, but of other pictures, texts, losses or parts."""
        path = self.folder(stage) / "finished.json"
        if not path.exists():
            return False
        if json.loads(path.read_text(encoding="utf-8")) != self.same(stage):
            raise InputError(
                f"{self.folder(stage)} is of other pictures, texts, losses or parts: delete it to train this part "
                "anew, or give another folder for the family."
            )
        return True

    def learning(self, stage: str, **others: Any) -> Learning:
        """As the settings have it; others: of Learning's fields."""
        return self.settings.stage(stage).learning(**others)

    def fit(
        self,
        stage: str,
        make: Callable[[], Sequence[Player]],
        use: Callable[[Sequence[Player]], Mapping[str, nn.Module]],
        sheet: Callable[[Sequence[Player], Path], None] | None = None,
    ) -> Sequence[Player]:
        """Train the players that make() gives, from where the stage was left. use() says which parts come of them: they
        are written into the family's folder after each checkpoint. sheet draws into the stage's folder."""
        folder = self.folder(stage)
        folder.mkdir(parents=True, exist_ok=True)
        run = self._run(stage, self._steps(stage, make), folder)
        with seeded(self.settings.seed, self.device):
            players = make()

        def watch(step: int) -> None:
            if self.watch is not None:
                self.watch(stage, step, run.steps)

        fit(
            run,
            players,
            sheet=None if sheet is None else lambda step: sheet(players, folder),
            export=lambda step: self.save(use(players)),
            stop=self.stop,
            progress=watch,
        )
        return players

    def finish(self, stage: str, parts: Mapping[str, nn.Module]) -> None:
        """The stage is done, and these are its parts: those of the first process, which all have from here on as they
        would have if they had begun again."""
        if self.process.rank == 0:
            self.save(parts)
            write_json(self.folder(stage) / "finished.json", self.same(stage))
        wait_for_all()
        if self.save_parts:
            self.reload(list(parts))
        else:
            self.take(parts)

    def take(self, parts: Mapping[str, nn.Module]) -> None:
        """Use these parts from now on, frozen."""
        for kind, network in parts.items():
            self.parts[kind] = network.eval().requires_grad_(False).to(self.device)

    def reload(self, kinds: Sequence[str]) -> None:
        """Parts of a stage that an earlier run has finished."""
        self.take(load_parts({kind: self.out / f"{kind}.safetensors" for kind in kinds}))

    def save(self, parts: Mapping[str, nn.Module]) -> None:
        """Into the family's folder, each file whole at every moment; what was saved last is in `latest`."""
        self.latest.update(parts)
        if not self.save_parts:
            return
        for kind, network in parts.items():
            path = self.out / f"{kind}.safetensors"
            new = path.with_name(f".{path.name}.new")
            save_part(new, network, torch.float32)  # pyright: ignore[reportArgumentType]
            os.replace(new, path)

    def codes(self, name: str, pictures: np.ndarray) -> Tensor:
        """The encoder's codes [N, L, D] of pictures uint8 [N, S, S, 3], float32 on the CPU; computed once, by all
        processes together."""
        if name not in self._codes:
            of = f"{self._of_data} {self.data.size} {len(pictures)} {self._mark('encoder')}"
            digest = hashlib.sha256(of.encode()).hexdigest()[:8]
            path = self.out / STATE / "codes" / f"{name}-{digest}.npy"
            if not from_first(path.exists()):
                with storing(path):
                    self._write_codes(path, name, pictures)
            self._codes[name] = torch.from_numpy(np.load(path, mmap_mode="c"))
        return self._codes[name]

    def _write_codes(self, path: Path, name: str, pictures: np.ndarray) -> None:
        """Written as a file, as memory that is mapped ends the process where the disk is full."""
        encoder, (rank, world) = self.parts["encoder"], (self.process.rank, self.process.world)
        shape = (len(pictures), encoder.num_layers, encoder.latent_dim)
        new = path.with_name(f"{name}.new")
        if rank == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            for old in path.parent.glob(f"{name}-*.npy"):  # Of other pictures, or another encoder.
                old.unlink()
            with new.open("wb") as file:
                np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        wait_for_all()
        with new.open("r+b") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            begin = file.tell()
            for start in range(_CODES * rank, len(pictures), _CODES * world):
                codes = codes_of(encoder, pictures[start : start + _CODES]).numpy().astype("<f4")
                file.seek(begin + start * codes[0].nbytes)
                file.write(codes.tobytes())
            file.flush()
            os.fsync(file.fileno())
        wait_for_all()
        if rank == 0:
            os.replace(new, path)
        wait_for_all()

    def _run(self, stage: str, steps: int, folder: Path) -> Run:
        given = self.settings.stage(stage)
        return Run(
            **vars(self.process),
            folder=folder,
            name=stage,
            steps=steps,
            batch=given.batch,
            seed=self.settings.seed,
            precision=self.precision,
            accumulate=given.accumulate,
            log_every=max(1, min(50, steps // 20)),
            save_every=given.save_every,
            sheet_every=given.sheet_every,
            same=self.same(stage),
        )

    def _steps(self, stage: str, make: Callable[[], Sequence[Player]]) -> int:
        """As many as the settings say, or as there is time for: found by trying a few, once."""
        if (steps := self.settings.stage(stage).steps) is not None:
            return steps
        path = self.folder(stage) / "steps.json"
        found = json.loads(path.read_text())["steps"] if path.exists() else None
        found = from_first(found)
        if found is None:
            times: list[float] = []
            folder = Path(from_first(tempfile.mkdtemp(dir=self.folder(stage)) if self.process.rank == 0 else None))
            with seeded(self.settings.seed, self.device):
                players = make()
            run = replace(self._run(stage, _TRIED, folder), save_every=1e9, sheet_every=10**9)
            try:
                fit(run, players, progress=lambda step: times.append(time.monotonic()), stop=self.stop)
            finally:
                if self.process.rank == 0:
                    shutil.rmtree(folder, ignore_errors=True)
            each = (times[-1] - times[1]) / (_TRIED - 2)
            found = from_first(max(_FEWEST, min(_MOST, round(60 * self.minutes[stage] / each))))
            if self.process.rank == 0:
                write_json(path, {"steps": found, "seconds a step": each})
        return found


def write_json(path: Path, value: Any) -> None:
    """Whole at every moment."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(new, path)
