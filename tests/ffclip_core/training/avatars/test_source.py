"""Drawn avatars as a folder of files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.training.avatars import write_folder as command
from ffclip.ffclip_core.training.avatars.avatar import sample
from ffclip.ffclip_core.training.avatars.colours import rgb
from ffclip.ffclip_core.training.avatars.drawing import draw
from ffclip.ffclip_core.training.avatars.text_edits import text_edits
from ffclip.ffclip_core.training.avatars.write_folder import write_folder
from ffclip.ffclip_core.training.drawings import TEST_SEEDS
from ffclip.ffclip_core.training.sources import prepare
from PIL import Image

SIZE = 24


@pytest.mark.parametrize("text", ["green hair", "turquoise hair", "wearing glasses", "bald"])
def test_an_edit_changes_what_its_text_says_and_nothing_else(text: str) -> None:
    edit = text_edits()[text]
    people = [sample(seed) for seed in range(60)]
    done = [(before, after) for before in people if (after := edit(before)) is not None]
    assert 10 < len(done) < 60, "not everybody has hair, or none of it yet"
    for before, after in done:
        assert not after.shows_held_out()
        differ = {name for name in before.values if before.values[name] != after.values[name]}
        assert differ <= ({"hair_colour"} if "hair" in text else {"glasses"} if "glasses" in text else {"hair"})
        assert not np.array_equal(draw(before, SIZE), draw(after, SIZE))
    if text == "turquoise hair":
        red, green, blue = np.mean([rgb(after.hair_colour()[1:]) for _, after in done], 0) * 255
        assert red < 80 and 140 < green < 220 and 140 < blue < 220


def test_a_folder_as_users_have_them(tmp_path: Path) -> None:
    edits = ["turquoise hair", "wearing glasses"]
    write_folder(tmp_path / "x", 5, SIZE, seed=3, pairs=4, edits=edits)
    files = sorted(path.name for path in (tmp_path / "x").iterdir())
    pair_files = [f"pair_{i:05}{end}" for i in range(1, 5) for end in (".after.png", ".before.png", ".txt")]
    assert files == sorted([f"{i:06}{end}" for i in range(3, 8) for end in (".png", ".txt")] + pair_files)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "x" / "000003.png")), draw(sample(3), SIZE))
    data = prepare(tmp_path / "x", tmp_path / "out", SIZE)
    assert not data.skipped and len(data.pictures) == 5
    assert [data.texts[data.pair_texts(i)[0]] for i in range(4)] == edits * 2
    for i in range(5):
        (caption,) = data.captions_of(i)
        assert len(data.texts[caption].split(", ")) == len(sample(3 + i).facts())
    people = [draw(sample(seed), SIZE) for seed in range(8, 40)]
    assert all(any(np.array_equal(before, person) for person in people) for before in data.before)
    first = {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir()}
    (tmp_path / "y").mkdir()
    write_folder(tmp_path / "y", 5, SIZE, seed=3, pairs=4, edits=edits)
    assert {path.name: path.read_bytes() for path in (tmp_path / "y").iterdir()} == first


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--pairs", "3"], "pairs are of an edit: give both"),
        (["--edit", "green hair"], "pairs are of an edit: give both"),
        (["--pairs", "3", "--edit", "blue moon"], "invalid choice: 'blue moon'"),
        (["--size", "0"], "the size is above zero"),
        (["--seed", str(TEST_SEEDS)], "are kept for tests: give a smaller --seed"),
        ([], "has other files: give a folder that is empty or not there yet"),
    ],
)
def test_what_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: list[str], told: str
) -> None:
    if not more:
        (tmp_path / "mine.txt").touch()
    monkeypatch.setattr(sys, "argv", ["write_folder", str(tmp_path), "--pictures", "1", *more])
    before = list(tmp_path.iterdir())
    with pytest.raises(SystemExit, match="2"):
        command.main()
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == before
