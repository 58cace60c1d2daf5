"""A text tower's table with the tokens that occur alone: of 49,408 rows some hundred are learnt, and what is done to
all of them in each step, by each process, takes longer than the rest of a small tower."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import cast

import open_clip
import torch
from torch import Tensor, nn

from ..networks.text_encoder import TextEncoder

_TOGETHER = 1000


def tokens_of(texts: Iterable[str]) -> Tensor:
    """The tokens of these texts, and that which fills them up, each once, in order."""
    left, found = iter(texts), {0}
    while some := list(islice(left, _TOGETHER)):
        found.update(cast(Tensor, open_clip.tokenize(some)).unique().tolist())
    return torch.tensor(sorted(found))


def shrink(tower: TextEncoder, tokens: Tensor) -> None:
    """Leave the tower the rows of these tokens, as a table of which numbers(ids, tokens) are the rows."""
    table = nn.Embedding(len(tokens), tower.token_embedding.embedding_dim)
    table.weight.data.copy_(tower.token_embedding.weight.data[tokens])
    tower.token_embedding = table


def numbers(ids: Tensor, tokens: Tensor) -> Tensor:
    """Where the tokens of these ids, all of them among `tokens`, are in the table. What fills texts up stays 0, and the
    end of a text the highest, by which a tower finds it."""
    return torch.searchsorted(tokens, ids)


def grown(table: Tensor, tokens: Tensor, whole: Tensor) -> Tensor:
    """The whole table [V, D] with the rows of these tokens as in a small one."""
    found = whole.clone()
    found[tokens] = table.to(whole)
    return found
