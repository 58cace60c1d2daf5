"""Facts: what captions say and pictures show, as values of named attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

Fact = tuple[str, str]
"""An attribute and its value."""

Attributes = Mapping[str, tuple[str, ...]]
"""The values of every attribute. A row of labels has a column per attribute: the value's index, -1 for none."""

_HOW_MANY = (0.4, 0.35, 0.15, 0.1)


def facts_of_picture(
    labels: np.ndarray, attributes: Attributes, spoken: Mapping[str, float], rng: np.random.Generator
) -> list[Fact]:
    """One to four facts, random ones, of a picture with these labels [attributes]; spoken: how often, by attribute.
    None at all where nothing is shown that is spoken of."""
    names = list(attributes)
    weights = np.array([spoken.get(name, 0.0) for name in names]) * (labels >= 0)
    count = min(int(rng.choice(len(_HOW_MANY), p=_HOW_MANY)) + 1, int((weights > 0).sum()))
    if not count:
        return []
    chosen = rng.choice(len(labels), count, replace=False, p=weights / weights.sum())
    return [(names[i], attributes[names[i]][labels[i]]) for i in chosen]


def truth_matrix(facts: Sequence[Iterable[Fact]], labels: Tensor, attributes: Attributes) -> Tensor:
    """Which captions (rows; the facts each needs) are true of which pictures (columns; labels [B, attributes])."""
    names = list(attributes)
    needed = torch.full((len(facts), len(names)), -1)
    for row, caption_facts in enumerate(facts):
        for attribute, value in caption_facts:
            needed[row, names.index(attribute)] = attributes[attribute].index(value)
    needed = needed.to(labels.device)
    return ((needed[:, None] == -1) | (needed[:, None] == labels[None])).all(-1)
