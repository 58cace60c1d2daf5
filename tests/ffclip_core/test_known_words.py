"""Whether a prompt is near what a family was trained on, and how well an inversion fits its picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from ffclip.ffclip_core import EMBEDDED, CheckpointError, Editor, InputError, fit
from ffclip.ffclip_core.known_words import read_known
from ffclip.ffclip_core.training import list_known_words
from ffclip.ffclip_core.training.avatars.prompts import EVALUATION_PAIRS, EVALUATION_PARAPHRASES, EVALUATION_PROMPTS


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.from_folder()


def known(editor: Editor, *prompts: str):  # noqa: ANN201
    found = editor.known(prompts)
    assert found is not None
    return found


def test_what_training_says_is_known(editor: Editor) -> None:
    prompts = [prompt for prompt, _ in (*EVALUATION_PROMPTS, *EVALUATION_PAIRS)]
    assert [each.prompt for each in known(editor, *prompts) if not each.known] == []
    assert known(editor, "purple hair")[0].closest.lower() == "purple hair"


def test_words_that_are_new_to_the_encoder_are_not_known(editor: Editor) -> None:
    new = [prompt for prompt, _, is_new in EVALUATION_PARAPHRASES if is_new]
    assert [each.prompt for each in known(editor, *new) if each.known] == []


@pytest.mark.parametrize(
    ("prompt", "closest"),
    [
        ("gloomy", "sad"),
        ("violet hair", "purple hair"),
        ("spectacles", "glasses"),
        ("purpel hair", "purple hair"),
        ("xqzt", ""),
        ("lila Haare", ""),
        ("紫色の髪", ""),
        ("a car", ""),
        ("", ""),
        ("\ud83d", ""),
    ],
)
def test_the_closest_of_what_is_not_known(editor: Editor, prompt: str, closest: str) -> None:
    (found,) = known(editor, prompt)
    assert not found.known
    assert found.closest == closest
    assert (f"closest: {closest}" if closest else "nothing known is near") in found.sentence()
    assert -1.001 < found.similarity < 1.001


def test_a_denial_is_not_taken_for_what_it_denies(editor: Editor) -> None:
    no, without = known(editor, "no glasses", "without glasses")
    assert no.known and without.known
    assert {"no", "without"} & {*no.closest.lower().split(), *without.closest.lower().split()}


def test_known_words_that_say_no_known_prompt(editor: Editor) -> None:
    """What they are taken for is told."""
    taken = {"purple": "purple hair", "dark": "dark glasses", "no hat": "hat", "hair": "", "a person": ""}
    for prompt, closest in taken.items():
        (found,) = known(editor, prompt)
        assert (found.known, found.closest, found.unknown) == (False, closest, ()), prompt


def test_what_is_cut_off_is_not_known(editor: Editor) -> None:
    assert known(editor, "beard " + "a person " * 40)[0].known
    assert not known(editor, "a person " * 40 + "beard")[0].known


def test_long_prompts_and_their_sentences_are_bounded(editor: Editor) -> None:
    (found,) = known(editor, "supercalifragilistic " * 50_000)
    assert not found.known
    assert len(found.sentence()) < 300


def test_families_without_a_list_claim_nothing(editor: Editor) -> None:
    words, editor.text_encoder.known = editor.text_encoder.known, None
    try:
        assert editor.known("gloomy") is None
    finally:
        editor.text_encoder.known = words
    with pytest.raises(InputError, match="A prompt is text"):
        editor.known([3])  # pyright: ignore[reportArgumentType]


def test_the_list_of_the_avatars_is_what_its_command_writes() -> None:
    assert json.loads((EMBEDDED / "known.json").read_text(encoding="utf-8")) == list_known_words.known()


@pytest.mark.parametrize(
    "content",
    [
        b"no JSON",
        b"[]",
        b"[" * 100_000,
        b"\xff\xfe",
        {"prompts": [], "words": [], "synonyms": {}},
        {"prompts": ["a"] * 1001, "words": [], "synonyms": {}},
        {"prompts": ["a\nb"], "words": [], "synonyms": {}},
        {"prompts": ["<b>a</b>"], "words": [], "synonyms": {}},
        {"prompts": ["..."], "words": [], "synonyms": {}},
        {"prompts": ["a"], "words": [3], "synonyms": {}},
        {"prompts": ["a"], "words": {}, "synonyms": {}},
        {"prompts": ["a"], "words": ["a" * 300], "synonyms": {}},
        {"prompts": ["a"], "words": [], "synonyms": {"a": None}},
    ],
)
def test_broken_lists_are_refused_in_a_sentence(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "known.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(CheckpointError, match=r"known\.json"):
        read_known(path)
    with pytest.raises(CheckpointError, match=r"There is no file"):
        read_known(tmp_path)


def test_the_fit_is_of_the_masked_part() -> None:
    picture = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0)) / 2
    other = picture.clone()
    other[:, :, 32:] += 0.25
    left = torch.zeros(1, 64, 64)
    left[:, :, :32] = 1
    good, poor = fit(picture, other, left), fit(picture, other, 1 - left)
    assert good is not None and poor is not None
    assert (good.error, good.explained, good.grade) == (0, 1, "good")
    assert poor.error == pytest.approx(0.25, rel=1e-5)
    assert poor.explained < 0 and poor.grade == "poor"
    assert "25.0 % off" in poor.sentence()
    assert fit(picture, other, torch.zeros(1, 64, 64)) is None
    whole = fit(picture, other)
    assert whole is not None and whole.error == pytest.approx(0.125, rel=1e-5)
    with pytest.raises(InputError, match="one picture"):
        fit(picture[0], other)
    with pytest.raises(InputError, match="one mask"):
        fit(picture, other, torch.zeros(2, 8, 8))


def test_the_fit_of_other_sizes_is_of_the_smaller() -> None:
    picture = torch.full((1, 100, 100, 3), 0.5)
    found = fit(picture, torch.full((1, 64, 64, 3), 0.4), torch.ones(1, 30, 30))
    assert found is not None and found.error == pytest.approx(0.1, rel=1e-4)
