"""What the page shows beside the model files' names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import torch

GENERATOR = "generator, 64 px, 10 layers (avatars)"


def test_each_file_is_told_by_what_it_holds(models: tuple) -> None:
    from ffclip.ffclip_core import EMBEDDED
    from ffclip.nodes import file_descriptions, model_files

    folder, folder_paths = models
    (folder / "ffclip").mkdir()
    drawn, page = folder / "ffclip" / "drawn.safetensors", folder / "ffclip" / "page.pt"
    shutil.copy(EMBEDDED / "generator.safetensors", drawn)
    page.write_text("<!DOCTYPE html><html>Sign in</html>")
    torch.save({"weights": torch.zeros(3)}, folder / "ffclip" / "other.pt")
    model_files.register_model_folders()
    labels = file_descriptions.descriptions()
    assert labels["generator"]["avatars (embedded)"] == f"avatars (embedded): {GENERATOR}"
    assert labels["generator"]["drawn.safetensors"] == f"drawn.safetensors: {GENERATOR}"
    assert labels["text_encoder"]["drawn.safetensors"] == "drawn.safetensors: holds no text encoder"
    assert labels["file"]["drawn.safetensors"] == f"drawn.safetensors: {GENERATOR}"
    for part in ("encoder", "text_encoder", "modulator", "generator", "file"):
        files = {"drawn.safetensors", "page.pt", "other.pt"}
        assert set(labels[part]) - {"avatars (embedded)"} == files
        assert labels[part]["page.pt"].startswith("page.pt is a web page")
        assert labels[part]["other.pt"].startswith("other.pt holds no model that FFCLIP knows")

    # A file that is replaced is read again; one that vanishes is no failure.
    shutil.copy(EMBEDDED / "modulator.safetensors", drawn)
    os.utime(drawn, (1, 1))
    assert file_descriptions.descriptions()["modulator"]["drawn.safetensors"].startswith(
        "drawn.safetensors: modulation blocks, 10 layers"
    )
    page.unlink()
    folder_paths.filename_list_cache.clear()
    assert "page.pt" not in file_descriptions.descriptions()["encoder"]


def test_what_no_list_offers_shows_beside_what_one_does(models: tuple) -> None:
    import layouts
    from ffclip.ffclip_core.networks.image_encoder import ImageEncoder
    from ffclip.ffclip_core.networks.text_encoder import TextEncoder
    from ffclip.nodes import file_descriptions, model_files

    folder, _ = models
    (folder / "ffclip").mkdir()
    text = TextEncoder(embed_dim=24, width=64, heads=1, layers=1, vocab_size=50, context_length=8)
    image = ImageEncoder(embed_dim=24, image_size=64, width=64, heads=1, layers=1)
    layouts.clip_openai(folder / "ffclip" / "clip.pt", text, image)
    model_files.register_model_folders()
    labels, pair = file_descriptions.descriptions(), "image encoder of 64 px, 24 wide (CLIP)"
    assert labels["text_encoder"]["clip.pt"] == f"clip.pt: text encoder, 24 wide (CLIP); {pair}"
    assert labels["file"]["clip.pt"] == f"clip.pt: text encoder, 24 wide (CLIP); {pair}"
    assert labels["encoder"]["clip.pt"] == f"clip.pt: holds no encoder; {pair}"
    assert "clip.pt" in model_files.choices("text_encoder") and "clip.pt" not in model_files.choices("encoder")


def test_a_file_that_goes_away_in_between_does_not_stop_the_others(models: tuple, monkeypatch) -> None:  # noqa: ANN001
    from ffclip.nodes import file_descriptions, model_files

    model_files.register_model_folders()
    gone = Path(models[0]) / "ffclip" / "gone.safetensors"
    monkeypatch.setattr(model_files, "files", lambda: {gone.name: gone})
    assert model_files.choices("encoder") == ["avatars (embedded)"]
    labels = file_descriptions.descriptions()
    assert labels["encoder"][gone.name].startswith("gone.safetensors can't be read")
    assert labels["encoder"]["avatars (embedded)"].startswith("avatars (embedded): encoder of 64×64 px")
