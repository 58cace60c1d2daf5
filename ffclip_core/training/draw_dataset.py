"""Draw the training pictures: pairs of an avatar and the same avatar with one to three facts changed.

python -m ffclip.ffclip_core.training.draw_dataset DATA [--count 60000]

DATA gets four files of `count` rows: sources.npy and targets.npy (uint8 [N, 64, 64, 3]), facts.json (what was changed)
and labels.npz (source_labels and target_labels, int8 [N, attributes], -1 where there is none; source_parameters and
target_parameters, float32 [N, P], of avatars.parameters; face_boxes float32 [N, 4], left, top, right, bottom as
fractions). Row i is the avatar of seed i. All cores draw; pictures that are there already are not drawn again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .avatars import ATTRIBUTES, Avatar, Fact, applicable, draw, face_box, parameters, sample

SIZE = 64
TEST_SEEDS = 900_000_000
"""Avatars from this seed on are never trained on."""

_BLOCK = 500
# How often an edit is about each attribute.
_EDITED = {
    "hair": 3.0,
    "hair_colour": 2.5,
    "facial_hair": 2.5,
    "glasses": 2.5,
    "expression": 4.0,
    "eyes": 1.5,
    "clothes": 0.7,
    "clothes_colour": 0.7,
}


def random_edit(avatar: Avatar, stream: random.Random) -> tuple[Fact, ...]:
    """One to three facts that this person's picture can show, at least one of them new; never a held-out pair."""
    while True:
        count = stream.choices((1, 2, 3), (5, 3.5, 1.5))[0]
        attributes: list[str] = []
        while len(attributes) < count:
            attribute = stream.choices(list(_EDITED), list(_EDITED.values()))[0]
            if attribute not in attributes:
                attributes.append(attribute)
        facts = tuple((attribute, stream.choice(ATTRIBUTES[attribute])) for attribute in attributes)
        new = not set(facts) <= avatar.facts()
        if new and applicable(avatar, facts) and not avatar.edit(facts).shows_held_out():
            return facts


def label_row(avatar: Avatar) -> list[int]:
    """The index of each attribute's value, -1 where it has none."""
    labels = avatar.labels()
    return [-1 if labels[name] is None else values.index(labels[name]) for name, values in ATTRIBUTES.items()]


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
    """What draw_dataset wrote."""
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=60_000, help="how many pairs")
    arguments = parser.parse_args()
    folder: Path = arguments.data
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("sources", "targets"):
        if not (folder / f"{name}.npy").exists():
            shape = (arguments.count, SIZE, SIZE, 3)
            np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)
    count = len(np.load(folder / "sources.npy", mmap_mode="r"))
    if count != arguments.count:
        parser.error(f"{folder} holds {count} pairs, not {arguments.count}: give another folder or --count {count}")
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


if __name__ == "__main__":
    main()
