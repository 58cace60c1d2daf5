"""Figures of edits that are put back into pictures as people have them, of avatars that training never saw.

Each person gets one random edit by a single prompt. The judge looks at the person's true frame, before and after.
Right: it reads the prompt's fact afterwards. Kept: the share of the other attributes that it reads as before; those
count that it reads rightly before and that the edit leaves. Drawn: right and kept of the edited person drawn into the
same picture, whose alpha stays: what judge and picture allow. Clothes below a picture's border can't be read, nor hair
where a picture is transparent. Untouched: the share of the picture's pixels that are the same bit for bit.
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
from ...faces.alignment import cut
from ..drawings import TEST_SEEDS
from ..evaluation.drawn_judge import DrawnJudge
from ..evaluation.tables import table
from .avatar import applicable, label_row, sample
from .framings import KINDS, draw_framed, true_placement
from .prompts import EVALUATION_PROMPTS
from .vocabulary import ATTRIBUTES

_NAMES = list(ATTRIBUTES)
_KEPT_APART = 100_000  # The people are others than those of the other evaluations.


class Edit(NamedTuple):
    """What came of one edit; kept has one value for each attribute that counts. asked: the attribute of the prompt;
    drawn: of the edited person as drawn."""

    kind: str
    asked: str
    found: bool
    right: bool
    kept: tuple[bool, ...]
    drawn_right: bool
    drawn_kept: tuple[bool, ...]
    untouched: float


def report(editor: Editor, judge: DrawnJudge, count: int) -> str:
    """All figures as Markdown."""
    edits = [_edit(editor, judge, kind, i) for kind in tqdm(KINDS, "kinds") for i in range(count)]
    head = ("found", "right", "kept", "drawn: right", "kept", "untouched")
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


def _edit(editor: Editor, judge: DrawnJudge, kind: str, i: int) -> Edit:
    stream = random.Random(f"in place/{kind}/{i}")
    person = sample(TEST_SEEDS + _KEPT_APART + i)
    while True:
        prompt, facts = stream.choice(EVALUATION_PROMPTS)
        if applicable(person, facts) and not set(facts) <= person.facts():
            break
    framing, target = KINDS[kind](stream), person.edit(facts)
    image, place = torch.from_numpy(draw_framed(person, framing))[None], true_placement(framing)
    drawn = torch.from_numpy(draw_framed(target, framing))[None]
    drawn = torch.cat([drawn[..., :3], image[..., 3:]], -1)
    prepared = in_place.prepare(editor, image)
    edited = in_place.edit(editor, prepared, prompt).images
    before, after, wanted = (_read(judge, cut(picture, place)) for picture in (image, edited, drawn))
    labels = np.array(label_row(person))
    counts = (labels >= 0) & (labels == np.array(label_row(target))) & (before == labels)
    asked = [(_NAMES.index(attribute), ATTRIBUTES[attribute].index(value)) for attribute, value in facts]
    counts[[index for index, _ in asked]] = False
    (right, kept), (drawn_right, drawn_kept) = (
        (all(read[index] == value for index, value in asked), tuple((read == before)[counts].tolist()))
        for read in (after, wanted)
    )
    untouched = float((edited == image).all(-1).float().mean())
    return Edit(kind, facts[0][0], bool(prepared.places), right, kept, drawn_right, drawn_kept, untouched)


@torch.no_grad()
def _read(judge: DrawnJudge, crop: Tensor) -> np.ndarray:
    return np.array([int(logits.argmax()) for logits in judge(crop.permute(0, 3, 1, 2) * 2 - 1).values()])


def _means(edits: list[Edit]) -> tuple[str, ...]:
    if not edits:
        return ("–",) * 6
    shares = (
        [edit.found for edit in edits],
        [edit.right for edit in edits],
        [each for edit in edits for each in edit.kept],
        [edit.drawn_right for edit in edits],
        [each for edit in edits for each in edit.drawn_kept],
        [edit.untouched for edit in edits],
    )
    return tuple(f"{100 * np.mean(share):.1f} %" for share in shares)
