"""What captions say, one thing each, and which of it is learnt as an edit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ffclip.ffclip_core.training.settings import read_settings
from ffclip.ffclip_core.training.sources import Example, prepare
from ffclip.ffclip_core.training.stages.text import in_part, phrases
from ffclip.ffclip_core.training.training import Task, texts_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A person, calm face and wearing glasses", ("a person", "calm face", "wearing glasses")),
        ("Red hat; red hat. Blue ground", ("red hat", "blue ground")),
        ("a picture of a person: clean-shaven", ("a picture of a person", "clean-shaven")),
        ("a cat with a sandwich", ("a cat", "a sandwich")),
        ("Band without stand", ("band without stand",)),
        ("...", ()),
        (
            "rating:safe, 3.5 m, black-and-white, blonde_hair",
            ("rating:safe", "3.5 m", "black-and-white", "blonde hair"),
        ),
        ("With a hat", ("a hat",)),
    ],
)
def test_captions_come_apart(text: str, said: tuple[str, ...]) -> None:
    assert phrases(text) == said


def test_a_caption_is_said_whole_or_in_part_in_any_order() -> None:
    rng = np.random.default_rng(0)
    made = [in_part("A hat, glasses and a beard", rng) for _ in range(400)]
    assert 150 < made.count("A hat, glasses and a beard") < 250
    parts = {text for text in made if text != "A hat, glasses and a beard"}
    assert {len(phrases(text)) for text in parts} == {1, 2, 3}
    assert {"glasses", "a beard, a hat", "a hat, a beard"} <= parts
    assert all(set(phrases(text)) <= {"a hat", "glasses", "a beard"} for text in parts)
    assert {in_part("...", rng) for _ in range(20)} == {"..."}


def asked(captions: list[str], folder: Path) -> tuple[str, ...]:
    examples = [Example(picture=np.full((8, 8, 3), i, np.uint8), captions=(text,)) for i, text in enumerate(captions)]
    task = Task(pictures=examples, out=folder)
    return texts_of(read_settings(), prepare(examples, folder / "data", 8), task)


def test_edits_are_what_several_captions_say(tmp_path: Path) -> None:
    """Not what all say."""
    captions = [f"A photo, {'red' if i % 2 else 'blue'} hat, {'glasses, ' * (i % 3 == 0)}number {i}" for i in range(60)]
    found = asked(captions, tmp_path)
    assert set(found) == {"red hat", "blue hat", "glasses"} and found[-1] == "glasses"


def test_captions_that_repeat_nothing_are_asked_for_whole(tmp_path: Path) -> None:
    captions = [f"A house of {i} floors, built in {1900 + i}" for i in range(30)]
    found = asked(captions, tmp_path)
    assert len(found) == len(set(found)) > 20 and set(found) <= set(captions)


def test_a_picture_counts_once(tmp_path: Path) -> None:
    """However many of its captions say the same."""
    pictures = [np.full((8, 8, 3), i, np.uint8) for i in range(20)]
    texts = [("red hat, one", "red hat, two") if i < 4 else ("blue hat, three",) for i in range(20)]
    examples = [Example(picture=picture, captions=said) for picture, said in zip(pictures, texts, strict=True)]
    data = prepare(examples, tmp_path / "data", 8)
    assert texts_of(read_settings(), data, Task(pictures=examples, out=tmp_path)) == ("blue hat", "three")
