"""What training reads: prepared pictures and pairs, and which of them are kept for evaluation."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from . import store
from .left_out import Left

_SHARE, _MOST = 0.05, 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """A folder that prepare() filled.

    pictures: uint8 [N, size, size, 3], before and after: uint8 [P, size, size, 3], read from the disk as they are asked
    for; texts: every caption and every text of a pair, once each; skipped: what was left out; fingerprint: another one
    wherever the source is another one ("" where that can't be told). held_out and training, held_out_pairs and
    training_pairs: int64, rows that are never and that may be trained on. Handed to another process it takes its
    folder's name along, not its pictures.
    """

    folder: Path
    size: int
    fingerprint: str
    pictures: np.ndarray
    before: np.ndarray
    after: np.ndarray
    texts: list[str]
    skipped: tuple[Left, ...]
    held_out: np.ndarray
    training: np.ndarray
    held_out_pairs: np.ndarray
    training_pairs: np.ndarray
    rows: tuple[store.Rows, store.Rows]

    def captions_of(self, i: int) -> tuple[int, ...]:
        """The places in texts of picture i's captions."""
        return self.rows[0].texts_of(i)

    def pair_texts(self, i: int) -> tuple[int, ...]:
        """The places in texts of those that ask for the edit of pair i."""
        return self.rows[1].texts_of(i)

    def __reduce__(self) -> tuple[Any, ...]:
        if not len(self.pictures) and not len(self.before):
            return no_pictures, (self.folder, self.size)
        return load, (self.folder,)


def load(folder: str | Path) -> Data:
    """What prepare() left in a folder. Raises InputError where that is nothing, or not all."""
    contents = store.read(Path(folder))
    if contents is None or not contents.whole:
        raise InputError(f"{folder} holds no prepared pictures: prepare them first.")
    return data_of(Path(folder), contents)


def no_pictures(folder: Path, size: int) -> Data:
    """Of a training that has texts alone."""
    none, squares = np.zeros(0, np.int64), np.zeros((0, size, size, 3), np.uint8)
    return Data(
        folder=folder,
        size=size,
        fingerprint="",
        pictures=squares,
        before=squares,
        after=squares,
        texts=[],
        skipped=(),
        held_out=none,
        training=none,
        held_out_pairs=none,
        training_pairs=none,
        rows=(store.Rows(), store.Rows()),
    )


def data_of(folder: Path, contents: store.Contents) -> Data:
    """The same of records that were read already."""
    pictures, before, after = store.pixels(folder, contents)
    held, held_pairs = (_held_out(rows.digests) for rows in contents.rows)
    return Data(
        folder=folder,
        size=contents.header.size,
        fingerprint=contents.header.fingerprint,
        pictures=pictures,
        before=before,
        after=after,
        texts=list(contents.texts),
        skipped=tuple(contents.left),
        held_out=np.flatnonzero(held),
        training=np.flatnonzero(~held),
        held_out_pairs=np.flatnonzero(held_pairs),
        training_pairs=np.flatnonzero(~held_pairs),
        rows=contents.rows,
    )


def _held_out(digests: array[int]) -> np.ndarray:
    """Which rows are kept for evaluation, bool: 5 % of the different ones, those with the least hashes, so that copies
    are never on both sides and most stay where they are when others come; at least one where there are two, at most
    512."""
    values = np.array(digests, np.uint64)
    different = np.unique(values)
    count = min(_MOST, max(1, round(_SHARE * len(different)))) if len(different) > 1 else 0
    return np.isin(values, different[:count])
