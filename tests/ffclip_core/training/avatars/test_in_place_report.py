"""What counts as right and as kept in edits that are put back, and beside it what the drawn wish would have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.training.avatars import in_place_report as report
from ffclip.ffclip_core.training.avatars.avatar import applicable, label_row, sample
from ffclip.ffclip_core.training.avatars.vocabulary import ATTRIBUTES
from ffclip.ffclip_core.training.drawings import TEST_SEEDS

NAMES = list(ATTRIBUTES)
FACT = ("facial_hair", "beard")
KIND = "whole, transparent"


def edit(monkeypatch: pytest.MonkeyPatch, i: int, reads: list[np.ndarray]) -> tuple[report.Edit, list[Tensor]]:
    """One edit, where the judge reads this from the person before, after, and as drawn; and what it was shown."""
    shown: list[Tensor] = []

    def read(judge: object, crop: Tensor) -> np.ndarray:
        shown.append(crop)
        return reads[len(shown) - 1]

    def put_back(editor: object, prepared: Any, prompt: str) -> Any:
        changed = prepared.image.clone()
        changed[:, : changed.shape[1] // 4, :, :3] = 0.5
        return SimpleNamespace(images=changed)

    steps = SimpleNamespace(prepare=lambda editor, image: SimpleNamespace(places=[0], image=image), edit=put_back)
    monkeypatch.setattr(report, "in_place", steps)
    monkeypatch.setattr(report, "_read", read)
    monkeypatch.setattr(report, "EVALUATION_PROMPTS", (("Beard", (FACT,)),))
    return report._edit(None, None, KIND, i), shown  # type: ignore[arg-type]


def test_right_and_kept_are_those_of_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    i = next(
        i for i in range(100)
        if applicable(person := sample(TEST_SEEDS + report._KEPT_APART + i), [FACT])
        and person.values["facial_hair"] == "none" and min(label_row(person)) >= 0
    )  # fmt: skip
    labels = np.array(label_row(sample(TEST_SEEDS + report._KEPT_APART + i)))
    wanted = labels.copy()
    wanted[NAMES.index(FACT[0])] = ATTRIBUTES[FACT[0]].index(FACT[1])
    lost, misread = wanted.copy(), labels.copy()
    lost[NAMES.index("glasses")] += 1
    misread[NAMES.index("clothes")] += 1
    found, shown = edit(monkeypatch, i, [misread, lost, wanted])
    assert (found.kind, found.asked, found.found) == (KIND, "facial_hair", True)
    assert found.right and found.drawn_right
    # Of eight attributes one is asked for, and one was misread before.
    assert sorted(found.kept) == [False] + [True] * 5
    assert found.drawn_kept == (True,) * 6
    assert found.untouched == pytest.approx(0.75, abs=0.01)
    found, _ = edit(monkeypatch, i, [labels, labels, labels])
    assert not found.right and not found.drawn_right and found.kept == (True,) * 7
    # The drawn wish shows no more than the picture's alpha does: at the frame's border, outside of the person, white.
    before, after, drawn = (crop[0] for crop in shown)
    assert torch.equal(before[:, 0], drawn[:, 0]) and not torch.equal(before, drawn)
    assert not torch.equal(before, after)


def test_shares_are_means_over_edits_and_over_attributes() -> None:
    kept, lost = (True, True, True), (False,)
    edits = [
        report.Edit("dark", "hair", True, True, kept, True, kept, 0.5),
        report.Edit("dark", "hair", False, False, lost, True, kept[:1], 1.0),
    ]
    assert report._means(edits) == ("50.0 %", "50.0 %", "75.0 %", "100.0 %", "100.0 %", "75.0 %")
    assert report._means([]) == ("–",) * 6
