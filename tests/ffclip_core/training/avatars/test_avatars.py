from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.families import EMBEDDED, read_family
from ffclip.ffclip_core.training.avatars.avatar import EYES_PLACE, Avatar, applicable, label_row, sample
from ffclip.ffclip_core.training.avatars.drawing import crop, draw, face_box
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


def test_drawings_are_as_large_as_the_embedded_familys_pictures() -> None:
    family = read_family(EMBEDDED)
    assert draw(sample(0)).shape == (family.size, family.size, 3)


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


def test_what_an_edit_made_plain_stays_plain_in_the_next_one() -> None:
    once = plain(hair_colour="green").edit_plainly([("hair_colour", "pink")])
    twice = once.edit_plainly([("glasses", "glasses")]).edit_plainly([("glasses", "none")])
    assert np.array_equal(parameters(twice), parameters(once))


def test_attributes_are_as_frequent_as_the_model_card_says() -> None:
    people = [sample(seed) for seed in range(2000)]
    shares = {
        name: sum(person.values[name] == value for person in people) / 2000
        for name, value in (("hair_colour", ""), ("eyes", "closed"), ("glasses", "none"), ("facial_hair", "none"))
    }
    # Four standard deviations of a share in 2,000 are at most 0.045; the pairs held out move them by less than that.
    expected = {"hair_colour": 0.12, "eyes": 1 / 8, "glasses": 5 / 11, "facial_hair": 5 / 11}
    for name, share in expected.items():
        assert abs(shares[name] - share) < 0.06, name


def test_parameters_tell_the_background_that_is_drawn() -> None:
    """A gradient over the art's square from -100 to 380: per colour channel its middle and its slopes."""
    for seed in range(20):
        person = sample(seed)
        middle, across, down = parameters(person)[-19:-10].reshape(3, 3).T
        left, top, side = crop(person)
        picture = draw(person)
        for column in (0, 63):  # The upper corners.
            x, y = ((edge + side * (at + 0.5) / 64 + 100) / 480 - 0.5 for edge, at in ((left, column), (top, 0)))
            expected = (middle + across * x + down * y + 1) * 127.5
            assert np.abs(expected - picture[0, column]).max() < 2, "rounded to one of 255 steps"


def test_parameters_tell_the_named_colours_and_where_everything_is() -> None:
    before = parameters(plain())
    pink = parameters(plain().edit_plainly([("hair_colour", "pink")]))
    expected = [2 * channel / 255 - 1 for channel in (0xF5, 0x77, 0xB0)]
    assert np.allclose(pink[before != pink], expected, rtol=1e-6, atol=0)
    people = np.stack([parameters(Avatar(seed, plain().values)) for seed in range(300)])
    places, skins = people[:, -10:], people[:, -22:-19]
    assert len(np.unique(skins, axis=0)) > 100, "anywhere between its anchors"
    assert (np.abs(places) <= 1).all() and (np.abs(places).max(0) > 0.9).all(), "about unit scale, each"


def test_parameters_tell_where_the_eyes_are_drawn() -> None:
    """In half units of the art: across, then down. Where they are on average, both are zero."""
    people = (Avatar(seed, plain().values) for seed in range(100))
    far = [person for person in people if np.abs(parameters(person)[-6:-4]).min() > 0.7]
    for person in far[:2]:
        still = replace(person, plain=frozenset({EYES_PLACE}))
        assert not parameters(still)[-6:-4].any()
        across, down = parameters(person)[-6:-4] * 2 * 280 / crop(person)[2]
        before, after = draw(still, 280).astype(int), draw(person, 280).astype(int)
        rows, columns = np.nonzero((before != after).any(2))
        eyes = np.s_[rows.min() - 2 : rows.max() + 3, columns.min() - 2 : columns.max() + 3]
        errors = {
            (i, j): np.abs(np.roll(before, (round(j * down), round(i * across)), (0, 1)) - after)[eyes].mean()
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        }
        assert min(errors, key=lambda signs: errors[signs]) == (1, 1)


@pytest.mark.parametrize(
    ("shown", "hidden"),
    [
        ({"hair": "bald"}, [("hair_colour", "green")]),
        ({"glasses": "sunglasses"}, [("eyes", "closed")]),
        ({"hair": "hijab", "glasses": "none"}, [("clothes", "hoodie"), ("clothes_colour", "blue")]),
    ],
)
def test_parameters_do_not_tell_what_cannot_be_seen(shown: dict[str, str], hidden: list[tuple[str, str]]) -> None:
    before = parameters(plain(**shown))
    assert np.array_equal(parameters(plain(**shown).edit(hidden)), before)
    assert before[-6:-4].any() == ("sunglasses" not in shown.values()), "where the eyes are"
