"""The small CLIP reads and looks as open_clip's own, of which it is made, and its text tower becomes the pack's."""

from __future__ import annotations

from pathlib import Path

import golden
import open_clip
import pytest
import torch
from ffclip.ffclip_core.training.small_clip import EMBED_DIM, SmallCLIP, export_text_encoder, load_clip

ATTRIBUTES = {"colour": ("red", "green"), "size": ("small", "middle", "large")}
TEXTS = ["a red hat", "Beard", "a person with long wavy hair, sunglasses and a green hoodie"]


@pytest.fixture(scope="module")
def model() -> SmallCLIP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SmallCLIP(ATTRIBUTES).eval().requires_grad_(False)


def test_texts_without_their_padding_mean_what_they_mean_with_it(model: SmallCLIP) -> None:
    ids = open_clip.tokenize(TEXTS)
    found = model.encode_text(ids)
    assert found.shape == (3, EMBED_DIM)
    assert golden.error(found, model.clip.encode_text(ids)) < golden.rounding(4 * 96, layers=8)
    exported = export_text_encoder(model, "family")
    assert exported.family == "family" and golden.error(exported.encode(TEXTS), found) < golden.NETWORKS


def test_pictures_are_embedded_as_by_the_tower_itself(model: SmallCLIP) -> None:
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    *maps, embedding = model.features(x)
    assert [m.shape[-1] for m in maps] == [16, 16, 8, 4]
    assert golden.error(embedding, model.clip.encode_image(x)) < golden.rounding(9 * 128, layers=20)
    logits = model.attributes(embedding)
    assert {name: found.shape for name, found in logits.items()} == {"colour": (2, 2), "size": (2, 3)}
    assert not torch.equal(logits["colour"][0], logits["colour"][1])


def test_what_is_stored_is_loaded_ready_for_use(model: SmallCLIP, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "clip.pt")
    loaded = load_clip(tmp_path / "clip.pt", ATTRIBUTES)
    assert not loaded.training and not any(weight.requires_grad for weight in loaded.parameters())
    assert torch.equal(loaded.encode_text(open_clip.tokenize(TEXTS)), model.encode_text(open_clip.tokenize(TEXTS)))
