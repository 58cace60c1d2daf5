"""The figures of an evaluation of drawings as the tables that a model card quotes, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..drawings import Question
from ..pictures import save_sheet, to_network
from .drawings import SCORES, Evaluation

_IN_ROWS = 128


class Asked(NamedTuple):
    """One prompt of the evaluation and what came of it."""

    question: Question
    score: dict[str, float]


@torch.inference_mode()
def report(evaluation: Evaluation, most: int) -> str:
    """All figures as Markdown; every prompt is asked of at most `most` avatars."""
    asked = ask(evaluation, most)
    head = (*SCORES, "n")
    in_rows = enumerate(evaluation.rows(_IN_ROWS, 8), start=1)
    lines = [
        f"# Evaluation of the family {evaluation.editor.generator.family}",
        "",
        f"{len(evaluation.things)} drawings never seen in training. Written by `python -m "
        "ffclip.ffclip_core.training.evaluate`, whose help explains the columns.",
        "",
        "## Reconstruction",
        "",
        _errors(evaluation.inversions, to_network(evaluation.pictures)),
        "",
        "Judge: how often the judge reads the drawn picture rightly. Survives: how often it reads the drawn attribute "
        "from the inversion.",
        "",
        *table(("attribute", "judge", "survives", "n"), _readings(evaluation)),
        "## Edits",
        "",
        "Means over prompts.",
        "",
        *table(
            ("prompts", *head), [(name, *_means(scores)) for name, scores in _groups(asked, evaluation.names).items()]
        ),
        "## Rows of edits",
        "",
        f"On {min(_IN_ROWS, len(evaluation.things))} drawings.",
        "",
        *table(("edit", "success", "all right"), [(number, *map(_percent, both)) for number, both in in_rows]),
        "## Every prompt",
        "",
        *table(
            ("kind", "prompt", *head), [(row.question.kind, row.question.prompt, *_means([row.score])) for row in asked]
        ),
    ]
    return "\n".join(lines)


def ask(evaluation: Evaluation, most: int) -> list[Asked]:
    """Every question of the domain, of at most `most` things each."""
    return [
        Asked(question, evaluation.score(question.prompt, question.facts, number, most))
        for number, question in enumerate(tqdm(evaluation.domain.questions, "editing"))
    ]


def _errors(found: Tensor, drawn: Tensor) -> str:
    """How far pictures are from those drawn; both in [-1, 1], which is 255 steps wide."""
    error = (found.clamp(-1, 1) - drawn) * 127.5
    psnr = 10 * torch.log10(255**2 / error.square().mean((1, 2, 3)))
    return f"Mean absolute error {error.abs().mean():.2f} of 255, PSNR {psnr.mean():.1f} dB."


def _readings(e: Evaluation) -> list[tuple[object, ...]]:
    """Per attribute, and per value of the first: how often it is read rightly from the drawing and from its
    inversion."""
    drawn = e.judged(to_network(e.pictures))
    cases = [(name.replace("_", " "), i, e.labels[:, i] >= 0) for i, name in enumerate(e.names)]
    first = e.names[0]
    cases += [(f"{first}: {value}", 0, e.labels[:, 0] == j) for j, value in enumerate(e.domain.attributes[first])]
    return [
        (name, *(_share(read[there, i] == e.labels[there, i]) for read in (drawn, e.read)), int(there.sum()))
        for name, i, there in cases
    ]


def _groups(asked: Sequence[Asked], names: Sequence[str]) -> dict[str, list[dict[str, float]]]:
    """The scores that a row of the table is the mean of, by the row's name: all single prompts, those about each
    attribute, and other kinds."""
    groups: dict[str, list[dict[str, float]]] = {"all single prompts": []}
    groups |= {f"single: {name.replace('_', ' ')}": [] for name in names}
    for question, score in asked:
        if question.kind == "single":
            groups["all single prompts"].append(score)
            groups[f"single: {question.facts[0][0].replace('_', ' ')}"].append(score)
        else:
            groups.setdefault(question.kind, []).append(score)
    return groups


def _means(scores: Sequence[dict[str, float]]) -> list[str]:
    """The mean of every figure over the prompts that somebody could be asked for, and how often it was asked."""
    told = [score for score in scores if score["n"]]
    means = [_percent(float(np.mean([score[name] for score in told]))) if told else "–" for name in SCORES]
    return [*means, f"{sum(int(score['n']) for score in told):,}"]


def _share(right: np.ndarray) -> str:
    return _percent(float(right.mean())) if right.size else "–"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of Markdown, the last one empty."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


@torch.inference_mode()
def picture(evaluation: Evaluation, people: Sequence[int], prompts: Sequence[str], path: Path) -> None:
    """Save rows of one avatar each: drawn, inverted, and edited by every prompt."""
    rows = []
    for person in people:
        edits = [evaluation.edit([person], prompt) for prompt in prompts]
        drawn = to_network(evaluation.pictures[person : person + 1])
        rows.append(torch.cat([drawn, evaluation.inversions[person : person + 1], *edits]))
    save_sheet(rows, path)
