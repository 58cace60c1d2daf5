"""People as they are drawn, worn, changed and spoken of."""

from __future__ import annotations

import pickle
import random
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")
pytest.importorskip("matplotlib", reason="names of colours need the extra `train`")

from ffclip.ffclip_core.training.colours import COLOURS, lab, name_of, rgb
from ffclip.ffclip_core.training.drawings import Domain
from ffclip.ffclip_core.training.people.domain import PEOPLE
from ffclip.ffclip_core.training.people.parameters import SCALES, parameters
from ffclip.ffclip_core.training.people.person import COLOURED, Person, sample
from ffclip.ffclip_core.training.people.vocabulary import ATTRIBUTES, MORE, is_held_out
from ffclip.ffclip_core.training.people.words import WORDS
from ffclip.ffclip_core.training.thesaurus import mistyped
from ffclip.ffclip_core.training.wear import look_of

SOME = [sample(seed) for seed in range(400)]


def test_it_is_a_domain_of_as_many_parameters_as_codes_of_256_numbers_have_room_for() -> None:
    assert isinstance(PEOPLE, Domain) and pickle.loads(pickle.dumps(PEOPLE)).prompts == PEOPLE.prompts  # noqa: S301
    rows = np.stack([parameters(person) for person in SOME])
    assert rows.shape == (400, len(SCALES)) and rows.dtype == np.float32 and len(SCALES) <= 128
    assert np.isfinite(rows).all() and np.abs(rows).max() <= 2.01
    assert (rows.std(0) > 0).all(), "each of them varies"


def test_all_values_are_drawn_and_no_held_out_pair_is() -> None:
    seen = {fact for person in SOME for fact in person.facts()}
    drawn = {name: {value for attribute, value in seen if attribute == name} for name in ATTRIBUTES}
    assert all(drawn[name] == set(values) for name, values in ATTRIBUTES.items() if name not in COLOURED)
    assert set().union(*(drawn[name] for name in COLOURED)) == set(COLOURS)
    assert not any(is_held_out(person.facts()) for person in SOME)
    assert is_held_out([("hair_colour", "blue"), ("glasses", "round glasses")])
    assert is_held_out([("hair_colour", "blue"), ("glasses", "any glasses")])
    assert not is_held_out([("hair_colour", "blue"), ("glasses", "sunglasses")])
    assert is_held_out([("expression", "angry"), ("hair", "beanie"), ("skin", "pale")])


def test_pictures_differ_where_parameters_do_and_nowhere_else() -> None:
    faithful = [person for person in SOME if PEOPLE.faithful(person)][:12]
    assert 150 < sum(map(PEOPLE.faithful, SOME)) < 250
    for person in faithful:
        again = Person(person.seed, dict(person.values))
        assert np.array_equal(PEOPLE.draw(person, 64), PEOPLE.draw(again, 64))
        corner = PEOPLE.draw(person, 64)[:2, :2].reshape(-1, 3) / 255
        assert np.abs(corner - rgb(person.values["background"])).max() < 0.01
    for attribute in ("glasses", "mouth", "skin", "background", "hat_colour"):
        for person in faithful:
            value = random.Random(person.seed).choice([f for f in WORDS.said if f[0] == attribute and f not in MORE])
            after = person.edit([value])
            same = np.array_equal(parameters(person), parameters(after))
            assert same == np.array_equal(PEOPLE.draw(person, 128), PEOPLE.draw(after, 128)), (person, value)


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    stream, changed = random.Random(0), Counter()
    follows = {  # What is seen with it, hidden by it, or made of it.
        "hair": {"hair_colour", "hat_colour", "clothes", "graphic"},
        "facial_hair": {"beard_colour"},
        "glasses": {"glasses_colour", "eyes", "expression"},
        "expression": {"eyes", "brows", "mouth"},
        "eyes": {"expression"},
        "brows": {"expression"},
        "mouth": {"expression"},
        "graphic": {"clothes"},
        "clothes": {"graphic"},
        "hair_colour": {"beard_colour"},
    }
    for person in SOME:
        facts = PEOPLE.random_edit(person, stream)
        after = person.edit(facts)
        allowed = {name for name, _ in facts}.union(*(follows.get(name, set()) for name, _ in facts))
        moved = {name for name in ATTRIBUTES if person.labels[name] != after.labels[name]}
        assert moved and moved <= allowed, (facts, moved)
        assert all(after.is_so(fact) for fact in facts if fact not in MORE), facts
        assert not is_held_out(facts) and not is_held_out(after.facts())
        assert after.edit([fact for fact in facts if fact not in MORE]).values == after.values, "it is so already"
        changed.update(name for name, _ in facts)
    assert set(changed) == set(ATTRIBUTES)


def test_comparatives_go_one_step_from_where_it_is() -> None:
    for (attribute, _), steps in MORE.items():
        assert {*steps, *steps.values()} <= set(ATTRIBUTES[attribute])

    def person(**values: str) -> Person:
        return Person(0, {**SOME[0].values, **values})

    assert person(skin="light").edit([("skin", "darker")]).values["skin"] == "tanned"
    assert person(skin="dark").edit([("skin", "darker")]).values["skin"] == "dark"
    assert person(facial_hair="none").edit([("facial_hair", "bigger")]).values["facial_hair"] == "light beard"
    assert person(hair="long wavy").edit([("hair", "shorter")]).values["hair"] == "bob"


def test_hair_and_a_beard_of_one_colour_are_dyed_together() -> None:
    values = {**SOME[0].values, "hair": "short", "facial_hair": "big beard", "hair_colour": "6b3d2a"}
    together = Person(0, {**values, "beard_colour": "6b3d2a"}).edit([("hair_colour", "green")])
    apart = Person(0, {**values, "beard_colour": "e0bb6a"}).edit([("hair_colour", "green")])
    assert together.labels["beard_colour"] == "green" and apart.labels["beard_colour"] == "blonde"
    bald = Person(0, {**values, "hair": "bald", "beard_colour": "2b6be0"}).edit([("hair", "bob")])
    assert bald.values["hair_colour"] == "2b6be0", "hair that comes to light is as the beard"


def test_colours_are_what_they_look_like() -> None:
    worn = [person for person in SOME if not look_of(person).plain and look_of(person).light.gain[0] != 1]
    gray = [person for person in SOME if look_of(person).light.gray]
    assert len(worn) > 40 and len(gray) > 5
    names = list(ATTRIBUTES)
    for person in gray:
        labels = dict(zip(names, PEOPLE.labels(person), strict=True))
        assert all(labels[name] == -1 for name in COLOURED)
        dyed = person.edit([("background", "red")])
        assert PEOPLE.labels(dyed)[names.index("background")] == ATTRIBUTES["background"].index("red")
    assert name_of("2b6be0", COLOURS, COLOURS) == "blue" and name_of("00ff00", {"a": "ff0000"}, ["a"]) == ""
    # CIE's own values for these, to a tenth.
    assert np.allclose(lab("ff0000"), [53.2, 80.1, 67.2], atol=0.1) and np.allclose(
        lab("ffffff"), [100, 0, 0], atol=0.1
    )


def test_captions_say_each_fact_in_all_languages_and_ever_new_words() -> None:
    stream, facts = random.Random(0), [("hair_colour", "purple"), ("glasses", "any glasses")]
    texts = {WORDS.caption(facts, stream) for _ in range(500)}
    assert len(texts) > 450
    assert any("紫" in text for text in texts) and any("purple" in text for text in texts)
    assert any("lunettes" in text for text in texts) and any("Brille" in text for text in texts)
    assert any("gafas" in text or "lentes" in text for text in texts)


def test_slips_of_the_fingers() -> None:
    stream = random.Random(0)
    slips = {mistyped("bald with glasses", stream) for _ in range(200)}
    assert "bald with glasses" in slips or len(slips) > 40
    for slip in slips:
        pairs = list(zip(slip.split(" "), "bald with glasses".split(" "), strict=True))
        assert sum(a != b for a, b in pairs) <= 1 and all(abs(len(a) - len(b)) <= 1 for a, b in pairs)
    assert mistyped("的 an x", stream) == "的 an x"
