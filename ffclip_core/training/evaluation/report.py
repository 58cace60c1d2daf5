"""OUT/evaluation.md with its pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import torch

from ..inversion import encode_all
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
            "and after.",
            "",
            "| text | pictures | right | kept |",
            "| --- | --- | --- | --- |",
            *(f"| {_cell(p.prompt)} | {p.n} | {p.right:.1%} | {p.kept:.1%} |" for p in found),
            f"| all | | {right:.1%} | {kept:.1%} |",
        ]
        sums.append(f"{right:.0%} of the edits by text are right, {kept:.0%} of the rest is kept")
    if _sheet(work, measures):
        lines += ["", "Pictures, their inversions, and edits:", "", "![edits](evaluation.png)"]
    for name in STAGES:
        if (curves := _curves(work.folder(name) / "log.csv", work.out / f"losses-{name}.png")) is not None:
            lines += ["", f"![losses of {STAGES[name].WHAT}]({curves.name})"]
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
        x, w = to_network(data.before[rows]), encode_all(measures.encoder, data.before[rows])
        texts = sorted({data.texts[data.pair_texts(int(i))[0]] for i in rows})[: _COLUMNS - 2]
    else:
        return False
    columns = [x, measures.drawn(w), *(measures.edited(w, text) for text in texts)]
    save_sheet(list(torch.stack(columns, 1)), work.out / "evaluation.png")
    return True


def _curves(log: Path, out: Path) -> Path | None:
    """The losses of a stage over its steps."""
    if not log.exists():
        return None
    from matplotlib.figure import Figure

    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("step",)] if rows else []
    if not names:
        return None
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1)
    axes.set(xlabel="step", yscale="log")
    axes.legend()
    figure.savefig(out, dpi=100)
    return out
