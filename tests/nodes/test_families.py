"""A second family's folder beside the first: it is in every list, and saved graphs mean what they meant."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

FIRST, SECOND = "avatars (embedded)", "zebras (embedded)"


@pytest.fixture
def root(tmp_path: Path, models: tuple, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of families with avatars and a second one in it."""
    import family_folders as others
    from ffclip.ffclip_core import EMBEDDED, families
    from ffclip.nodes import model_files

    root = tmp_path / "families"
    shutil.copytree(EMBEDDED, root / "avatars", ignore=shutil.ignore_patterns("*.md"))
    others.make(root / "a second", "zebras")
    monkeypatch.setattr(families, "ROOT", root)
    model_files.register_model_folders()
    return root


def test_a_second_family_is_in_every_list_and_works(root: Path, nodes: dict, run: Callable) -> None:
    load = nodes["FFCLIPLoadModels"].define_schema()
    for each in load.inputs[:4]:
        assert each.options == [FIRST, SECOND] and each.default == FIRST
    assert "zebras (embedded): pictures of nothing, 16 px, prompts such as darker" in load.description
    sample = nodes["FFCLIPSamplePicture"].define_schema()
    assert sample.inputs[0].options == ["ava", "leo", "mia", "noah", "zoe", "zebras/gray"]
    assert sample.inputs[0].default == "ava" and "pictures of nothing" in sample.description

    encoder, text_encoder, modulator, generator = run(
        "FFCLIPLoadModels", encoder=SECOND, text_encoder=SECOND, modulator=SECOND, generator=SECOND,
        precision="float32",
    )  # fmt: skip
    assert generator.network.size == 16
    (image,) = run("FFCLIPSamplePicture", name="zebras/gray")
    assert image.shape == (1, 20, 24, 3)
    (latent,) = run("FFCLIPInvertImage", encoder=encoder, image=image, fit="crop")
    assert latent.size == 16 and latent.family == "zebras"
    for first in (FIRST, None):
        parts = run(
            "FFCLIPLoadModels", encoder=first, text_encoder=first, modulator=first, generator=first,
            precision="float32",
        )  # fmt: skip
        assert parts[3].network.family == "avatars"
    assert run("FFCLIPSamplePicture", name="mia")[0].shape == run("FFCLIPSamplePicture", name=None)[0].shape


def test_the_page_is_told_what_each_family_holds(root: Path) -> None:
    from ffclip.nodes import file_descriptions

    labels = file_descriptions.descriptions()
    assert labels["generator"] == {
        FIRST: f"{FIRST}: generator, 64 px, 10 layers (avatars)",
        SECOND: f"{SECOND}: generator, 16 px, 6 layers (zebras)",
    }


def test_parts_of_two_families_are_refused(root: Path, run: Callable) -> None:
    from ffclip.ffclip_core.errors import FamilyError

    with pytest.raises(FamilyError, match="load the matching pair"):
        run(
            "FFCLIPLoadModels", encoder=FIRST, text_encoder=FIRST, modulator=FIRST, generator=SECOND,
            precision="float32",
        )  # fmt: skip


def test_without_a_family_the_user_is_told(
    tmp_path: Path, models: tuple, nodes: dict, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ffclip.ffclip_core import families
    from ffclip.ffclip_core.errors import CheckpointError, InputError
    from ffclip.nodes import model_files

    (tmp_path / "families" / "avatars").mkdir(parents=True)
    (tmp_path / "families" / "avatars" / "family.json").write_text("[")
    monkeypatch.setattr(families, "ROOT", tmp_path / "families")
    model_files.register_model_folders()
    assert nodes["FFCLIPLoadModels"].define_schema().inputs[0].options == []
    for choice in (FIRST, None):
        with pytest.raises(CheckpointError, match=r"left out: .*family\.json is no JSON: mend it"):
            model_files.find("encoder", choice)
    assert nodes["FFCLIPSamplePicture"].define_schema().inputs[0].options == []
    with pytest.raises(InputError, match="no sample pictures"):
        run("FFCLIPSamplePicture", name="ava")


def test_a_sample_that_cannot_be_read_is_named(root: Path, run: Callable) -> None:
    from ffclip.ffclip_core.errors import InputError

    (root / "a second" / "samples" / "gray.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    with pytest.raises(InputError, match=r"gray\.png can't be read .*: choose another"):
        run("FFCLIPSamplePicture", name="zebras/gray")
    (root / "a second" / "samples" / "gray.png").unlink()
    with pytest.raises(InputError, match=r"gray\.png can't be read"):
        run("FFCLIPSamplePicture", name="zebras/gray")
