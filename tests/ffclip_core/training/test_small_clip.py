"""The small CLIP's towers are the pack's own; it reads without padding, and what it learnt becomes files."""

from __future__ import annotations

from pathlib import Path

import golden
import open_clip
import pytest
import torch
from ffclip.ffclip_core import load_image_encoder, load_text_encoder, save_part
from ffclip.ffclip_core.training.small_clip import EMBED_DIM, SmallCLIP, load_clip

ATTRIBUTES = {"colour": ("red", "green"), "size": ("small", "middle", "large")}
TEXTS = ["a red hat", "Beard", "a person with long wavy hair, sunglasses and a green hoodie"]


@pytest.fixture(scope="module")
def model() -> SmallCLIP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SmallCLIP(ATTRIBUTES, family="toys").eval().requires_grad_(False)


def test_texts_without_their_padding_mean_what_they_mean_with_it(model: SmallCLIP) -> None:
    found = model.encode_text(open_clip.tokenize(TEXTS))
    assert found.shape == (3, EMBED_DIM)
    assert golden.error(found, model.text.encode(TEXTS)) < golden.rounding(4 * 96, layers=8)


def test_pictures_are_seen_as_they_are(model: SmallCLIP) -> None:
    noise = torch.randint(0, 256, (2, 64, 64, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    x = noise.permute(0, 3, 1, 2) / 127.5 - 1
    assert torch.equal(model.image.encode(x), model.image(x))
    assert golden.error(model.image.encode_pictures(noise.numpy()), model.image(x)) < golden.rounding(
        9 * 128, layers=20
    )
    assert [each.shape[-1] for each in model.image.features(x)] == [16, 16, 8, 4]
    logits = model.attributes(model.image.encode(x))
    assert {name: found.shape for name, found in logits.items()} == {"colour": (2, 2), "size": (2, 3)}
    assert not torch.equal(logits["colour"][0], logits["colour"][1])


def test_what_is_stored_is_loaded_ready_for_use(model: SmallCLIP, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "clip.pt")
    loaded = load_clip(tmp_path / "clip.pt", ATTRIBUTES, "toys")
    assert not loaded.training and not any(weight.requires_grad for weight in loaded.parameters())
    assert torch.equal(loaded.encode_text(open_clip.tokenize(TEXTS)), model.encode_text(open_clip.tokenize(TEXTS)))
    save_part(tmp_path / "text.safetensors", loaded.text, torch.float32)
    save_part(tmp_path / "image.safetensors", loaded.image, torch.float32)
    text, image = load_text_encoder(tmp_path / "text.safetensors"), load_image_encoder(tmp_path / "image.safetensors")
    assert text.family == image.family == "toys" and image.architecture == model.image.architecture
    for part, expected in ((text, model.text), (image, model.image)):
        assert all(torch.equal(part.state_dict()[key], value) for key, value in expected.state_dict().items())
