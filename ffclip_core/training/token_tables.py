"""A text tower's table with the tokens that occur alone: of 49,408 rows some hundred or thousand are learnt, and what
is done to all of them in each step, by each process, takes longer than the rest of a small tower."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import cast

import open_clip
import torch
from torch import Tensor, nn

from ..networks.text_encoder import TextEncoder

_TOGETHER = 1000
_UNKNOWN = 1
"""The row of all tokens that are not known."""


def tokens_of(texts: Iterable[str]) -> Tensor:
    """The tokens of these texts, and that which fills them up, each once, in order."""
    left, found = iter(texts), {0}
    while some := list(islice(left, _TOGETHER)):
        found.update(cast(Tensor, open_clip.tokenize(some)).unique().tolist())
    return torch.tensor(sorted(found))


def shrink(tower: TextEncoder, tokens: Tensor) -> None:
    """Leave the tower the rows of these tokens and one for all others, as a table of which numbers(ids, tokens) are the
    rows."""
    rows = tower.token_embedding.weight.data
    table = nn.Embedding(len(tokens) + 1, rows.shape[1])
    table.weight.data.copy_(torch.cat([rows[:1], rows.mean(0, keepdim=True), rows[tokens[1:]]]))
    tower.token_embedding = table


def numbers(ids: Tensor, tokens: Tensor) -> Tensor:
    """Where tokens of these ids are in the table. What fills texts up stays 0, and the end of a text the highest, by
    which a tower finds it."""
    place = torch.searchsorted(tokens, ids).clamp_max(len(tokens) - 1)
    return torch.where(tokens[place] == ids, place + (place > 0), _UNKNOWN)


def grown(table: Tensor, tokens: Tensor, whole: Tensor, all_known: bool) -> Tensor:
    """The whole table [V, D] with the rows of these tokens as in a small one, and the others as they are, where all
    were known, or as what stood for them."""
    found = whole.clone() if all_known else table[_UNKNOWN].to(whole).expand_as(whole).clone()
    found[tokens] = torch.cat([table[:1], table[_UNKNOWN + 1 :]]).to(whole)
    return found
