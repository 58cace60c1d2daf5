"""Measure a model family on avatars that training never saw, and write the tables that the model card quotes.

python -m ffclip.ffclip_core.training.evaluate JUDGE_RUN/judge.pt [--models FOLDER] [--count 512] [--out evaluation.md]

Success: the judge reads all of the prompt's facts from the edited picture; asked of avatars that can show them and do
not yet. Kept: the share of other attributes that the judge reads from the edited picture as from the inversion; an
attribute counts if it is to be seen in the source and, unchanged, in the drawn target. All kept: none of them changed.
Target and inverted target: how often the judge reads the facts from the drawn target itself, and from its inversion, of
at most 32 avatars: what judge, encoder and generator lose without any edit. (Targets vary where edits are plain.)
Rows: one random fact after the other on the same pictures; all right: every attribute is read as it should be.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .. import EMBEDDED, Editor
from ..editing import apply_edit
from . import loop
from .avatars import ATTRIBUTES, Fact, applicable, draw, is_held_out, sample
from .captions import EVALUATION_PAIRS, EVALUATION_PARAPHRASES, EVALUATION_PROMPTS, caption
from .draw_dataset import SIZE, TEST_SEEDS, label_row, random_edit
from .judge import Judge, load_judge
from .train_encoder import encode_all
from .train_generator import sheet

_NAMES = list(ATTRIBUTES)
_CHUNK = 32
_TARGETS = 32
_IN_ROWS = 128


class Evaluation:
    """A family and a judge at work on `count` test avatars."""

    def __init__(self, editor: Editor, judge: Judge, count: int) -> None:
        self.editor, self.judge = editor, judge
        self.avatars = [sample(TEST_SEEDS + i) for i in range(count)]
        self.pictures = np.stack([draw(avatar, SIZE) for avatar in tqdm(self.avatars, "drawing")])
        self.labels = np.array([label_row(avatar) for avatar in self.avatars])
        self.w = encode_all(editor.encoder, self.pictures)
        self.inversions = self.synthesize(self.w)
        self.read = self.judged(self.inversions)

    def synthesize(self, w: Tensor) -> Tensor:
        return torch.cat([self.editor.generator(piece) for piece in w.split(_CHUNK)])

    def judged(self, x: Tensor) -> np.ndarray:
        """The judge's reading of pictures in [-1, 1]: value indices [N, attributes]."""
        pieces = [torch.stack([o.argmax(1) for o in self.judge(p).values()], 1) for p in x.clamp(-1, 1).split(_CHUNK)]
        return torch.cat(pieces).numpy()

    def edit(self, rows: Sequence[int], prompt: str) -> Tensor:
        e = self.editor.text_encoder.encode([prompt])
        pieces = []
        for w in self.w[list(rows)].split(_CHUNK):
            delta = self.editor.modulator(w, e.expand(len(w), -1))
            pieces.append(self.editor.generator(apply_edit(w, delta)))
        return torch.cat(pieces)

    def score(self, prompt: str, facts: tuple[Fact, ...], number: int, most: int) -> dict[str, float]:
        """What the table tells of one prompt, on at most `most` avatars; number varies which."""
        able = [i for i, a in enumerate(self.avatars) if applicable(a, facts) and not set(facts) <= a.facts()]
        able = list(np.random.default_rng(number).permutation(able)[:most])
        wanted = [(_NAMES.index(attribute), ATTRIBUTES[attribute].index(value)) for attribute, value in facts]
        targets = [self.avatars[i].edit(facts) for i in able]
        after, before = self.judged(self.edit(able, prompt)), self.read[able]
        labels, target_labels = self.labels[able], np.array([label_row(target) for target in targets])
        other = (labels >= 0) & (labels == target_labels)
        other[:, [attribute for attribute, _ in wanted]] = False
        same = (after == before) | ~other
        few = targets[:_TARGETS]
        drawn = np.stack([draw(target, SIZE) for target in few])
        best = self.judged(self.synthesize(encode_all(self.editor.encoder, drawn)))
        return {
            "success": _reads(after, wanted),
            "kept": float((same & other).sum() / other.sum()),
            "all kept": float(same.all(1).mean()),
            "target": _reads(self.judged(loop.to_network(drawn)), wanted),
            "inverted target": _reads(best, wanted),
            "n": len(able),
        }

    def rows(self, count: int, length: int) -> list[tuple[float, float]]:
        """Success and all right after each edit of rows of `length` edits on the first `count` avatars."""
        people, w, found = self.avatars[:count], self.w[:count], []
        stream = random.Random(0)
        for _ in range(length):
            facts = []
            for i, person in enumerate(people):
                while len(chosen := random_edit(person, stream)) > 1:
                    pass
                facts.append(chosen)
                people[i] = person.edit_plainly(chosen)
            e = self.editor.text_encoder.encode([caption(chosen, stream) for chosen in facts])
            w = apply_edit(w, self.editor.modulator(w, e))
            read, labels = self.judged(self.synthesize(w)), np.array([label_row(person) for person in people])
            told = [_NAMES.index(chosen[0][0]) for chosen in facts]
            right = (read == labels) | (labels < 0)
            found.append((float(right[np.arange(len(told)), told].mean()), float(right.all(1).mean())))
        return found


def _reads(read: np.ndarray, wanted: list[tuple[int, int]]) -> float:
    return float(np.all([read[:, attribute] == value for attribute, value in wanted], axis=0).mean())


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
    judged, drawn = e.judged(loop.to_network(e.pictures)), loop.to_network(e.pictures)
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
        drawn = loop.to_network(evaluation.pictures[person : person + 1])
        rows.append(torch.cat([drawn, evaluation.inversions[person : person + 1], *edits]))
    sheet(rows, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("judge", type=Path, help="judge.pt that the judge's training wrote")
    parser.add_argument("--models", type=Path, default=EMBEDDED, help="folder of the four parts")
    parser.add_argument("--count", type=int, default=512, help="how many avatars")
    parser.add_argument("--per-prompt", type=int, default=512, help="at most so many of them for each prompt")
    parser.add_argument("--out", type=Path, default=EMBEDDED / "evaluation.md", help="the table; a .png goes beside it")
    arguments = parser.parse_args()
    with torch.inference_mode():
        evaluation = Evaluation(Editor.from_folder(arguments.models), load_judge(arguments.judge), arguments.count)
    text = report(evaluation, arguments.per_prompt)
    arguments.out.write_text(text, encoding="utf-8")
    prompts = ("Purple hair", "Bald", "Beard", "wearing glasses", "Surprise", "Sad", "afro hairstyle", "closed eyes")
    picture(evaluation, range(10), prompts, arguments.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
