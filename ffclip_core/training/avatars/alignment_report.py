"""Figures of an aligner on pictures as people have them, of avatars that training never saw.

Corner error: how far the corners of the found square are from where they should be, on average of the four, in per cent
of its side, mirrored or not. Mirrored right: whether the picture's left is told from its right; some people look the
same mirrored. Found again: the share of attributes that the judge reads rightly from the inversion of the whole
picture, of what the aligner cuts out, and of the true frame.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ... import Editor
from ...faces.drawn import Frame, find_drawn_faces, see
from ...faces.face import Face
from ...networks.aligner import Aligner
from ...pictures import prepare
from ..drawings import TEST_SEEDS
from ..evaluation.drawn_judge import DrawnJudge
from ..evaluation.tables import table
from .avatar import Avatar, label_row, sample
from .framings import KINDS, Framing, busy, draw_framed, frame_of, gradient
from .vocabulary import ATTRIBUTES

_CORNERS = (-1 - 1j, -1 + 1j, 1 + 1j, 1 - 1j)


class Row(NamedTuple):
    """What came of one picture. error: the corners', in sides. found again: rightly read attributes and all, of the
    whole picture, the aligned one, and the true frame."""

    kind: str
    avatar: Avatar
    mirrored: bool
    found: int
    error: float
    right: bool
    again: tuple[float, float, float]
    seconds: float


def corner_error(face: Face, framing: Framing) -> tuple[float, bool]:
    """The corner error in sides, and whether the picture's left is told from its right."""
    frame, square = frame_of(framing), torch.as_tensor(face.square).numpy()
    errors = []
    for sign in (1, -1):
        corners = [frame.at(corner if sign > 0 else -corner.conjugate()) for corner in _CORNERS]
        true = np.array([[corner.real, corner.imag] for corner in corners])
        errors.append(float(np.linalg.norm(square - true, axis=1).mean() / (2 * abs(frame.axis))))
    return min(errors), (errors[0] > errors[1]) == framing.mirrored


def cut(image: Tensor, face: Face, size: int) -> Tensor:
    """What the encoder is to see, [1, 3, size, size] in [-1, 1]."""
    a, b, c, d = (complex(*corner) for corner in torch.as_tensor(face.square).tolist())
    right, down = (d - a) / 2, (b - a) / 2
    mirrored = (right.conjugate() * down).imag < 0
    x = see(image, Frame((a + b + c + d) / 4, -right if mirrored else right), size)
    return x.flip(3) if mirrored else x


class Measuring:
    """A family with an aligner of its own at work; count: avatars in each kind of picture."""

    def __init__(self, editor: Editor, aligner: Aligner, judge: DrawnJudge, count: int) -> None:
        self.editor, self.aligner, self.judge, self.count = editor, aligner, judge, count
        self.rows = [row for kind in tqdm(KINDS, "kinds") for row in self._kind(kind)]

    def _kind(self, kind: str) -> list[Row]:
        rows, seen, labels = [], [], []
        for i in range(self.count):
            avatar = sample(TEST_SEEDS + i)
            framing = KINDS[kind](random.Random(f"{kind}/{i}"))
            image = torch.from_numpy(draw_framed(avatar, framing))[None]
            start = time.perf_counter()
            faces = find_drawn_faces(image, self.aligner)[0]
            seconds = time.perf_counter() - start
            face = max(faces, key=lambda each: each.confidence, default=None)
            error, right = corner_error(face, framing) if face else (float("nan"), False)
            rows.append(Row(kind, avatar, framing.mirrored, len(faces), error, right, (0.0, 0.0, 0.0), seconds))
            size = self.editor.encoder.input_size[0]
            whole = prepare(image, self.editor.encoder.input_size)
            true = see(image, frame_of(framing), size)
            seen += [whole, cut(image, face, size) if face else whole, true.flip(3) if framing.mirrored else true]
            labels.append(label_row(avatar))
        again = self._again(torch.cat(seen), np.array(labels))
        return [row._replace(again=tuple(shares)) for row, shares in zip(rows, again.tolist(), strict=True)]

    def _again(self, x: Tensor, labels: np.ndarray) -> np.ndarray:
        """The share of attributes found again, [count, 3]."""
        read = []
        for piece in x.split(32):
            told = self.judge(self.editor.generator(self.editor.encoder(piece)).clamp(-1, 1))
            read.append(torch.stack([logits.argmax(1) for logits in told.values()], 1))
        right = torch.cat(read).numpy().reshape(len(labels), 3, -1) == labels[:, None]
        return (right & (labels >= 0)[:, None]).sum(2) / (labels >= 0).sum(1)[:, None]

    def false_alarms(self, count: int) -> int:
        """In how many pictures without anybody a face is found."""
        alarms = 0
        for i in range(count):
            stream = random.Random(f"nobody/{i}")
            framing = Framing(middle=(2000.0, 2000.0), behind=stream.choice((busy, busy, gradient))(stream))
            image = torch.from_numpy(draw_framed(sample(TEST_SEEDS), framing))[None]
            alarms += bool(find_drawn_faces(image, self.aligner)[0])
        return alarms


def report(measured: Measuring, nobody: int) -> str:
    """All figures as Markdown."""
    rows = measured.rows
    kinds = [_line(kind, [row for row in rows if row.kind == kind]) for kind in KINDS]
    told = [row for row in rows if row.found]
    hair = [
        (value, *(_percent([row.right for row in told if row.avatar.values["hair"] == value and row.mirrored == m])
          for m in (False, True)))
        for value in ATTRIBUTES["hair"]
    ]  # fmt: skip
    seconds = np.median([row.seconds for row in rows if row.kind == "whole drawing"])
    return "\n".join([
        "# Evaluation of the avatars' aligner",
        "",
        f"{measured.count} avatars never seen in training, in each kind of picture. Written by `python -m "
        "ffclip.ffclip_core.training.evaluate_aligner`, whose help explains the columns.",
        "",
        *table(
            ("pictures", "found", "corner error, median", "95 %", "worst", "mirrored right", "found again: whole",
             "aligned", "true frame"),
            [*kinds, _line("all", rows)],
        ),
        "How often a picture is rightly told to be mirrored or not, by hairstyle.",
        "",
        *table(("hair", "not mirrored", "mirrored"), hair),
        f"In {measured.false_alarms(nobody)} of {nobody} pictures without anybody a face is found. A whole drawing of "
        f"256 px takes {1000 * seconds:.0f} ms.",
        "",
    ])  # fmt: skip


def _line(name: str, rows: Sequence[Row]) -> tuple[str, ...]:
    errors = np.array([row.error for row in rows if row.found])
    figures = (np.median(errors), np.percentile(errors, 95), errors.max()) if len(errors) else ()
    again = np.mean([row.again for row in rows], 0)
    return (
        name,
        _percent([row.found > 0 for row in rows]),
        *([f"{100 * figure:.2f} %" for figure in figures] or "–––"),
        _percent([row.right for row in rows if row.found]),
        *(f"{100 * share:.1f} %" for share in again),
    )


def _percent(values: Sequence[bool]) -> str:
    return f"{100 * float(np.mean(values)):.1f} %" if values else "–"
