"""The evaluation's figures, where they are known beforehand.

The family here is of drawings that are looked up: a code is the number of a drawing, encoder and judge know every
drawing at sight, and the edit is a list of which drawing each one becomes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.training.avatars.avatar import Avatar, applicable, label_row
from ffclip.ffclip_core.training.avatars.domain import Avatars
from ffclip.ffclip_core.training.avatars.drawing import draw
from ffclip.ffclip_core.training.avatars.vocabulary import ATTRIBUTES, SIZE
from ffclip.ffclip_core.training.drawings import TEST_SEEDS, Question
from ffclip.ffclip_core.training.evaluation import drawings as evaluation_module
from ffclip.ffclip_core.training.evaluation import tables as report_module
from ffclip.ffclip_core.training.evaluation.drawings import Evaluation
from ffclip.ffclip_core.training.facts import Fact
from ffclip.ffclip_core.training.pictures import to_network

NAMES = list(ATTRIBUTES)
FACT = ("hair_colour", "pink")


class People(Avatars):
    """Some persons, and their edits as the seed makes them, not plain."""

    def __init__(self, people: list[Avatar]) -> None:
        self.people = people

    def sample(self, seed: int) -> Avatar:
        return self.people[seed - TEST_SEEDS]

    def edit(self, thing: Avatar, facts: Iterable[Fact]) -> Avatar:
        return thing.edit(facts)


class Drawings:
    """All drawings of the test, by number; the parts of a family and a judge that look them up."""

    def __init__(self, people: list[Avatar]) -> None:
        self.domain = People(people)
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

    def modulator(self, w: Tensor, e: Tensor) -> Tensor:
        return torch.tensor([float(self.edits.get(int(i), int(i))) for i in w.flatten()]).view(-1, 1, 1) - w

    def judge(self, x: Tensor) -> dict[str, Tensor]:
        labels = torch.tensor([self.labels[i] for i in self.find(x)]).clamp_min(0)
        return {
            name: torch.nn.functional.one_hot(labels[:, i], len(values)).float()
            for i, (name, values) in enumerate(ATTRIBUTES.items())
        }


class Looking:
    """The generator."""

    size, family = SIZE, "avatars"

    def __init__(self, drawings: Drawings) -> None:
        self.drawings = drawings

    def __call__(self, w: Tensor) -> Tensor:
        return to_network(np.stack([self.drawings.pictures[int(i)] for i in w.flatten()]))


@pytest.fixture
def drawings() -> Drawings:
    """Six persons, of whom one has pink hair already and one has none; see the tests for what becomes of the rest."""
    values = {
        "hair": "short", "hair_colour": "brown", "facial_hair": "none", "glasses": "none",
        "expression": "neutral", "eyes": "open", "clothes": "shirt", "clothes_colour": "red",
    }  # fmt: skip
    special = {4: {"hair_colour": "pink"}, 5: {"hair": "bald"}}
    people = [
        Avatar(seed, values | special.get(seed, {"glasses": "sunglasses"} if seed == 3 else {})) for seed in range(6)
    ]
    return Drawings(people)


def evaluation_of(drawings: Drawings) -> Evaluation:
    for person in drawings.domain.people:
        drawings.add(person)
    text_encoder = SimpleNamespace(encode=lambda prompts: torch.zeros(len(prompts), 1))
    editor = SimpleNamespace(
        encoder=drawings.encoder, generator=Looking(drawings), modulator=drawings.modulator, text_encoder=text_encoder
    )
    return Evaluation(drawings.domain, editor, drawings.judge, 6)  # pyright: ignore[reportArgumentType]


def test_figures_of_a_prompt(drawings: Drawings) -> None:
    evaluation = evaluation_of(drawings)
    able = [person for person in evaluation.things if applicable(person, (FACT,)) and FACT not in person.facts()]
    assert able == evaluation.things[:4]
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
    for number, person in enumerate(evaluation.things[:4]):
        drawings.edits[number] = drawings.add(person.edit([FACT]))
    perfect = evaluation.score("Pink hair", (FACT,), number=0, most=100)
    assert {perfect[name] for name in ("success", "kept", "all kept", "target", "inverted target")} == {1.0}
    drawings.edits = {}
    idle = evaluation.score("Pink hair", (FACT,), number=0, most=2)
    assert (idle["success"], idle["kept"], idle["all kept"], idle["n"]) == (0, 1, 1, 2)


def test_a_prompt_that_nobody_can_be_asked_has_no_figures(drawings: Drawings) -> None:
    assert evaluation_of(drawings).score("neutral", (("expression", "neutral"),), number=0, most=100) == {"n": 0}


def test_not_all_prompts_are_asked_of_the_same_avatars(drawings: Drawings) -> None:
    evaluation = evaluation_of(drawings)
    drawings.edits[0] = drawings.add(evaluation.things[0].edit([FACT]))
    scores = [evaluation.score("Pink hair", (FACT,), number, most=2) for number in range(20)]
    assert {score["n"] for score in scores} == {2} and {score["success"] for score in scores} == {0, 1 / 2}


def test_the_judge_sees_what_a_picture_can_hold(drawings: Drawings) -> None:
    evaluation, seen = evaluation_of(drawings), []
    evaluation.judge = lambda x: seen.append(x) or {"first": -x.flatten(1), "last": x.flatten(1)}  # pyright: ignore[reportAttributeAccessIssue]
    found = evaluation.judged(torch.tensor([-3.0, -0.5, 0.25, 2.0]).view(1, 1, 2, 2).expand(40, -1, -1, -1))
    assert torch.cat(seen).view(40, 4).unique(dim=0).tolist() == [[-1, -0.5, 0.25, 1]]
    assert found.shape == (40, 2) and found.tolist()[39] == [0, 3]


def test_the_sheet_shows_each_person_drawn_inverted_and_edited(drawings: Drawings, tmp_path: Path) -> None:
    drawings.mistaken, drawings.edits = {2: 4}, {1: 3}
    report_module.picture(evaluation_of(drawings), [1, 2], ["Sunglasses", "Bald"], tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))[::2, ::2].reshape(2, SIZE, 4, SIZE, 3)
    for row, numbers in enumerate([(1, 1, 3, 3), (2, 4, 4, 4)]):
        for column, number in enumerate(numbers):
            assert np.array_equal(sheet[row, :, column], drawings.pictures[number])


def test_rows_of_edits(drawings: Drawings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three edits of each of four persons, of whom the second is mistaken in the second edit and the third changes
    something else in the third."""
    evaluation = evaluation_of(drawings)
    asked = [("hair_colour", "pink"), ("expression", "happy"), ("facial_hair", "beard")]
    two = (("hair", "bob"), ("eyes", "closed"))
    answers = iter([edit for fact in asked for _ in range(4) for edit in (two, (fact,))])
    monkeypatch.setattr(People, "random_edit", lambda self, person, stream: next(answers))
    assert evaluation.things[3].labels()["eyes"] is None, "what cannot be seen counts nowhere"
    people = list(evaluation.things[:4])
    for number, fact in enumerate(asked):
        for i, person in enumerate(people):
            people[i] = after = person.edit([fact])
            if (number, i) == (2, 2):
                after = after.edit([("clothes", "hoodie")])
            if (number, i) == (1, 1):
                people[i] = after = person.edit([("glasses", "glasses")])
            drawings.edits[drawings.add(person)] = drawings.add(after)
    assert evaluation.rows(count=4, length=3) == [(1, 1), (3 / 4, 3 / 4), (1, 2 / 4)]


def test_rows_of_edits_that_never_happen(drawings: Drawings) -> None:
    assert evaluation_of(drawings).rows(count=4, length=1) == [(0, 0)], "each is asked for something new"


def test_several_facts_are_read_together() -> None:
    read = [np.array(row) for row in ([0, 1], [0, 2], [3, 1])]
    assert [evaluation_module.reads(row, {0: {0}}) for row in read] == [True, True, False]
    assert [evaluation_module.reads(row, {0: {0, 3}, 1: {1}}) for row in read] == [True, False, True]


def test_what_is_right_after_an_edit(drawings: Drawings) -> None:
    """Of words that mean several values each of them; of comparatives what they lead to."""
    evaluation = evaluation_of(drawings)
    hair = list(ATTRIBUTES["hair"])
    short, bob, long = (hair.index(name) for name in ("short", "bob", "long wavy"))
    drawings.domain.concepts = {("hair", "no bun"): ["short", "bob"], ("hair", "longer"): ["long wavy"]}

    def wanted(value: str, before: int, after: int) -> dict[int, set[int]]:
        return evaluation._wanted(np.array([before]), np.array([after]), [("hair", value)])

    assert wanted("no bun", long, short) == {0: {short, bob}} == wanted("no bun", bob, bob)
    assert wanted("longer", short, bob) == {0: {bob}} and wanted("longer", bob, long) == {0: {long}}
    assert wanted("longer", short, -1) == {}


def test_errors_are_told_in_steps_of_a_picture() -> None:
    drawn = torch.full((2, 3, 4, 4), 0.9)
    found = drawn - 0.2
    assert report_module._errors(found, drawn) == "Mean absolute error 25.50 of 255, PSNR 20.0 dB."
    found[0] = 5.0  # Which a picture cannot hold: 1.
    assert report_module._errors(found, drawn) == "Mean absolute error 19.12 of 255, PSNR 23.0 dB."


def test_the_report_has_the_figures_in_its_tables(drawings: Drawings) -> None:
    drawings.mistaken = {0: 4}  # Brown hair comes back as pink.
    evaluation = evaluation_of(drawings)
    people = evaluation.things
    pair, unseen = (FACT, ("expression", "happy")), (("hair", "afro"), ("hair_colour", "blonde"))
    beard = (("facial_hair", "beard"),)
    drawings.domain.questions = (
        Question("single", "Pink hair", (FACT,)),
        Question("single", "Beard", beard),
        Question("pair", "pink hair, happy", pair),
        Question("pair, unseen", "blonde afro", unseen),
        Question("paraphrase", "her hair is pink now", (FACT,)),
        Question("paraphrase, new word", "neutral", (("expression", "neutral"),)),
    )
    for person in people:
        for facts in ((FACT,), pair, unseen, beard):
            drawings.add(person.edit(facts))
    drawings.edits = {i: drawings.add(people[i].edit([FACT])) for i in (1, 2)}
    rows = [line.strip("| ").split(" | ") for line in report_module.report(evaluation, 100).splitlines()]
    assert ["hair colour", "100.0 %", "80.0 %", "5"] in rows, "one of the five whose hair is to be seen"
    assert ["eyes", "100.0 %", "100.0 %", "5"] in rows
    assert ["hair: bald", "100.0 %", "100.0 %", "1"] in rows and ["hair: afro", "–", "–", "0"] in rows
    # Who is asked for pink hair: the first, inverted with it already, and three more, of whom two get it.
    pink = ["75.0 %", "100.0 %", "100.0 %", "100.0 %", "100.0 %"]
    assert ["single", "Pink hair", *pink, "4"] in rows and ["paraphrase", *pink, "4"] in rows
    # All six are asked for a beard, and nobody gets one.
    [found] = [row for row in rows if row[:2] == ["single", "Beard"]]
    assert found[2] == "0.0 %" and found[-1] == "6"
    means = {row[0]: row[1:] for row in rows if len(row) == 7}
    assert means["all single prompts"][0] == "37.5 %" and means["all single prompts"][-1] == "10"
    assert means["single: hair colour"] == [*pink, "4"] and means["single: facial hair"] == found[2:]
    assert means["single: hair"] == ["–"] * 5 + ["0"] == means["paraphrase, new word"]
    assert {row[1]: row[0] for row in rows if len(row) == 8 and row[0] not in ("kind", "---")} == {
        "Pink hair": "single",
        "Beard": "single",
        "pink hair, happy": "pair",
        "blonde afro": "pair, unseen",
        "her hair is pink now": "paraphrase",
        "neutral": "paraphrase, new word",
    }
    assert ["On 6 drawings."] in rows and [row[0] for row in rows if len(row) == 3][2:] == list("12345678")
