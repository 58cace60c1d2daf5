"""A family is a folder with a manifest: adding one changes no code, and a broken one costs itself only."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import family_folders as others
import layouts
import pytest
import torch
from ffclip.ffclip_core import (
    EMBEDDED,
    CheckpointError,
    Editor,
    FamilyError,
    InputError,
    checkpoints,
    families,
    installed_families,
    load_encoder,
    load_generator,
    save_part,
)
from ffclip.ffclip_core.checkpoints.files import read_file
from ffclip.ffclip_core.networks.aligner import Aligner

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another folder of families than the pack's, with avatars' manifest in it."""
    monkeypatch.setattr(families, "ROOT", tmp_path)
    (tmp_path / "avatars").mkdir()
    shutil.copy(EMBEDDED / "family.json", tmp_path / "avatars")
    return tmp_path


def test_the_packs_families_have_all_their_files_and_all_are_packed() -> None:
    found = installed_families()
    assert [family.name for family in found] == sorted(family.name for family in found)
    assert found[0].name == "avatars" and found[0].title == "avatars (embedded)" and found[0].folder == EMBEDDED
    assert families.broken_families() == ()
    pack = EMBEDDED.parent.parent
    settings = tomllib.loads((pack / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = [pattern for pattern in settings["package-data"]["ffclip"] if pattern.startswith("models/")]
    for family in found:
        own = [family.aligner] if isinstance(family.aligner, Path) else []
        for path in (family.folder / "family.json", *family.parts.values(), *own, *family.samples.values()):
            assert path.is_file(), path
            name = path.relative_to(pack).as_posix()
            assert any(fnmatch.fnmatch(name, each) and name.count("/") == each.count("/") for each in patterns), name


def test_what_the_manifest_of_avatars_says_is_so() -> None:
    avatars = Editor.of_family("avatars")
    (family,) = [family for family in installed_families() if family.name == "avatars"]
    assert family.size == avatars.generator.size
    assert {avatars.generator.family, avatars.encoder.family, avatars.modulator.family} == {"avatars"}
    assert isinstance(avatars.aligner, Aligner) and avatars.aligner.family == "avatars"
    assert family.aligner == EMBEDDED / "aligner.safetensors"
    assert (EMBEDDED / "aligner.safetensors").stat().st_size < 1_000_000
    assert [*family.samples] == sorted(path.stem for path in (EMBEDDED / "samples").iterdir())
    assert avatars.text_encoder.encode(list(family.prompts)).shape[0] == len(family.prompts) > 2


def test_a_second_folder_is_a_second_family(root: Path) -> None:
    others.make(root / "zebras in a row", "zebras")
    assert [family.name for family in installed_families()] == ["avatars", "zebras"]
    zebras = installed_families()[1]
    assert (zebras.title, zebras.size, zebras.prompts) == ("zebras (embedded)", 16, ("darker",))
    for editor in (Editor.of_family("zebras"), Editor.from_folder(root / "zebras in a row")):
        assert editor.generator.size == 16 and editor.generator.family == "zebras"
        edited = editor.edit(editor.invert(torch.full((1, 20, 24, 3), 0.5)), ["darker"])
        assert edited.shape == (1, 16, 16, 3)
    with pytest.raises(InputError, match=r"no family 'horses'; there are: 'avatars', 'zebras'\.$"):
        Editor.of_family("horses")


def test_a_folder_without_a_manifest_has_the_four_usual_names(tmp_path: Path) -> None:
    whole = others.make(tmp_path / "zebras", "zebras")
    for path in (whole / "weights").iterdir():
        path.rename(whole / f"{path.stem}.safetensors")
    (whole / "family.json").unlink()
    assert Editor.from_folder(whole).generator.size == 16
    others.write(whole, b"{")
    with pytest.raises(CheckpointError, match=r"family\.json is no JSON: mend it"):
        Editor.from_folder(whole)


def test_a_file_that_is_two_parts_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = others.make(tmp_path / "zebras", "zebras")
    encoder, generator = load_encoder(whole / "weights/encoder.st"), load_generator(whole / "weights/generator.st")
    layouts.e4e(whole / "e4e.pt", encoder, generator, torch.zeros(16))
    parts = {part: f"weights/{part}.st" for part in others.PARTS} | dict.fromkeys(("encoder", "generator"), "e4e.pt")
    others.write(whole, others.manifest("zebras", parts=parts))
    opened: list[str] = []
    monkeypatch.setattr(checkpoints, "read_file", lambda path: opened.append(path.name) or read_file(path))
    assert Editor.from_folder(whole).generator.size == 16
    assert sorted(opened) == ["e4e.pt", "modulator.st", "text_encoder.st"]


def test_a_family_may_have_an_aligner(root: Path) -> None:
    """Of its own, or the one of photographs; and manifests from before there were any stay as they were."""
    for name, more in (("without", {}), ("people", {"aligner": "faces"}), ("zebras", {"aligner": "weights/finds.st"})):
        folder = others.make(root / name, name)
        others.write(folder, json.loads((folder / "family.json").read_bytes()) | more)
    own, another = (Aligner(input_size=32, widths=(4, 4, 4, 4), family=name) for name in ("zebras", "horses"))
    save_part(root / "zebras/weights/finds.st", own)
    assert Editor.of_family("without").aligner is None
    assert Editor.of_family("people").aligner == "faces"
    for editor in (Editor.of_family("zebras"), Editor.from_folder(root / "zebras")):
        assert isinstance(editor.aligner, Aligner) and editor.aligner.architecture == own.architecture
    save_part(root / "zebras/weights/finds.st", another)
    with pytest.raises(FamilyError, match="the aligner is of the family 'horses'"):
        Editor.of_family("zebras")
    save_part(root / "zebras/weights/finds.st", editor.encoder)
    with pytest.raises(CheckpointError, match="holds the encoder of a model, not the aligner"):
        Editor.of_family("zebras")
    (root / "zebras/weights/finds.st").unlink()
    with pytest.raises(CheckpointError, match=r"finds\.st"):
        Editor.of_family("zebras")


def _without(key: str) -> Callable[[dict], Any]:
    return lambda manifest: {name: value for name, value in manifest.items() if name != key}


def _with(**changes: Any) -> Callable[[dict], Any]:
    return lambda manifest: manifest | changes


def _part(path: Any) -> Callable[[dict], Any]:
    return lambda manifest: manifest | {"parts": manifest["parts"] | {"encoder": path}}


BROKEN = {
    "no JSON": lambda _: b"\xff\xfe{",
    "half": lambda manifest: json.dumps(manifest).encode()[:-9],
    "empty": lambda _: b"",
    "deep": lambda _: b"[" * 100_000,
    "a list": lambda _: [],
    "long number": lambda _: b'{"size": ' + b"9" * 5000 + b"}",
    "huge": lambda manifest: json.dumps(manifest).encode() + b" " * (1 << 20),
    **{f"no {key}": _without(key) for key in others.manifest("x")},
    **{f"{key} is {value!r}": _with(**{key: value}) for key in others.manifest("x") for value in (None, True, -1, {})},
    **{f"size is {size}": _with(size=size) for size in (0, 4, 48, 64.0, "64", 10**30)},
    **{
        f"title is {title!r}": _with(title=title)
        for title in ("", " x", "x\ny", "<img src=x>", "\ud800", "\x1b[2J", "x" * 81, "faces.safetensors", "a.pt")
    },
    "name of avatars": _with(name="avatars"),
    "title of avatars": _with(title="avatars (embedded)"),
    "three parts": _with(parts={"encoder": "a", "modulator": "b", "generator": "c"}),
    **{
        f"encoder is {path!r}": _part(path)
        for path in (
            "../avatars/family.json", "/etc/passwd", "C:/x", "C:x", "a\\b", "..", ".", "a//b", "a/../../b", "", "a\0b",
            "a\n", "x" * 300, "\udce9", 3, None, ["a"],
        )
    },
    "a sample elsewhere": _with(samples=["../../secret.png"]),
    "a sample of markup": _with(samples=["samples/<img src=x onerror=alert(1)>.png"]),
    "two samples of a name": _with(samples=["a/x.png", "b/x.png"]),
    "very many samples": _with(samples=[f"{i}.png" for i in range(1001)]),
    "a prompt of markup": _with(prompts=["<b>"]),
    **{
        f"aligner is {value!r}": _with(aligner=value)
        for value in (None, True, 3, "", "../x", "/etc/passwd", "Faces\\x", ["faces"], {"faces": 1}, "<faces>", "a\n")
    },
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_manifest_is_one_sentence_and_the_others_stay(
    what: str, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others.write(root / "beside", others.manifest("beside"))
    folder = others.write(root / "broken", BROKEN[what](others.manifest("broken")))
    assert [family.name for family in installed_families()] == ["avatars", "beside"]
    (sentence,) = families.broken_families()
    assert str(folder / "family.json") in sentence and sentence.endswith(".") and "\n" not in sentence
    assert sentence.isprintable() and len(sentence) < 700
    assert [record.getMessage() for record in caplog.records] == [f"FFCLIP: a model family is left out: {sentence}"]
    with pytest.raises(InputError, match="no family 'broken'; there are: 'avatars', 'beside'"):
        Editor.of_family("broken")


def test_odd_folders_are_no_danger(root: Path) -> None:
    (root / "family.json").write_text("{}")  # No folder.
    (root / "notes").mkdir()
    names = ["ümlaut <b> & 'quote' $(x)", "new\nline", os.fsdecode(b"caf\xe9"), ".hidden", "😀", "x" * 200]
    for i, name in enumerate(names):
        try:
            others.write(root / name, others.manifest(f"Nº {i} é😀 'x' & $(y)", title=f"{i}: é 😀 & (embedded)"))
        except OSError:  # Not every file system has such names.
            continue
    found = installed_families()
    assert found[0].name == "avatars" and len(found) > 3 and families.broken_families() == ()
    assert families.family_named(found[1].name) is found[1]
    (root / "named pipe").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "named pipe" / "family.json")
        with pytest.raises(families.BrokenFamilyError, match="is no file"):
            families.read_family(root / "named pipe")


def test_without_any_folder_there_is_no_family(tmp_path: Path) -> None:
    assert installed_families(tmp_path / "gone") == ()
    assert families.broken_families(tmp_path) == ()
    (tmp_path / "avatars").mkdir()
    assert installed_families(tmp_path / ".") == installed_families(tmp_path) == ()


def test_a_manifest_is_read_once_and_more_keys_may_follow(root: Path) -> None:
    others.write(root / "later", others.manifest("later", background="white"))
    first = installed_families()
    assert first[1].name == "later"
    shutil.rmtree(root / "later")
    assert installed_families() is first
