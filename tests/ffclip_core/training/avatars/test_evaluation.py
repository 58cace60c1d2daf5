"""The evaluation's figures, where they are known beforehand.

The family here is of drawings that are looked up: a code is the number of a drawing, encoder and judge know every
drawing at sight, and the edit is a list of which drawing each one becomes.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.training.avatars import evaluation as evaluation_module
from ffclip.ffclip_core.training.avatars.avatar import Avatar, applicable, label_row
from ffclip.ffclip_core.training.avatars.drawing import draw
from ffclip.ffclip_core.training.avatars.evaluation import Evaluation
from ffclip.ffclip_core.training.avatars.vocabulary import ATTRIBUTES
from ffclip.ffclip_core.training.pictures import to_network

NAMES = list(ATTRIBUTES)
FACT = ("hair_colour", "pink")


class Drawings:
    """All drawings of the test, by number; the parts of a family and a judge that look them up."""

    def __init__(self) -> None:
        self.pictures: list[np.ndarray] = []
        self.labels: list[list[int]] = []
        self.mistaken: dict[int, int] = {}  # What the encoder takes for another.
        self.edits: dict[int, int] = {}

    def add(self, avatar: Avatar) -> int:
        picture = draw(avatar)
        for number, known in enumerate(self.pictures):
            if np.array_equal(known, picture):
                return number
        self.pictures.append(picture)
        self.labels.append(label_row(avatar))
        return len(self.pictures) - 1

    def find(self, x: Tensor) -> list[int]:
        known = to_network(np.stack(self.pictures))
        return [int((known - each).abs().sum((1, 2, 3)).argmin()) for each in x]

    def encoder(self, x: Tensor) -> Tensor:
        return torch.tensor([float(self.mistaken.get(i, i)) for i in self.find(x)]).view(-1, 1, 1)

    def generator(self, w: Tensor) -> Tensor:
        return to_network(np.stack([self.pictures[int(i)] for i in w.flatten()]))

    def modulator(self, w: Tensor, e: Tensor) -> Tensor:
        return torch.tensor([float(self.edits.get(int(i), int(i))) for i in w.flatten()]).view(-1, 1, 1) - w

    def judge(self, x: Tensor) -> dict[str, Tensor]:
        labels = torch.tensor([self.labels[i] for i in self.find(x)]).clamp_min(0)
        return {
            name: torch.nn.functional.one_hot(labels[:, i], len(values)).float()
            for i, (name, values) in enumerate(ATTRIBUTES.items())
        }


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> Drawings:
    """Six persons, of whom one has pink hair already and one has none; see the tests for what becomes of the rest."""
    values = {
        "hair": "short", "hair_colour": "brown", "facial_hair": "none", "glasses": "none",
        "expression": "neutral", "eyes": "open", "clothes": "shirt", "clothes_colour": "red",
    }  # fmt: skip
    special = {4: {"hair_colour": "pink"}, 5: {"hair": "bald"}}
    people = [
        Avatar(seed, values | special.get(seed, {"glasses": "sunglasses"} if seed == 3 else {})) for seed in range(6)
    ]
    monkeypatch.setattr(evaluation_module, "sample", lambda seed: people[seed - evaluation_module.TEST_SEEDS])
    return Drawings()


def evaluation_of(drawings: Drawings) -> Evaluation:
    for i in range(6):
        drawings.add(evaluation_module.sample(evaluation_module.TEST_SEEDS + i))
    text_encoder = SimpleNamespace(encode=lambda prompts: torch.zeros(len(prompts), 1))
    editor = SimpleNamespace(
        encoder=drawings.encoder, generator=drawings.generator, modulator=drawings.modulator, text_encoder=text_encoder
    )
    return Evaluation(editor, drawings.judge, 6)  # pyright: ignore[reportArgumentType]


def test_figures_of_a_prompt(drawings: Drawings) -> None:
    evaluation = evaluation_of(drawings)
    able = [person for person in evaluation.avatars if applicable(person, (FACT,)) and FACT not in person.facts()]
    assert able == evaluation.avatars[:4]
    start = [drawings.add(person) for person in able]
    targets = [drawings.add(person.edit([FACT])) for person in able]
    drawings.edits = {
        start[0]: targets[0],  # As it should be.
        start[1]: drawings.add(able[1].edit([FACT, ("expression", "happy"), ("clothes", "hoodie")])),  # And more.
        start[2]: start[2],  # Nothing.
        start[3]: drawings.add(able[3].edit([("facial_hair", "beard")])),  # Something else.
    }
    drawings.mistaken = {targets[3]: start[3]}
    found = evaluation.score("Pink hair", (FACT,), number=0, most=100)
    # Others than the hair's colour are seven; those of sunglasses hide the eyes. Three have changed: two and one.
    assert found == {
        "success": 2 / 4,
        "kept": pytest.approx(1 - 3 / (7 + 7 + 7 + 6), rel=1e-9),
        "all kept": 2 / 4,
        "target": 1.0,
        "inverted target": 3 / 4,
        "n": 4,
    }
    # A fact that is true already is asked for too, and no other.
    both = evaluation.score("Pink hair, shirt", (FACT, ("clothes", "shirt")), number=0, most=100)
    assert both["success"] == 1 / 4
    assert both["kept"] == pytest.approx(1 - 2 / (6 + 6 + 6 + 5), rel=1e-9)


def test_a_perfect_family_and_one_that_does_nothing(drawings: Drawings) -> None:
    evaluation = evaluation_of(drawings)
    for number, person in enumerate(evaluation.avatars[:4]):
        drawings.edits[number] = drawings.add(person.edit([FACT]))
    perfect = evaluation.score("Pink hair", (FACT,), number=0, most=100)
    assert {perfect[name] for name in ("success", "kept", "all kept", "target", "inverted target")} == {1.0}
    drawings.edits = {}
    idle = evaluation.score("Pink hair", (FACT,), number=0, most=2)
    assert (idle["success"], idle["kept"], idle["all kept"], idle["n"]) == (0, 1, 1, 2)


def test_rows_of_edits_that_never_happen(drawings: Drawings) -> None:
    assert evaluation_of(drawings).rows(count=4, length=1) == [(0, 0)], "each is asked for something new"


def test_several_facts_are_read_together() -> None:
    read = np.array([[0, 1], [0, 2], [3, 1]])
    assert evaluation_module._reads(read, [(0, 0)]) == pytest.approx(2 / 3, rel=1e-9)
    assert evaluation_module._reads(read, [(0, 0), (1, 1)]) == pytest.approx(1 / 3, rel=1e-9)
