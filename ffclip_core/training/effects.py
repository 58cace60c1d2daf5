"""What phrases of captions bring into the codes of pictures: from it, edits are learnt of captions alone.

A code is taken for the sum of what is said of its picture (ridge regression). An edit brings what its phrase brings,
and takes away what those of the picture's phrases bring that never go with it: "blonde hair" goes when "black hair"
comes. The blocks learn it as they learn pairs, and so fit it to the code that they see.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import torch
from torch import Tensor

FEWEST = 5
"""Pictures that a phrase is said of, at least, for its effect to be told from chance."""
MOST = 500
"""Phrases that are looked at, at most: the time grows with their fourth power."""
_RIDGE = 10.0
_STRENGTH = 1.5
"""Of the regression's own effects, which are too small: measured on drawn avatars, with 1, 1.5 and 2."""
_GOES_WITH, _IMPLIED, _USUAL = 0.05, 0.9, 0.6
_SURE = 20
"""Pictures that a phrase is said of, at least, for what all of them have to be no chance."""
_CHUNK = 4096


class Effects:
    """Of codes w [N, L, D] and the phrases that are said of each picture, for those phrases asked for (at most MOST)
    that are said of FEWEST pictures at least.

    phrases: those, in the order asked for. true: which are said of each picture, bool [N, P]. rivals: which never go
    together, though chance would have brought them together, bool [P, P].
    """

    def __init__(self, w: Tensor, said: Iterable[AbstractSet[str]], asked: Sequence[str]) -> None:
        asked = asked[:MOST]
        true = torch.zeros(len(w), len(asked), dtype=torch.bool)
        for row, those in zip(true, said, strict=True):
            row[[i for i, phrase in enumerate(asked) if phrase in those]] = True
        enough = true.sum(0) >= FEWEST
        self.phrases = tuple(phrase for phrase, is_enough in zip(asked, enough.tolist(), strict=True) if is_enough)
        self.true = true[:, enough]
        counts, both = self.true.sum(0).double(), _together(self.true)
        by_chance = counts[:, None] * counts / max(1, len(w))
        self.rivals = (by_chance >= FEWEST) & (both < _GOES_WITH * by_chance)
        # "Red hat" implies "hat"; what nearly all pictures have is implied by nothing.
        self._implies = (both > _IMPLIED * counts[:, None]) & (counts < _USUAL * len(w)) & (counts[:, None] >= _SURE)
        self._implies.fill_diagonal_(False)
        index = torch.arange(len(counts))
        # Of two that imply each other the first counts.
        self._covers = self._implies & ~(self._implies.T & (index < index[:, None]))
        self._effects = _regressed(w, self.true, both, self._implies | _of_any(self._implies, self.rivals))

    def change(self, rows: Tensor, phrases: Tensor) -> Tensor:
        """Of the codes of the pictures `rows` [B], if what `phrases` [B, P] (bool) marks is to be true of them:
        [B, L, D]. Nothing for what is said of them already."""
        there = self.true[rows]
        new = _without(phrases & ~there, self._covers)
        gone = there & _of_any(new, self.rivals | self._implies)  # What is implied comes with the new.
        gone = _without(gone, self._covers)
        found = (new.double() - gone.double()) @ self._effects.flatten(1)
        return _STRENGTH * found.float().reshape(len(rows), *self._effects.shape[1:])


def _of_any(some: Tensor, related: Tensor) -> Tensor:
    """Phrases that are related to any of some, [B, P]."""
    return some.float() @ related.float() > 0


def _without(some: Tensor, covers: Tensor) -> Tensor:
    """Those of which the effect is not part of another's among them."""
    return some & ~_of_any(some, covers)


def _together(true: Tensor) -> Tensor:
    """How many pictures two phrases are both said of, [P, P]."""
    found = torch.zeros(true.shape[1], true.shape[1], dtype=torch.float64)
    for some in true.split(_CHUNK):
        found += some.double().T @ some.double()
    return found


def _regressed(w: Tensor, true: Tensor, both: Tensor, implied: Tensor) -> Tensor:
    """Of each phrase its effect beside the others', [P, L, D]. What it implies, and what never goes with that, is not
    among these (implied, [P, P]): "red hat" would be left with what it adds to "hat"."""
    mean = true.double().mean(0)
    of_codes = torch.zeros(true.shape[1], w.shape[1] * w.shape[2], dtype=torch.float64)
    for some, codes in zip(true.split(_CHUNK), w.split(_CHUNK), strict=True):
        of_codes += (some.double() - mean).T @ codes.double().flatten(1)
    spread = both - len(w) * mean[:, None] * mean
    effects = torch.zeros_like(of_codes)
    implied = implied & ~torch.eye(len(both), dtype=torch.bool)
    for i in range(len(both)):
        beside = torch.nonzero(~implied[i])[:, 0]
        ridge = spread[beside][:, beside] + _RIDGE * torch.eye(len(beside), dtype=torch.float64)
        effects[i] = torch.linalg.solve(ridge, (beside == i).double()) @ of_codes[beside]
    return effects.reshape(-1, *w.shape[1:])
