"""Figures of a model family on avatars that training never saw.

Success: the judge reads all of the prompt's facts from the edited picture; asked of avatars that can show them and do
not yet. Kept: the share of other attributes that the judge reads from the edited picture as from the inversion; an
attribute counts if it is to be seen in the source and, unchanged, in the drawn target. All kept: none of them changed.
Target and inverted target: how often the judge reads the facts from the drawn target itself, and from its inversion, of
at most 32 avatars: what judge, encoder and generator lose without any edit. (Targets vary where edits are plain.)
Rows: one random fact after the other on the same pictures; all right: every attribute is read as it should be.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ... import Editor
from ...editing import apply_edit
from ..facts import Fact
from ..inversion import encode_all
from ..pictures import to_network
from .avatar import TEST_SEEDS, applicable, label_row, sample
from .captions import caption
from .drawing import draw
from .edits import random_edit
from .judge import Judge
from .vocabulary import ATTRIBUTES

SCORES = ("success", "kept", "all kept", "target", "inverted target")

_NAMES = list(ATTRIBUTES)
_CHUNK = 32
_TARGETS = 32


class Evaluation:
    """A family and a judge at work on `count` test avatars."""

    def __init__(self, editor: Editor, judge: Judge, count: int) -> None:
        self.editor, self.judge = editor, judge
        self.avatars = [sample(TEST_SEEDS + i) for i in range(count)]
        self.pictures = np.stack([draw(avatar) for avatar in tqdm(self.avatars, "drawing")])
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
        """SCORES of one prompt, and on how many avatars n they are measured: at most `most` of those who can show its
        facts and do not yet; number varies which. Of none there is n = 0 alone."""
        able = [i for i, a in enumerate(self.avatars) if applicable(a, facts) and not set(facts) <= a.facts()]
        able = list(np.random.default_rng(number).permutation(able)[:most])
        if not able:
            return {"n": 0}
        wanted = [(_NAMES.index(attribute), ATTRIBUTES[attribute].index(value)) for attribute, value in facts]
        targets = [self.avatars[i].edit(facts) for i in able]
        after, before = self.judged(self.edit(able, prompt)), self.read[able]
        labels, target_labels = self.labels[able], np.array([label_row(target) for target in targets])
        other = (labels >= 0) & (labels == target_labels)
        other[:, [attribute for attribute, _ in wanted]] = False
        kept = after == before
        few = targets[:_TARGETS]
        drawn = np.stack([draw(target) for target in few])
        best = self.judged(self.synthesize(encode_all(self.editor.encoder, drawn)))
        return {
            "success": _reads(after, wanted),
            "kept": float(kept[other].mean()),
            "all kept": float((kept | ~other).all(1).mean()),
            "target": _reads(self.judged(to_network(drawn)), wanted),
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
