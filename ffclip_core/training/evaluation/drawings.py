"""Figures of a family of drawings on things that training never saw.

Success: the judge reads all that the prompt says from the edited picture; asked of things that can show it and do not
yet. Kept: the share of other attributes that the judge reads from the edited picture as from the inversion; an
attribute counts if it is to be seen in the source and, unchanged, in the drawn target. All kept: none of them changed.
Target and inverted target: how often the judge reads it from the drawn target itself, and from its inversion, of at
most 32 things: what judge, encoder and generator lose without any edit.
Rows: one random fact after the other on the same pictures; all right: every attribute is read as it should be.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ... import Editor
from ...editing import apply_edit
from ..drawings import TEST_SEEDS, Domain
from ..facts import Fact
from ..inversion import encode_all
from ..pictures import to_network
from .drawn_judge import DrawnJudge

SCORES = ("success", "kept", "all kept", "target", "inverted target")
_CHUNK = 32
_TARGETS = 32


class Evaluation:
    """A family and a judge at work on `count` things of a domain that were never trained on."""

    def __init__(self, domain: Domain, editor: Editor, judge: DrawnJudge, count: int) -> None:
        self.domain, self.editor, self.judge = domain, editor, judge
        self.names = list(domain.attributes)
        self.things = [domain.sample(TEST_SEEDS + i) for i in range(count)]
        self.pictures = self.draw(tqdm(self.things, "drawing"))
        self.labels = self.label(self.things)
        self.w = encode_all(editor.encoder, self.pictures)
        self.inversions = self.synthesize(self.w)
        self.read = self.judged(self.inversions)

    def draw(self, things: Iterable[Any]) -> np.ndarray:
        return np.stack([self.domain.draw(thing, self.editor.generator.size) for thing in things])

    def label(self, things: Iterable[Any]) -> np.ndarray:
        """[N, attributes]"""
        return np.array([self.domain.labels(thing) for thing in things])

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

    def score(self, prompt: str, facts: Sequence[Fact], number: int, most: int) -> dict[str, float]:
        """SCORES of one prompt, and on how many things n they are measured: at most `most` of those that can show its
        facts and do not yet; number varies which. Of none there is n = 0 alone."""
        targets = [self.domain.edit(thing, facts) for thing in self.things]
        wanted = [self._wanted(*rows, facts) for rows in zip(self.labels, self.label(targets), strict=True)]
        able = [i for i, values in enumerate(wanted) if values and not reads(self.labels[i], values)]
        able = list(np.random.default_rng(number).permutation(able)[:most])
        if not able:
            return {"n": 0}
        after, before = self.judged(self.edit(able, prompt)), self.read[able]
        labels, target_labels = self.labels[able], self.label(targets[i] for i in able)
        other = (labels >= 0) & (labels == target_labels)
        other[:, [self.names.index(attribute) for attribute, _ in facts]] = False
        kept = after == before
        few = able[:_TARGETS]
        drawn = self.draw(targets[i] for i in few)
        best = self.judged(self.synthesize(encode_all(self.editor.encoder, drawn)))
        return {
            "success": _share(after, [wanted[i] for i in able]),
            "kept": float(kept[other].mean()),
            "all kept": float((kept | ~other).all(1).mean()),
            "target": _share(self.judged(to_network(drawn)), [wanted[i] for i in few]),
            "inverted target": _share(best, [wanted[i] for i in few]),
            "n": len(able),
        }

    def _wanted(self, before: np.ndarray, after: np.ndarray, facts: Sequence[Fact]) -> dict[int, set[int]]:
        """By attribute the values that are right after an edit by these facts, of a thing with such labels; none at all
        where one of the facts can't be seen then."""
        found: dict[int, set[int]] = {}
        for fact in facts:
            place = self.names.index(fact[0])
            meant = {self.domain.attributes[fact[0]].index(value) for value in self.domain.concepts[fact]}
            if after[place] < 0:
                return {}
            # Of a comparative what it leads to is right alone.
            plain = after[place] in meant and (before[place] == after[place] or before[place] not in meant)
            found[place] = meant if plain else {int(after[place])}
        return found

    def rows(self, count: int, length: int) -> list[tuple[float, float]]:
        """Success and all right after each edit of rows of `length` edits on the first `count` things."""
        things, w, found = self.things[:count], self.w[:count], []
        stream = random.Random(0)
        for _ in range(length):
            facts = []
            for i, thing in enumerate(things):
                while len(chosen := self.domain.random_edit(thing, stream)) > 1:
                    pass
                facts.append(chosen)
                things[i] = self.domain.edit(thing, chosen)
            e = self.editor.text_encoder.encode([self.domain.caption(chosen, stream) for chosen in facts])
            w = apply_edit(w, self.editor.modulator(w, e))
            read, labels = self.judged(self.synthesize(w)), self.label(things)
            told = [self.names.index(chosen[0][0]) for chosen in facts]
            right = (read == labels) | (labels < 0)
            found.append((float(right[np.arange(len(told)), told].mean()), float(right.all(1).mean())))
        return found


def reads(read: np.ndarray, wanted: Mapping[int, set[int]]) -> bool:
    """Whether what is read of a picture [attributes] is all as wanted."""
    return all(int(read[place]) in values for place, values in wanted.items())


def _share(read: np.ndarray, wanted: Sequence[Mapping[int, set[int]]]) -> float:
    return float(np.mean([reads(row, values) for row, values in zip(read, wanted, strict=True)]))
