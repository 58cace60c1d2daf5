"""A text tower whose table has the tokens that occur alone."""

from __future__ import annotations

from typing import cast

import golden
import open_clip
import torch
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from ffclip.ffclip_core.training.short_texts import encode_short
from ffclip.ffclip_core.training.token_tables import grown, numbers, shrink, tokens_of

TEXTS = ["a cat, gray", "a cat that sleeps", "Katze 猫"]


def test_a_small_table_gives_what_the_whole_one_does_and_becomes_it_again() -> None:
    whole, small = (golden.fill(TextEncoder(embed_dim=32, width=32, heads=4, layers=2), "clip") for _ in range(2))
    table = whole.token_embedding.weight.detach().clone()
    ids = cast(torch.Tensor, open_clip.tokenize(TEXTS))
    tokens = tokens_of(iter(TEXTS))
    assert tokens.tolist() == sorted(set(ids.flatten().tolist())) and tokens[0] == 0 and len(tokens) < 20
    shrink(small, tokens)
    assert small.token_embedding.weight.shape == (len(tokens) + 1, 32) and small.token_embedding.weight.requires_grad
    rows = numbers(ids, tokens)
    with torch.no_grad():
        assert torch.equal(encode_short(small, rows), encode_short(whole, ids))
        small.token_embedding.weight += 1
    learnt = small.token_embedding.weight.detach()
    again = grown(learnt, tokens, table, all_known=True)
    assert torch.equal((again != table).any(1).nonzero().flatten(), tokens)
    assert torch.equal(again[ids], learnt[rows])
    others = grown(learnt, tokens, table, all_known=False)
    assert torch.equal(others[tokens], again[tokens])
    assert len(others.unique(dim=0)) == len(tokens) + 1, "all others are as the one that stood for them"


def test_what_is_not_known_stands_for_itself_and_texts_end_where_they_do() -> None:
    tokens = tokens_of(TEXTS)
    ids = cast(torch.Tensor, open_clip.tokenize(["a dog that sleeps", "zebra", TEXTS[0]]))
    rows = numbers(ids, tokens)
    assert torch.equal(rows.argmax(1), ids.argmax(1)) and torch.equal(rows == 0, ids == 0)
    assert torch.equal(rows == 1, ~torch.isin(ids, tokens)) and (rows[:2] == 1).any(1).all()


def test_of_no_texts_there_is_what_fills_them_up() -> None:
    assert tokens_of([]).tolist() == [0]
