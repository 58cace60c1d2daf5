"""Figures of one family: what survives inversion, which edits succeed, and what else they leave as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...editing import apply_edit
from ..brought import brought
from ..inversion import codes_of
from ..losses.modulator import changed_places
from ..pictures import to_network
from ..stages.text import phrases
from ..work import Work
from .frechet import frechet_distance
from .zero_shot import Judge, ZeroShot

PICTURES, PROMPTS, SAMPLES = 96, 24, 1000
"""How many held-out pictures, prompts and random samples are looked at, at most."""
_CHUNK = 32
_NEARER = 0.5
"""An edit of a pair is right if, where the pair differs, it is less than so far from the picture after, as a part of
how far the picture before is."""


@dataclass(frozen=True, kw_only=True)
class OfPrompt:
    """right: the part of the pictures of which the text is true after the edit, and was not before. kept: of all other
    things that the judge tells and that go together with the text, the part it tells alike before and after. n: on how
    many pictures."""

    prompt: str
    right: float
    kept: float
    n: int


@dataclass(frozen=True, kw_only=True)
class OfPairs:
    """right: the part of the held-out pairs whose edit is nearer to the picture after; changed and unchanged: the mean
    error there and elsewhere, of 255, beside the inversion."""

    right: float
    changed: float
    unchanged: float
    n: int


class Measures:
    def __init__(self, work: Work) -> None:
        self.work, self.data = work, work.data
        self.generator, self.encoder = work.parts["generator"], work.parts["encoder"]
        self.rows = self.data.held_out[:PICTURES]

    @cached_property
    def w(self) -> Tensor:
        return codes_of(self.encoder, self.data.pictures[self.rows])

    @cached_property
    def inversions(self) -> Tensor:
        return self.drawn(self.w)

    @cached_property
    def inversion_error(self) -> float:
        """Mean absolute difference of 255."""
        return float((self.inversions - to_network(self.data.pictures[self.rows])).abs().mean() * 127.5)

    @cached_property
    def judge(self) -> Judge | None:
        """The user's, or CLIP of the texts that most is known of."""
        named = self.work.settings.evaluation.judge
        if named:
            return brought(named, "judge", "an object with texts and read(pictures)")
        tower = self.work.parts.get("image_encoder")
        texts = self.told
        if tower is None or not texts:
            return None
        judge = ZeroShot(tower, self.work.parts["text_encoder"], texts)
        rows = self.data.training[:2000]
        if len(rows):
            judge.learn(to_network(self.data.pictures[rows]), self.truth(rows, texts))
        return judge

    @cached_property
    def told(self) -> list[str]:
        """The texts of one phrase that are most often true, or else the first that the blocks are asked for."""
        short = [text for text in self.work.texts if len(phrases(text)) == 1]
        seen: dict[frozenset[str], str] = {}
        for text in short or self.work.texts:
            seen.setdefault(frozenset(phrases(text)), text)
        return list(seen.values())[:PROMPTS]

    def truth(self, rows: np.ndarray, texts: Sequence[str]) -> Tensor:
        """Which texts the captions of pictures say, bool [N, T]."""
        asked = [phrases(text) for text in texts]
        said = [{p for t in self.data.captions_of(int(i)) for p in phrases(self.data.texts[t])} for i in rows]
        return torch.tensor([[s.issuperset(a) for a in asked] for s in said]).reshape(len(rows), len(texts))

    @cached_property
    def of_prompts(self) -> list[OfPrompt]:
        judge = self.judge
        if judge is None or not len(self.rows):
            return []
        together = self._together(judge.texts)
        before = judge.read(self.inversions).cpu()
        found = []
        for i, prompt in enumerate(judge.texts[:PROMPTS]):
            able = torch.nonzero(~before[:, i])[:, 0]
            if not len(able):
                continue
            after = judge.read(self.edited(self.w[able], prompt)).cpu()
            others = together[i]
            kept = (after == before[able])[:, others].float().mean() if others.any() else torch.tensor(1.0)
            found.append(
                OfPrompt(prompt=prompt, right=float(after[:, i].float().mean()), kept=float(kept), n=len(able))
            )
        return found

    def _together(self, texts: Sequence[str]) -> Tensor:
        """[T, T]: whether both texts are true of some picture, so that one should not change the other."""
        rows = self.data.training[:5000]
        if not len(rows) or not any(len(self.data.captions_of(int(i))) for i in rows):
            return ~torch.eye(len(texts), dtype=torch.bool)
        true = self.truth(rows, texts).float()
        both = (true.T @ true) > 0
        return both & ~torch.eye(len(texts), dtype=torch.bool)

    @cached_property
    def of_pairs(self) -> OfPairs | None:
        rows = self.data.held_out_pairs[:PICTURES]
        if not len(rows):
            return None
        x, goal = to_network(self.data.before[rows]), to_network(self.data.after[rows])
        w = codes_of(self.encoder, self.data.before[rows])
        prompts = [self.data.texts[self.data.pair_texts(int(i))[0]] for i in rows]
        inverted, edited = self.drawn(w), torch.cat([self.edited(w[i : i + 1], p) for i, p in enumerate(prompts)])
        mask = changed_places(x, goal)

        def error(first: Tensor, second: Tensor, where: Tensor) -> Tensor:
            total = ((first - second).abs().mean(1, keepdim=True) * where).sum((1, 2, 3))
            return total / where.sum((1, 2, 3)).clamp_min(1)

        far, near = error(inverted, goal, mask), error(edited, goal, mask)
        return OfPairs(
            right=float((near < _NEARER * far).float().mean()),
            changed=float(near.mean()) * 127.5,
            unchanged=float(error(edited, inverted, 1 - mask).mean()) * 127.5,
            n=len(rows),
        )

    @cached_property
    def distances(self) -> dict[str, float]:
        """Fréchet distances of inversions and of random samples to the pictures."""
        tower = self.work.parts.get("image_encoder")
        rows = np.concatenate([self.data.held_out, self.data.training])[:SAMPLES]
        if tower is None or len(rows) < 2:
            return {}

        def seen(pictures: Tensor) -> Tensor:
            with torch.no_grad():
                return torch.cat([tower.encode(some.to(self.work.device)) for some in pictures.split(_CHUNK)])

        real = seen(to_network(self.data.pictures[rows]))
        z = torch.randn(len(rows), self.generator.z_dim, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            w = self.generator.map(z.to(self.work.device)).cpu()
        inverted = codes_of(self.encoder, self.data.pictures[rows])
        return {
            "inversions": frechet_distance(real, seen(self.drawn(inverted))),
            "random samples": frechet_distance(real, seen(self.drawn(w))),
        }

    @torch.no_grad()
    def drawn(self, w: Tensor) -> Tensor:
        """Pictures [N, 3, S, S] in [-1, 1], on the CPU."""
        made = [self.generator(some.to(self.work.device), noise="const") for some in w.split(_CHUNK)]
        return torch.cat(made).clamp(-1, 1).cpu()

    @torch.no_grad()
    def edited(self, w: Tensor, prompt: str) -> Tensor:
        e = self.work.parts["text_encoder"].encode([prompt]).to(self.work.device)
        changed = []
        for some in w.to(self.work.device).split(_CHUNK):
            changed.append(apply_edit(some, self.work.parts["modulator"](some, e.expand(len(some), -1))))
        return self.drawn(torch.cat(changed))
