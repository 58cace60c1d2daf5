"""The edits that the modulation blocks learn."""

from __future__ import annotations

import random
from collections import Counter

import golden
import numpy as np
import pytest
import torch

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.training.avatars.avatar import Avatar, applicable, sample
from ffclip.ffclip_core.training.avatars.domain import AVATARS, Avatars
from ffclip.ffclip_core.training.avatars.edits import random_edit
from ffclip.ffclip_core.training.avatars.parameters import parameters
from ffclip.ffclip_core.training.avatars.vocabulary import is_held_out
from ffclip.ffclip_core.training.codes import Codes
from ffclip.ffclip_core.training.edits import Edits, edits

LAYERS = 3
PEOPLE = [sample(seed) for seed in range(120)]


def rows(people: list[Avatar]) -> torch.Tensor:
    return torch.from_numpy(np.stack([parameters(person) for person in people]))


@pytest.fixture(scope="module")
def codes() -> Codes:
    return Codes.of(rows(PEOPLE), LAYERS, 256, AVATARS.scales)


@pytest.fixture(scope="module")
def batch(codes: Codes) -> Edits:
    """Edits of codes that are not quite what the drawings' are, as an encoder's."""
    w = codes.w(rows(PEOPLE))[:, None] + codes.offsets
    w = w + 0.1 * torch.randn(w.shape, generator=torch.Generator().manual_seed(0))
    return edits(AVATARS, codes, PEOPLE, w, np.random.default_rng(0))


def test_what_changes_in_the_drawing_is_to_have_its_parameters_and_the_rest_to_stay(codes: Codes, batch: Edits) -> None:
    before, after = rows(PEOPLE), rows(batch.things)
    changes = (before != after)[:, None].expand(-1, LAYERS, -1)
    assert changes.any() and not changes.all()
    wanted = codes.along(batch.wanted)
    exact = golden.rounding(256, layers=4)
    assert golden.error(wanted[changes], codes.along(codes.w(after))[:, None].expand_as(wanted)[changes]) < exact
    assert golden.error(wanted[~changes], codes.along(batch.w)[~changes]) < exact
    moved = batch.wanted - batch.w
    assert golden.error(codes.along(moved) @ codes.directions, moved) < exact, "nothing beside the directions moves"


def test_one_in_ten_captions_says_what_is_true_already(codes: Codes, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(Avatars, "caption", lambda self, facts, stream: told.append(facts) or "")
    people = PEOPLE * 5
    found = edits(AVATARS, codes, people, torch.zeros(len(people), LAYERS, 256), np.random.default_rng(1))
    idle = [set(facts) <= person.facts() for facts, person in zip(told, people, strict=True)]
    # 600 of them: four standard deviations are 29.
    assert abs(sum(idle) - 60) < 29
    for person, facts, after, same in zip(people, told, found.things, idle, strict=True):
        assert set(facts) <= after.facts() and (after == person) == same
        assert after == person or after == person.edit_plainly(facts), "the outcome follows from the picture"
    assert {set(facts) <= after.facts() for facts, after in zip(told, found.things, strict=True)} == {True}


def test_random_edits_can_be_shown_and_tell_something_new() -> None:
    stream = random.Random(0)
    chosen = [(person, random_edit(person, stream)) for person in PEOPLE * 5]
    for person, facts in chosen:
        names = [name for name, _ in facts]
        assert len(set(names)) == len(names)
        assert applicable(person, facts) and not set(facts) <= person.facts()
        assert not is_held_out(facts) and not person.edit(facts).shows_held_out()
    lengths = Counter(len(facts) for _, facts in chosen)
    assert set(lengths) == {1, 2, 3} and lengths[1] > lengths[2] > lengths[3]
    often = Counter(name for _, facts in chosen for name, _ in facts)
    assert often["expression"] > 2 * often["clothes"] and len(often) == 8
