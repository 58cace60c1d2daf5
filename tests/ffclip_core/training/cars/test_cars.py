"""Cars as they are drawn, worn, changed and spoken of."""

from __future__ import annotations

import pickle
import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")
pytest.importorskip("dicebear", reason="what rasterises is beside what needs the extra `train`")
pytest.importorskip("matplotlib", reason="names of colours need the extra `train`")

from ffclip.ffclip_core.training.cars.car import COLOURED, Car, sample
from ffclip.ffclip_core.training.cars.domain import CARS
from ffclip.ffclip_core.training.cars.drawing import draw
from ffclip.ffclip_core.training.cars.parameters import SCALES, parameters
from ffclip.ffclip_core.training.cars.vocabulary import (
    ATTRIBUTES,
    COLOURS,
    HELD_OUT,
    MORE,
    SCENES,
    is_held_out,
)
from ffclip.ffclip_core.training.cars.words import WORDS
from ffclip.ffclip_core.training.codes import SCALES as LAYERS
from ffclip.ffclip_core.training.drawings import Domain
from ffclip.ffclip_core.training.facts import Fact
from ffclip.ffclip_core.training.wear import look_of

SOME = [sample(seed) for seed in range(400)]
PLAIN = {
    "body": "saloon", "body_colour": COLOURS["blue"], "roof": "one colour", "roof_colour": COLOURS["white"],
    "wheels": "plain", "wheel_size": "normal", "load": "none", "lights": "off", "spoiler": "none", "decals": "none",
    "decal_colour": COLOURS["yellow"], "windows": "clear", "direction": "right", "time": "day", "weather": "clear",
    "scenery": "city", "condition": "clean",
}  # fmt: skip


def car(**values: str) -> Car:
    return Car(0, {**PLAIN, **values})


def test_it_is_a_domain_of_as_many_parameters_as_codes_of_256_numbers_have_room_for() -> None:
    assert isinstance(CARS, Domain) and pickle.loads(pickle.dumps(CARS)).prompts == CARS.prompts  # noqa: S301
    rows = np.stack([parameters(each) for each in SOME])
    assert rows.shape == (400, len(SCALES)) and rows.dtype == np.float32 and len(SCALES) <= 128
    assert np.isfinite(rows).all() and np.abs(rows).max() <= 2.01
    assert (rows.std(0) > 0).all(), "each of them varies"
    assert all(set(said.split()) <= set(LAYERS) for said in SCALES)
    assert set(CARS.spoken) == set(ATTRIBUTES) and len(CARS.labels(SOME[0])) == len(ATTRIBUTES)


def test_all_values_are_drawn_and_no_held_out_pair_is() -> None:
    seen = {fact for each in SOME for fact in each.facts()}
    drawn = {name: {value for attribute, value in seen if attribute == name} for name in ATTRIBUTES}
    assert all(drawn[name] == set(values) for name, values in ATTRIBUTES.items() if name not in COLOURED)
    assert all(set().union(*(drawn[name] for name in COLOURED)) == set(COLOURS) for name in COLOURED)
    assert {each.scene for each in SOME} == {scene for scenes in SCENES.values() for scene in scenes}
    assert not any(is_held_out(each.facts()) for each in SOME) and all(each.is_distinct for each in SOME)
    assert all(is_held_out(pair) and not is_held_out(pair[:1]) for pair in HELD_OUT)
    assert not is_held_out([("body_colour", "yellow"), ("load", "any sign")])


def test_pictures_are_as_large_as_they_are_asked_for_with_bars_above_and_below() -> None:
    for size in (48, 100, 128, 256):
        picture = draw(SOME[1], size)
        assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
        drawn = picture.max(2).min(1).nonzero()[0]
        above, below = drawn[0], size - 1 - drawn[-1]
        assert len(drawn) == size - above - below == 3 * size // 4 and abs(above - below) <= 1
        assert not picture[:above].any() and not picture[size - below :].any()


def test_a_car_is_drawn_within_its_frame() -> None:
    for each in SOME:
        left, top, right, bottom = CARS.focus(each)
        assert 0.01 < left < right < 0.99 and 1 / 8 + 0.1 < top < bottom < 7 / 8, each.values["body"]
        assert right - left > 0.5 and bottom - top > 0.2
    for body in ATTRIBUTES["body"]:
        one, other = car(body=body), car(body=body, body_colour=COLOURS["orange"])
        rows, columns = (draw(one, 128) != draw(other, 128)).any(2).nonzero()
        left, top, right, bottom = (128 * end for end in CARS.focus(one))
        assert left - 3 < columns.min() and columns.max() < right + 3, body
        assert top - 3 < rows.min() and rows.max() < bottom + 3, body


def test_pictures_differ_where_parameters_do_and_nowhere_else() -> None:
    faithful = [each for each in SOME if CARS.faithful(each)]
    assert 150 < len(faithful) < 250
    for each in faithful[:8]:
        again = Car(each.seed, dict(each.values))
        assert np.array_equal(CARS.draw(each, 64), CARS.draw(again, 64))
        for attribute in ATTRIBUTES:
            options = [fact for fact in WORDS.said if fact[0] == attribute and fact not in MORE]
            fact = random.Random(f"{each.seed}/{attribute}").choice(options)
            after = each.edit([fact])
            same = np.array_equal(parameters(each), parameters(after))
            assert same == np.array_equal(CARS.draw(each, 128), CARS.draw(after, 128)), (each, fact)


def test_each_value_of_each_attribute_is_seen() -> None:
    for name, values in ATTRIBUTES.items():
        if name in COLOURED:
            continue
        pictures = [draw(Car(0, {**PLAIN, name: value}, frozenset(ATTRIBUTES)), 128) for value in values]
        for i, one in enumerate(pictures):
            for other in pictures[:i]:
                assert (np.abs(one.astype(int) - other).max(2) > 24).sum() > 20, (name, values[i])


def test_what_is_hidden_is_no_parameter_and_has_no_label() -> None:
    open_ = car(body="convertible", roof="two-tone", load="luggage")
    assert not any(open_.labels[name] for name in ("roof", "roof_colour", "load", "decal_colour"))
    other = car(body="convertible", roof_colour=COLOURS["pink"], decal_colour=COLOURS["green"])
    assert np.array_equal(parameters(open_), parameters(other)) and np.array_equal(draw(open_, 64), draw(other, 64))
    closed = open_.edit([("body", "not open")])
    assert closed.labels["body"] == "saloon" and closed.labels["roof"] == "one colour", "it comes to light plain"
    assert closed.labels["load"] == "none"


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    stream, changed = random.Random(0), Counter()
    follows = {  # What is seen with it, hidden by it, or made of it.
        "body": {"roof", "roof_colour", "load"},
        "roof": {"roof_colour"},
        "roof_colour": {"roof"},
        "decals": {"decal_colour"},
        "decal_colour": {"decals"},
    }
    for each in SOME:
        facts = CARS.random_edit(each, stream)
        after = each.edit(facts)
        allowed = {name for name, _ in facts}.union(*(follows.get(name, set()) for name, _ in facts))
        moved = {name for name in ATTRIBUTES if each.labels[name] != after.labels[name]}
        assert moved and moved <= allowed, (facts, moved)
        assert all(after.is_so(fact) for fact in facts if fact not in MORE), facts
        assert not is_held_out(facts) and not is_held_out(after.facts()) and after.is_distinct
        assert after.edit([fact for fact in facts if fact not in MORE]).values == after.values, "it is so already"
        changed.update(name for name, _ in facts)
    assert set(changed) == set(ATTRIBUTES)


def test_comparatives_go_one_step_from_where_it_is() -> None:
    for (attribute, _), steps in MORE.items():
        assert {*steps, *steps.values()} <= set(ATTRIBUTES[attribute])

    def step(fact: Fact, **values: str) -> str:
        return car(**values).edit([fact]).values[fact[0]]

    assert step(("wheel_size", "bigger"), wheel_size="small") == "normal"
    assert step(("wheel_size", "bigger"), wheel_size="big") == "big"
    assert step(("spoiler", "bigger"), spoiler="none") == "lip"
    assert step(("weather", "worse"), weather="clear") == "cloudy"
    assert step(("weather", "better"), weather="snow") == "cloudy"
    assert step(("time", "later"), time="day") == "sunset"
    assert step(("body", "smaller"), body="van") == "suv"


def test_a_colour_brings_what_has_it_and_what_comes_has_a_plain_colour() -> None:
    roofed = car().edit([("roof_colour", "cream")])
    assert roofed.labels["roof"] == "two-tone" and roofed.labels["roof_colour"] == "cream"
    assert car().edit([("decal_colour", "red")]).labels["decals"] == "racing stripes"
    assert car().edit([("decals", "flames")]).labels["decal_colour"] == "orange"
    assert car(body_colour=COLOURS["orange"]).edit([("decals", "flames")]).labels["decal_colour"] == "yellow"
    both: Sequence[Fact] = [("decals", "flames"), ("decal_colour", "green")]
    assert car().edit(both).labels["decal_colour"] == car().edit(both[::-1]).labels["decal_colour"] == "green"
    assert car(decals="flowers").edit([("decals", "flames")]).values["decal_colour"] == PLAIN["decal_colour"]


def test_colours_are_what_they_look_like() -> None:
    worn = [each for each in SOME if not look_of(each).plain and look_of(each).light.gain[0] != 1]
    gray = [each for each in SOME if look_of(each).light.gray]
    assert len(worn) > 40 and len(gray) > 5
    names = list(ATTRIBUTES)
    for each in gray:
        labels = dict(zip(names, CARS.labels(each), strict=True))
        assert all(labels[name] == -1 for name in COLOURED)
        name = "red" if each.labels["body_colour"] != "red" else "green"
        sprayed = each.edit([("body_colour", name)])
        assert CARS.labels(sprayed)[names.index("body_colour")] == ATTRIBUTES["body_colour"].index(name)
    painted = Car(0, {**PLAIN, "body_colour": COLOURS["red"]}, frozenset(ATTRIBUTES))
    pixels = draw(painted, 256).reshape(-1, 3)
    assert (pixels == tuple(bytes.fromhex(COLOURS["red"]))).all(1).sum() > 2000


def test_captions_say_each_fact_in_all_languages_and_ever_new_words() -> None:
    stream, facts = random.Random(0), [("body_colour", "purple"), ("body", "convertible")]
    texts = {WORDS.caption(facts, stream) for _ in range(500)}
    assert len(texts) > 430
    assert any("purple" in text and "convertible" in text for text in texts)
    assert any("紫" in text for text in texts) and any("Cabrio" in text for text in texts)
    assert any("décapotable" in text for text in texts) and any("descapotable" in text for text in texts)
