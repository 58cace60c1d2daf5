"""The published text tower against stored features, from weights that golden.py makes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import golden
import layouts
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import InputError, load_text_encoder
from ffclip.ffclip_core.networks.text_encoder import PIECE, TextEncoder, _tokenizer, _tokens
from safetensors.torch import save_file


@contextmanager
def listening() -> Iterator[list[int]]:
    """Lengths of the texts that the tokenizer is given meanwhile."""
    tokenizer, given = _tokenizer(), []
    encode = tokenizer.encode
    tokenizer.encode = lambda text: given.append(len(text)) or encode(text)
    try:
        yield given
    finally:
        del tokenizer.encode


@pytest.fixture(scope="module")
def published() -> TextEncoder:
    return golden.fill(TextEncoder(), "clip")


def test_token_ids_and_features(published: TextEncoder) -> None:
    io, prompts = golden.tensors("clip_text"), golden.table("clip_text")["prompts"]
    # The reference cuts a long prompt and puts the end-of-text token last, as open_clip does.
    assert torch.equal(_tokenizer()(prompts).int(), io["token_ids"].int())
    with torch.inference_mode():
        assert golden.error(published.encode_tokens(io["token_ids"]), io["text_features_fp64"]) < golden.NETWORKS
        written = [i for i, prompt in enumerate(prompts) if prompt.strip()]
        found = published.encode([prompts[i] for i in written])
    assert golden.error(found, io["text_features_fp64"][written]) < golden.NETWORKS
    assert found.dtype == torch.float32
    shapes = {key: list(value.shape) for key, value in published.state_dict().items()}
    assert shapes == golden.table("keys")["text_encoder"]


@pytest.mark.parametrize("layout", ["open_clip", "transformers"])
def test_features_of_published_files(layout: str, published: TextEncoder, tmp_path: Path) -> None:
    path, io = tmp_path / "clip", golden.tensors("clip_text")
    if layout == "open_clip":
        torch.save({**layouts.openai_names(published), "logit_scale": torch.ones([])}, path)
    else:
        save_file(layouts.transformers_names(published), path)
    text = load_text_encoder(path)
    path.unlink()
    with torch.inference_mode():
        assert golden.error(text.encode_tokens(io["token_ids"]), io["text_features_fp64"]) < golden.NETWORKS


@pytest.mark.parametrize("prompts", [[], [""], ["Bald", " \n"]])
def test_nothing_to_read_is_refused(published: TextEncoder, prompts: list[str]) -> None:
    with pytest.raises(InputError, match="write what to change"):
        published.encode(prompts)


def test_token_ids_may_end_where_the_text_ends(published: TextEncoder) -> None:
    ids = _tokenizer()(["a bald head", "Beard"])
    length = int((ids != 0).sum(1).max())
    whole = published.encode_tokens(ids)
    assert torch.equal(published.encode_tokens(ids[:, :length].int()), whole)
    assert torch.equal(published.encode("Beard"), published.encode(["Beard"]))


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        (torch.zeros(1, 78, dtype=torch.long), "1 to 77 tokens"),
        (torch.zeros(5, dtype=torch.long), "1 to 77 tokens"),
        (torch.full((1, 5), 49408), "from 0 to 49407"),
        (torch.full((1, 5), -1), "from 0 to 49407"),
        (torch.zeros(1, 5), "whole numbers"),
    ],
)
def test_what_is_no_token_is_refused(published: TextEncoder, ids: torch.Tensor, says: str) -> None:
    with pytest.raises(InputError, match=says):
        published.encode_tokens(ids)


def test_a_long_prompt_is_known_to_be_cut(published: TextEncoder) -> None:
    assert not published.is_truncated("bald " * 75)
    assert published.is_truncated("bald " * 76)


@pytest.fixture(scope="module")
def small() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder(embed_dim=8, width=16, heads=2, layers=1).eval().requires_grad_(False)


@pytest.mark.parametrize("marker", ["<start_of_text>", "<end_of_text>"])
@pytest.mark.parametrize(
    "typed", ["{}", "{} purple hair", "purple {} hair", "purple{}hair", "purple hair {}", "{}{}", "a {}, b {}"]
)
@pytest.mark.parametrize(
    "written",
    [
        lambda marker: marker,
        str.upper,
        lambda marker: marker.replace("<", "&lt;").replace(">", "&gt;"),
        lambda marker: marker.replace("<", "&amp;lt;").replace(">", "&amp;gt;"),
    ],
)
def test_the_tokenizers_own_markers_are_text_when_typed(
    small: TextEncoder, marker: str, typed: str, written: Callable[[str], str]
) -> None:
    row = _tokens(typed.replace("{}", written(marker)), 76)
    assert not {49406, 49407} & set(row)
    # As the letters that it is made of.
    name = marker[1:-1].replace("_", " _ ")
    assert row == _tokens(typed.replace("{}", f" < {name} > "), 76)
    end = "" if typed == "{}" else " and a hat"
    one, other = small.encode([typed.replace("{}", written(marker)) + text for text in ("", f"{end} with a beard")])
    assert not torch.equal(one, other), "what follows is read"


@pytest.mark.parametrize(
    "prompt",
    [
        "half \ud83d of an emoji",
        "\udc00",
        "a\x00b",
        "😀👍🏽🏳️‍🌈",
        "שיער סגול",
        "\u202eriah elprup\u202c",
        "紫色的头发",
        "!?…;—",
        "\uffff\U0010ffff",
        "<>",
        "&lt;",
        "it's 'd 'll",
        "e\u0301" * 20,
        np.str_("purple hair"),
    ],
)
def test_any_text_is_read(small: TextEncoder, prompt: str) -> None:
    found = small.encode([prompt, "Bald"])
    assert found.shape == (2, 8) and found.isfinite().all() and not torch.equal(found[0], found[1])
    assert torch.equal(small._row(prompt), _tokenizer()(prompt)[0]), "as the tokenizer itself reads it"


@pytest.mark.parametrize("prompt", ["", "\x00", " \u2003\n", "\x00" * 1_000_000, " " * 1_000_000])
def test_a_prompt_that_no_letter_is_in_is_refused_in_a_short_sentence(small: TextEncoder, prompt: str) -> None:
    with pytest.raises(InputError, match="is empty: write what to change") as caught:
        small.encode(prompt)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("prompts", [None, 5, b"bald", [None], ["Bald", 5], ["Bald", b"bald"], {"Bald": 1}, [["Bald"]]])
def test_what_is_no_text_is_refused(small: TextEncoder, prompts: Any) -> None:
    with pytest.raises(InputError, match="A prompt is text such as 'purple hair', not "):
        small.encode(prompts)


@pytest.mark.parametrize("count", [20_000, 1_000_000])
@pytest.mark.parametrize("unit", ["x", "qz", "purple hair ", "!?", "紫", "😀", "&amp;", "&lt;end_of_text&gt;", "<"])
def test_a_prompt_of_any_length_is_read_from_its_beginning(small: TextEncoder, unit: str, count: int) -> None:
    prompt = "a bald man, " + unit * (count // len(unit))
    with listening() as given:
        row = small._row(prompt)
    # Time goes with what is given to the tokenizer: at most a few pieces of it, none too long.
    assert max(given) <= PIECE and sum(given) <= 3 * PIECE
    assert row[0] == 49406 and row[-1] == 49407
    assert small.is_truncated(prompt)
    # The same as of a shorter one that is cut.
    assert torch.equal(row, small._row("a bald man, " + unit * (PIECE // len(unit) - 12)))


def test_a_long_prompt_that_fits_after_all_is_not_cut(small: TextEncoder) -> None:
    spaced = "purple" + " " * 100_000 + "hair" + "\x00" * 100_000 + " and a hat"
    assert not small.is_truncated(spaced)
    assert torch.equal(small._row(spaced), small._row("purple hair and a hat"))


def test_many_prompts_are_as_each_alone(small: TextEncoder) -> None:
    prompts = [f"{i} hats" for i in range(150)]
    found = small.encode(prompts)
    alone = torch.cat([small.encode(prompts[i]) for i in (0, 63, 64, 149)])
    assert found.shape == (150, 8) and golden.error(found[[0, 63, 64, 149]], alone) < golden.OPERATORS
    assert torch.equal(small.encode(iter(prompts)), found)


def test_an_embedding_can_be_changed_and_weights_can_learn(small: TextEncoder) -> None:
    e = small.encode("Bald")
    assert not e.is_inference()
    e.add_(1).requires_grad_()
    learning = copy.deepcopy(small).requires_grad_()
    learning.encode(["Bald", "Beard"]).sum().backward()
    slopes = learning.token_embedding.weight.grad
    assert slopes is not None and slopes.isfinite().all()
    # Of the tokens that were read, and of no others.
    read = {int(token) for prompt in ("Bald", "Beard") for token in learning._row(prompt) if token}
    assert set(slopes.abs().sum(1).nonzero().flatten().tolist()) == read
