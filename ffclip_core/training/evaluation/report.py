"""OUT/evaluation.md with its pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import torch

from ..inversion import codes_of
from ..pictures import save_sheet, to_network
from ..stages import STAGES
from ..work import Work
from .measures import Measures

_ROWS, _COLUMNS = 8, 7


def evaluate(work: Work) -> str:
    """Write the report; the sentence that sums it up."""
    measures = Measures(work)
    lines = [
        f"# {work.family}",
        "",
        f"On pictures that no training saw, by `run.py train`; {len(work.data.training):,} pictures and "
        f"{len(work.data.training_pairs):,} pairs were trained on.",
    ]
    sums = []
    if len(measures.rows):
        error = measures.inversion_error
        lines += ["", f"Inversions differ from their pictures by {error:.1f} of 255 ({len(measures.rows)} pictures)."]
        sums.append(f"inversions are {error:.1f} of 255 from their pictures")
    if measures.distances:
        said = ", ".join(f"{value:.3f} for {name}" for name, value in measures.distances.items())
        lines += [
            "",
            f"Fréchet distance to the pictures, of CLIP's image embeddings (this family's tower): {said}. It is "
            "compared with other runs on the same pictures only.",
        ]
    if measures.of_pairs:
        pairs = measures.of_pairs
        lines += [
            "",
            "## Edits of which pairs are known",
            "",
            "| pairs | right | error where the pair differs | change elsewhere |",
            "| --- | --- | --- | --- |",
            f"| {pairs.n} | {pairs.right:.1%} | {pairs.changed:.1f} | {pairs.unchanged:.1f} |",
            "",
            "*right*: where the pair differs, the edit is less than half as far from the picture after as the "
            "inversion of the picture before is. Errors are mean absolute differences of 255; *change elsewhere* is "
            "beside the inversion.",
        ]
        sums.append(f"{pairs.right:.0%} of the pairs' edits are right")
    if measures.of_prompts:
        found = measures.of_prompts
        right, kept = (sum(getattr(p, name) for p in found) / len(found) for name in ("right", "kept"))
        judge = work.settings.evaluation.judge or "CLIP, the text and image tower of this family, without labels"
        lines += [
            "",
            "## Edits by text",
            "",
            f"Judge: {judge}. *right*: of pictures of which the text was not true, those of which it is after the "
            "edit. *kept*: what else the judge can tell, and goes together with the text, that is told alike before "
            "and after. Where the edits were trained by this CLIP, it flatters them: look at the pictures.",
            "",
            "| text | pictures | right | kept |",
            "| --- | --- | --- | --- |",
            *(f"| {_cell(p.prompt)} | {p.n} | {p.right:.1%} | {p.kept:.1%} |" for p in found),
            f"| all | | {right:.1%} | {kept:.1%} |",
        ]
        sums.append(f"{right:.0%} of the edits by text are right, {kept:.0%} of the rest is kept")
    if _sheet(work, measures):
        lines += ["", "Pictures, their inversions, and edits:", "", "![edits](evaluation.png)"]
    if _curves(work):
        lines += ["", "![losses of each part, by step](losses.png)"]
    (work.out / "evaluation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"{work.out / 'evaluation.md'}: {'; '.join(sums) or 'there was nothing to measure'}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _sheet(work: Work, measures: Measures) -> bool:
    """Pictures in rows: as they are, inverted, and edited."""
    data = work.data
    if len(measures.rows):
        x, w = to_network(data.pictures[measures.rows[:_ROWS]]), measures.w[:_ROWS]
        texts = list(measures.told[: _COLUMNS - 2])
    elif len(data.held_out_pairs):
        rows = data.held_out_pairs[:_ROWS]
        x, w = to_network(data.before[rows]), codes_of(measures.encoder, data.before[rows])
        texts = sorted({data.texts[data.pair_texts(int(i))[0]] for i in rows})[: _COLUMNS - 2]
    else:
        return False
    columns = [x, measures.drawn(w), *(measures.edited(w, text) for text in texts)]
    save_sheet(list(torch.stack(columns, 1)), work.out / "evaluation.png")
    return True


def _curves(work: Work) -> bool:
    """The losses of each stage over its steps."""
    logs = {name: _rows(work.folder(name) / "log.csv") for name in STAGES}
    logs = {name: rows for name, rows in logs.items() if rows}
    if not logs:
        return False
    from matplotlib.figure import Figure  # Late: it takes long to import.

    figure = Figure(figsize=(5 * len(logs), 4))
    for axes, (name, rows) in zip(figure.subplots(1, len(logs), squeeze=False)[0], logs.items(), strict=True):
        for loss in rows[0]:
            points = [(int(row["step"]), float(row[loss])) for row in rows if row[loss]]
            if loss != "step" and points:
                axes.plot(*zip(*points, strict=True), label=loss, linewidth=1)
        axes.set(title=STAGES[name].WHAT, xlabel="step", yscale="log")
        axes.legend()
    figure.savefig(work.out / "losses.png", dpi=100)
    return True


def _rows(log: Path) -> list[dict[str, str]]:
    if not log.exists():
        return []
    with log.open(newline="") as file:
        return list(csv.DictReader(file))
