import numpy as np
import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.training.avatars.avatar import Avatar, applicable, label_row, sample
from ffclip.ffclip_core.training.avatars.drawing import draw, face_box
from ffclip.ffclip_core.training.avatars.edits import random_edit
from ffclip.ffclip_core.training.avatars.parameters import parameters
from ffclip.ffclip_core.training.avatars.vocabulary import ATTRIBUTES, HELD_OUT, is_held_out


def plain(**values: str) -> Avatar:
    defaults = {
        "hair": "short",
        "hair_colour": "brown",
        "facial_hair": "none",
        "glasses": "none",
        "expression": "neutral",
        "eyes": "open",
        "clothes": "shirt",
        "clothes_colour": "red",
    }
    return Avatar(5, {**defaults, **values})


def test_the_same_seed_draws_the_same_picture() -> None:
    assert np.array_equal(draw(sample(3)), draw(sample(3)))
    assert not np.array_equal(draw(sample(3)), draw(sample(4)))


@pytest.mark.parametrize("attribute", list(ATTRIBUTES))
def test_every_value_of_an_attribute_looks_different(attribute: str) -> None:
    pictures = [draw(plain().edit([(attribute, value)])) for value in ATTRIBUTES[attribute]]
    for i, first in enumerate(pictures):
        for second in pictures[i + 1 :]:
            assert np.abs(first.astype(int) - second).max() > 60


def test_an_edit_of_the_mouth_moves_nothing_else() -> None:
    avatar = plain()
    before, after = draw(avatar), draw(avatar.edit([("expression", "surprised")]))
    left, top, right, bottom = (round(64 * edge) for edge in face_box(avatar))
    changed = np.abs(before.astype(int) - after).max(2) > 0
    assert changed.any()
    changed[top - 2 : bottom + 3, left - 2 : right + 3] = False
    assert not changed.any()


@pytest.mark.parametrize(
    "facts",
    [
        [("hair", "short")],
        [("hair_colour", "pink")],
        [("facial_hair", "beard")],
        [("glasses", "glasses")],
        [("expression", "angry")],
        [("clothes", "shirt"), ("clothes_colour", "red")],
        [("glasses", "none")],
        [("glasses", "none"), ("eyes", "closed")],
        [("eyes", "open")],
    ],
)
def test_a_plain_edit_follows_from_the_picture_alone(facts: list[tuple[str, str]]) -> None:
    """Whoever it is, what the edit changes has the same parameters, and the rest keeps its own."""
    glasses = "sunglasses" if ("glasses", "none") in facts else "none"
    eyes = "closed" if ("eyes", "open") in facts else "open"
    values = plain(
        hair="bob", hair_colour="green", clothes="hoodie", clothes_colour="gray", glasses=glasses, eyes=eyes,
        expression="happy" if ("expression", "angry") in facts else "angry",
    ).values  # fmt: skip
    people = [Avatar(seed, values) for seed in range(20)]
    before = np.stack([parameters(person) for person in people])
    after = np.stack([parameters(person.edit_plainly(facts)) for person in people])
    changed = (before != after).any(0)
    assert changed.any() and not changed.all()
    assert (after[:, changed] == after[0, changed]).all()


def test_a_plain_edit_brings_to_light_what_a_picture_could_have() -> None:
    hidden = plain(hair="hat", hair_colour="green", glasses="sunglasses", eyes="closed")
    shown = hidden.edit_plainly([("hair", "afro"), ("glasses", "none")])
    assert shown.facts() >= {("hair", "afro"), ("hair_colour", "brown"), ("eyes", "open")}
    assert plain(hair_colour="").edit_plainly([("glasses", "glasses")]).values["hair_colour"] == ""
    assert parameters(plain().edit_plainly([("hair_colour", "brown")])).tolist() == parameters(plain()).tolist()


def test_what_cannot_be_seen_has_no_label() -> None:
    assert plain(hair="bald").labels()["hair_colour"] is None
    assert plain(hair="bald", facial_hair="beard").labels()["hair_colour"] == "brown"
    assert plain(glasses="sunglasses").labels()["eyes"] is None
    assert plain(hair="hijab").labels()["clothes"] is None
    assert plain(hair_colour="").labels()["hair_colour"] is None
    assert not applicable(plain(hair="bald"), [("hair_colour", "green")])
    assert applicable(plain(hair="bald"), [("hair_colour", "green"), ("hair", "bob")])


def test_no_drawn_avatar_and_no_drawn_edit_shows_a_held_out_pair() -> None:
    import random

    for pair in HELD_OUT:
        assert is_held_out(plain().edit(pair).facts())
    for seed in range(2000):
        avatar = sample(seed)
        stream = random.Random(seed)
        edited = avatar.edit(random_edit(avatar, stream))
        people = [avatar, edited]
        for _ in range(4):  # A row of edits, as the modulation blocks are trained on.
            facts = random_edit(people[-1], stream)
            assert not is_held_out(facts)
            people.append(people[-1].edit_plainly(facts))
        for person in people:
            assert not is_held_out(person.facts()) and not person.shows_held_out()


def test_a_hair_colour_without_a_name_counts_as_the_nearest_one() -> None:
    bearded = [Avatar(seed, {**plain().values, "hair_colour": "", "facial_hair": "beard"}) for seed in range(200)]
    purple = [avatar for avatar in bearded if avatar.shows_held_out()]
    assert 0 < len(purple) < len(bearded)


def test_labels_are_indices() -> None:
    row = label_row(plain(hair="hijab", glasses="sunglasses"))
    assert row == [ATTRIBUTES["hair"].index("hijab"), -1, 0, 2, 0, -1, -1, -1]
