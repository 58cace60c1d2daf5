"""The files that the training commands read: pairs of an avatar and the same avatar with some facts changed."""

from __future__ import annotations

import json
import multiprocessing
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..facts import Fact
from .avatar import label_row, sample
from .drawing import draw, face_box
from .edits import random_edit
from .parameters import parameters
from .vocabulary import SIZE

TEST_SEEDS = 900_000_000
"""Avatars from this seed on are never trained on."""

_BLOCK = 500


@dataclass(frozen=True)
class Pairs:
    """pictures: sources and targets, uint8 [N, H, W, 3] each, memory maps; labels int8 [2, N, attributes]; parameters
    float32 [2, N, P]; face_boxes float32 [N, 4]; facts: what was changed."""

    pictures: tuple[np.ndarray, np.ndarray]
    labels: np.ndarray
    parameters: np.ndarray
    face_boxes: np.ndarray
    facts: list[tuple[Fact, ...]]


def load(folder: Path) -> Pairs:
    """What draw_pairs wrote."""
    facts = [tuple((a, v) for a, v in facts) for facts in json.loads((folder / "facts.json").read_text())]
    sources, targets = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("sources", "targets"))
    with np.load(folder / "labels.npz") as stored:
        labels = np.stack([stored["source_labels"], stored["target_labels"]])
        parameters = np.stack([stored["source_parameters"], stored["target_parameters"]])
        return Pairs((sources, targets), labels, parameters, stored["face_boxes"], facts)


def _draw_block(job: tuple[Path, int, Sequence[int]]) -> dict[str, list]:
    folder, start, seeds = job
    pictures = {name: np.load(folder / f"{name}.npy", mmap_mode="r+") for name in ("sources", "targets")}
    rows: dict[str, list] = {}
    for row, seed in enumerate(seeds, start):
        source = sample(seed)
        facts = random_edit(source, random.Random(f"{seed}/edit"))
        target = source.edit(facts)
        if not pictures["targets"][row].any():
            pictures["sources"][row] = draw(source, SIZE)
            pictures["targets"][row] = draw(target, SIZE)
        told = {"face_boxes": face_box(source), "facts": facts}
        for name, avatar in (("source", source), ("target", target)):
            told |= {f"{name}_labels": label_row(avatar), f"{name}_parameters": parameters(avatar)}
        for name, value in told.items():
            rows.setdefault(name, []).append(value)
    return rows


def draw_pairs(folder: Path, count: int) -> None:
    """Draw the pairs of the seeds below count into this folder, by all cores; drawn pictures are not drawn again.

    Four files: sources.npy and targets.npy (uint8 [N, 64, 64, 3]), facts.json (what was changed) and labels.npz
    (source_labels and target_labels, int8 [N, attributes], -1 where there is none; source_parameters and
    target_parameters, float32 [N, P]; face_boxes float32 [N, 4], left, top, right, bottom as fractions). Raises
    ValueError if the folder holds another number of pairs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("sources", "targets"):
        if not (folder / f"{name}.npy").exists():
            np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=(count, SIZE, SIZE, 3))
        if (there := len(np.load(folder / f"{name}.npy", mmap_mode="r"))) != count:
            raise ValueError(f"{folder} holds {there} pairs, not {count}: give another folder or that number")
    jobs = [(folder, i, range(i, min(i + _BLOCK, count))) for i in range(0, count, _BLOCK)]
    columns: dict[str, list] = {}
    with multiprocessing.Pool() as pool, tqdm(total=count, unit=" pairs") as bar:
        for rows in pool.imap(_draw_block, jobs):
            for name, values in rows.items():
                columns.setdefault(name, []).extend(values)
            bar.update(len(rows["facts"]))
    (folder / "facts.json").write_text(json.dumps(columns.pop("facts")))
    arrays: dict[str, Any] = {
        name: np.asarray(column, np.int8 if name.endswith("labels") else np.float32) for name, column in columns.items()
    }
    np.savez(folder / "labels.npz", **arrays)
