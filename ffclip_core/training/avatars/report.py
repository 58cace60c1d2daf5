"""The figures of an evaluation as the tables that the model card quotes, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ..pictures import save_sheet, to_network
from .evaluation import Evaluation
from .prompts import EVALUATION_PAIRS, EVALUATION_PARAPHRASES, EVALUATION_PROMPTS
from .vocabulary import ATTRIBUTES, is_held_out

_NAMES = list(ATTRIBUTES)
_IN_ROWS = 128


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _scores(name: str, scores: list[dict[str, float]]) -> list[str]:
    means = [
        np.mean([score[key] for score in scores])
        for key in ("success", "kept", "all kept", "target", "inverted target")
    ]
    return [name, *(_percent(float(mean)) for mean in means), f"{sum(int(score['n']) for score in scores):,}"]


@torch.inference_mode()
def report(evaluation: Evaluation, most: int) -> str:
    """All figures as Markdown."""
    e = evaluation
    judged, drawn = e.judged(to_network(e.pictures)), to_network(e.pictures)
    error = (e.inversions.clamp(-1, 1) - drawn) * 127.5
    psnr = 10 * torch.log10(255**2 / error.square().mean((1, 2, 3)))
    lines = [
        "# Evaluation of the embedded avatar family",
        "",
        f"{len(e.avatars)} avatars never seen in training. Written by `python -m "
        "ffclip.ffclip_core.training.evaluate`, whose help explains the columns.",
        "",
        "## Reconstruction",
        "",
        f"Mean absolute error {error.abs().mean():.2f} of 255, PSNR {psnr.mean():.1f} dB.",
        "",
        "Judge: how often the judge reads the drawn picture rightly. Survives: how often it reads the drawn attribute "
        "from the inversion.",
        "",
    ]
    rows = []
    for i, name in enumerate(_NAMES):
        there = e.labels[:, i] >= 0
        rates = [float((read[there, i] == e.labels[there, i]).mean()) for read in (judged, e.read)]
        rows.append([name.replace("_", " "), *map(_percent, rates), int(there.sum())])
    for j, value in enumerate(ATTRIBUTES["hair"]):
        there = e.labels[:, 0] == j
        rates = [float((read[there, 0] == j).mean()) for read in (judged, e.read)]
        rows.append([f"hair: {value}", *map(_percent, rates), int(there.sum())])
    lines += _table(("attribute", "judge", "survives", "n"), rows)

    prompts = [
        *(("single", prompt, facts) for prompt, facts in EVALUATION_PROMPTS),
        *(("pair, unseen" if is_held_out(f) else "pair", prompt, f) for prompt, f in EVALUATION_PAIRS),
        *(("paraphrase, new word" if new else "paraphrase", p, f) for p, f, new in EVALUATION_PARAPHRASES),
    ]
    scores = [e.score(p, facts, i, most) for i, (_, p, facts) in enumerate(tqdm(prompts, "editing"))]
    done = list(zip(prompts, scores, strict=True))
    about = {"hair": "hairstyle", "facial_hair": "facial hair", "hair_colour": "hair colour"}
    groups = {"all single prompts": [s for (group, _, _), s in done if group == "single"]}
    for name in _NAMES:
        chosen = [s for (group, _, facts), s in done if group == "single" and facts[0][0] == name]
        groups[f"single: {about.get(name, name.replace('_', ' '))}"] = chosen
    for title, fact in (("beard", ("facial_hair", "beard")), ("wearing glasses", ("glasses", "glasses"))):
        groups[f"single: {title}"] = [s for (group, _, facts), s in done if group == "single" and facts == (fact,)]
    for group in ("pair", "pair, unseen", "paraphrase", "paraphrase, new word"):
        groups[group] = [s for (of, _, _), s in done if of == group]
    head = ("success", "kept", "all kept", "target", "inverted target", "n")
    lines += ["## Edits", "", "Means over prompts.", ""]
    lines += _table(("prompts", *head), [_scores(name, chosen) for name, chosen in groups.items()])
    lines += ["## Rows of edits", "", f"On {_IN_ROWS} avatars.", ""]
    rows = [[i, *map(_percent, both)] for i, both in enumerate(e.rows(_IN_ROWS, 8), start=1)]
    lines += _table(("edit", "success", "all right"), rows)
    lines += ["## Every prompt", ""]
    rows = [[group, *_scores(prompt, [score])] for (group, prompt, _), score in done]
    return "\n".join([*lines, *_table(("kind", "prompt", *head), rows)])


@torch.inference_mode()
def picture(evaluation: Evaluation, people: Sequence[int], prompts: Sequence[str], path: Path) -> None:
    """Save rows of one avatar each: drawn, inverted, and edited by every prompt."""
    rows = []
    for person in people:
        edits = [evaluation.edit([person], prompt) for prompt in prompts]
        drawn = to_network(evaluation.pictures[person : person + 1])
        rows.append(torch.cat([drawn, evaluation.inversions[person : person + 1], *edits]))
    save_sheet(rows, path)
