"""The files that the training commands read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.training import draw_dataset
from ffclip.ffclip_core.training.avatars.avatar import label_row, sample
from ffclip.ffclip_core.training.avatars.dataset import draw_pairs, load
from ffclip.ffclip_core.training.avatars.drawing import draw, face_box
from ffclip.ffclip_core.training.avatars.parameters import parameters


def test_a_row_is_an_avatar_and_the_same_with_some_facts_changed(tmp_path: Path) -> None:
    draw_pairs(tmp_path / "data", 3)
    pairs = load(tmp_path / "data")
    for row in range(3):
        person = sample(row)
        people = (person, person.edit(pairs.facts[row]))
        assert people[1] != person
        for side, one in enumerate(people):
            assert np.array_equal(pairs.pictures[side][row], draw(one))
            assert pairs.labels[side, row].tolist() == label_row(one)
            assert np.array_equal(pairs.parameters[side, row], parameters(one))
        assert np.array_equal(pairs.face_boxes[row], np.array(face_box(person), np.float32))


def test_pictures_that_are_there_are_not_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(count: int) -> None:
        monkeypatch.setattr(sys, "argv", ["draw_dataset", str(tmp_path), "--count", str(count)])
        draw_dataset.main()

    command(2)
    targets = np.load(tmp_path / "targets.npy", mmap_mode="r+")
    drawn, targets[0], targets[1] = targets[1].copy(), 7, 0  # As if a drawing had been broken off before the second.
    targets.flush()
    draw_pairs(tmp_path, 2)
    found = np.load(tmp_path / "targets.npy")
    assert (found[0] == 7).all() and np.array_equal(found[1], drawn)
    with pytest.raises(ValueError, match="holds 2 pairs, not 3"):
        draw_pairs(tmp_path, 3)
    with pytest.raises(SystemExit, match="2"):
        command(3)
    assert "holds 2 pairs, not 3" in capsys.readouterr().err
