"""The published text tower against stored features, from weights that golden.py makes."""

from __future__ import annotations

from pathlib import Path

import golden
import layouts
import pytest
import torch
from ffclip.ffclip_core import InputError, load_text_encoder
from ffclip.ffclip_core.text_encoder import TextEncoder, _tokenizer
from safetensors.torch import save_file


@pytest.fixture(scope="module")
def published() -> TextEncoder:
    return golden.fill(TextEncoder(), "clip")


def test_token_ids_and_features(published: TextEncoder) -> None:
    io, prompts = golden.tensors("clip_text"), golden.table("clip_text")["prompts"]
    # The reference cuts a long prompt and puts the end-of-text token last, as open_clip does.
    assert torch.equal(_tokenizer()(prompts).int(), io["token_ids"].int())
    with torch.inference_mode():
        assert golden.difference(published.encode_tokens(io["token_ids"]), io["text_features_fp64"]) < 1e-5
        written = [i for i, prompt in enumerate(prompts) if prompt.strip()]
        found = published.encode([prompts[i] for i in written])
    assert golden.difference(found, io["text_features_fp64"][written]) < 1e-5
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
        assert golden.difference(text.encode_tokens(io["token_ids"]), io["text_features_fp64"]) < 1e-5


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
