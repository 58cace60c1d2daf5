"""What is asked of whom, and what the code of the edited drawing is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .codes import Codes
from .drawings import Domain, sayings

_NOTHING_NEW = 0.1


@dataclass(frozen=True)
class Edits:
    """Edits to learn: codes before and as they should be after [B, L, D], captions, the things after the edit."""

    w: Tensor
    wanted: Tensor
    captions: list[str]
    things: list[Any]


def edits(domain: Domain, codes: Codes, things: Sequence[Any], w: Tensor, rng: np.random.Generator) -> Edits:
    """A random edit of each of these things, whose pictures have the codes w [B, L, D]. One in ten captions says only
    what is true already."""
    stream, said = random.Random(int(rng.integers(2**62))), sayings(domain)
    after, captions = [], []
    for thing in things:
        if rng.random() < _NOTHING_NEW:
            facts = said.of_picture(np.array(domain.labels(thing)), rng)
            after.append(thing)
        else:
            facts = domain.random_edit(thing, stream)
            after.append(domain.edit(thing, facts))
        captions.append(domain.caption(facts, stream))
    start, goal = (
        torch.from_numpy(np.array([domain.parameters(a) for a in p], np.float32)).to(w.device) for p in (things, after)
    )
    change = codes.along(codes.w(goal))[:, None] - codes.along(w)
    change = torch.where((start != goal)[:, None], change, 0) * codes.seen @ codes.directions
    return Edits(w, w + change, captions, after)
