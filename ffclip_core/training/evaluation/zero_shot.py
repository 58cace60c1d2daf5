"""Which texts are true of a picture, by CLIP: where no labels are, and nobody brings a judge of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ...networks.image_encoder import ImageEncoder
from ...networks.text_encoder import TextEncoder

_TOGETHER = 64
_FEW = 3
_RARE = 0.9


class Judge(Protocol):
    """texts: what it can tell. read(): pictures [B, 3, S, S] in [-1, 1] → which texts are true of each, bool [B, T]."""

    texts: Sequence[str]

    def read(self, pictures: Tensor) -> Tensor: ...


class ZeroShot:
    """A text is true of a picture if the cosine of their embeddings is nearer to what it is for pictures that the text
    is known to be true of than for the others: the middle of both means. Of a text that is known of fewer than three
    pictures: if it is above nine in ten of all of them.
    """

    def __init__(self, tower: ImageEncoder, encoder: TextEncoder, texts: Sequence[str]) -> None:
        self.tower, self.texts = tower, texts
        self.e = F.normalize(encoder.encode(list(texts)), dim=-1).to(tower.logit_scale.device)
        self.thresholds = self.e.new_zeros(len(texts))

    def learn(self, pictures: Tensor, truth: Tensor) -> None:
        """The thresholds, of pictures [N, 3, S, S] and which texts are known to be true of each, bool [N, T]."""
        scores = self.scores(pictures)
        for text in range(len(self.texts)):
            true = truth[:, text]
            if _FEW <= int(true.sum()) <= len(truth) - _FEW:
                self.thresholds[text] = (scores[true, text].mean() + scores[~true, text].mean()) / 2
            else:
                self.thresholds[text] = scores[:, text].quantile(_RARE)

    def read(self, pictures: Tensor) -> Tensor:
        return self.scores(pictures) > self.thresholds

    @torch.no_grad()
    def scores(self, pictures: Tensor) -> Tensor:
        """Cosines, [B, T]."""
        found = [self.tower.encode(some.to(self.e.device)) for some in pictures.split(_TOGETHER)]
        return F.normalize(torch.cat(found), dim=-1) @ self.e.T
