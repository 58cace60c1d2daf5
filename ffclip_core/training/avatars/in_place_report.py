"""Figures of edits that are put back into pictures as people have them, of avatars that training never saw.

Each person gets one random edit by a single prompt. The judge looks at the person's true frame, before and after.
Right: it reads the prompt's fact afterwards. Kept: the share of the other attributes that it reads as before; those
count that it reads rightly before and that the edit leaves. Untouched: the share of the picture's pixels that are the
same bit for bit.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ... import Editor
from ...faces import in_place
from ...faces.alignment import Placement, cut
from .avatar import applicable, label_row, sample
from .dataset import TEST_SEEDS
from .framings import KINDS, Framing, draw_framed, frame_of
from .judge import Judge
from .prompts import EVALUATION_PROMPTS
from .report import table
from .vocabulary import ATTRIBUTES, SIZE

_NAMES = list(ATTRIBUTES)
_KEPT_APART = 100_000  # The people are others than those of the other evaluations.


class Edit(NamedTuple):
    """What came of one edit; kept has one value for each attribute that counts. asked: the attribute of the prompt."""

    kind: str
    asked: str
    found: bool
    right: bool
    kept: tuple[bool, ...]
    untouched: float


def report(editor: Editor, judge: Judge, count: int) -> str:
    """All figures as Markdown."""
    edits = [_edit(editor, judge, kind, i) for kind in tqdm(KINDS, "kinds") for i in range(count)]
    head = ("found", "right", "kept", "untouched")
    by_kind = [(kind, *_means([edit for edit in edits if edit.kind == kind])) for kind in KINDS]
    by_asked = [(name, *_means([edit for edit in edits if edit.asked == name])) for name in _NAMES]
    return "\n".join([
        "# Edits in place",
        "",
        f"{count} edits in each kind of picture, through Editor.edit_in_place. Written by `python -m "
        "ffclip.ffclip_core.training.evaluate_in_place`, whose help explains the columns.",
        "",
        *table(("pictures", *head), [*by_kind, ("all", *_means(edits))]),
        *table(("what was asked for", *head), by_asked),
    ])  # fmt: skip


def true_placement(framing: Framing) -> Placement:
    """Where the person's frame lies in a picture; mirrored pictures have mirrored frames."""
    frame, sign = frame_of(framing), -1 if framing.mirrored else 1
    corner = frame.at(complex(-sign, -1))
    columns = [frame.axis * 2 * sign, frame.axis * 2j, corner]
    matrix = torch.tensor([[z.real for z in columns], [z.imag for z in columns]], dtype=torch.float64)
    return Placement(matrix=matrix, size=SIZE, picture=(framing.height, framing.width))


def _edit(editor: Editor, judge: Judge, kind: str, i: int) -> Edit:
    stream = random.Random(f"in place/{kind}/{i}")
    person = sample(TEST_SEEDS + _KEPT_APART + i)
    while True:
        prompt, facts = stream.choice(EVALUATION_PROMPTS)
        if applicable(person, facts) and not set(facts) <= person.facts():
            break
    framing = KINDS[kind](stream)
    image, place = torch.from_numpy(draw_framed(person, framing))[None], true_placement(framing)
    prepared = in_place.prepare(editor, image)
    edited = in_place.edit(editor, prepared, prompt).images
    before, after = (_read(judge, cut(picture, place)) for picture in (image, edited))
    labels, target = np.array(label_row(person)), np.array(label_row(person.edit(facts)))
    counts = (labels >= 0) & (labels == target) & (before == labels)
    wanted = [(_NAMES.index(attribute), ATTRIBUTES[attribute].index(value)) for attribute, value in facts]
    counts[[index for index, _ in wanted]] = False
    return Edit(
        kind, facts[0][0], bool(prepared.places), all(after[index] == value for index, value in wanted),
        tuple((after == before)[counts].tolist()), float((edited == image).all(-1).float().mean()),
    )  # fmt: skip


@torch.no_grad()
def _read(judge: Judge, crop: Tensor) -> np.ndarray:
    return np.array([int(logits.argmax()) for logits in judge(crop.permute(0, 3, 1, 2) * 2 - 1).values()])


def _means(edits: list[Edit]) -> tuple[str, ...]:
    if not edits:
        return ("–",) * 4
    kept = [each for edit in edits for each in edit.kept]
    shares = (
        np.mean([edit.found for edit in edits]), np.mean([edit.right for edit in edits]), np.mean(kept),
        np.mean([edit.untouched for edit in edits]),
    )  # fmt: skip
    return tuple(f"{100 * share:.1f} %" for share in shares)
