"""Churches as they are drawn, worn, changed and spoken of."""

from __future__ import annotations

import pickle
import random
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")
pytest.importorskip("matplotlib", reason="names of colours need the extra `train`")

from ffclip.ffclip_core.training import codes
from ffclip.ffclip_core.training.churches.church import Church, sample
from ffclip.ffclip_core.training.churches.domain import CHURCHES
from ffclip.ffclip_core.training.churches.drawing import LARGER, STANDS, place
from ffclip.ffclip_core.training.churches.parameters import SCALES, parameters
from ffclip.ffclip_core.training.churches.pen import GROUND, MIDDLE, SIDE
from ffclip.ffclip_core.training.churches.plan import edges, towers
from ffclip.ffclip_core.training.churches.vocabulary import (
    ATTRIBUTES,
    COLOURED,
    COLOURS,
    HELD_OUT,
    MORE,
    OF_MATERIAL,
    is_held_out,
)
from ffclip.ffclip_core.training.churches.words import WORDS
from ffclip.ffclip_core.training.colours import name_of
from ffclip.ffclip_core.training.drawings import Domain
from ffclip.ffclip_core.training.wear import look_of

SOME = [sample(seed) for seed in range(400)]
PLAIN = {
    **{name: values[0] for name, values in ATTRIBUTES.items()},
    **{"wall_colour": "f3e8cd", "roof_colour": "c0623f", "door_colour": "6b3d2a"},
}


def church(**values: str) -> Church:
    return Church(0, {**PLAIN, **values})


def test_it_is_a_domain_of_as_many_parameters_as_codes_of_256_numbers_have_room_for() -> None:
    assert isinstance(CHURCHES, Domain)
    assert pickle.loads(pickle.dumps(CHURCHES)).prompts == CHURCHES.prompts  # noqa: S301
    rows = np.stack([parameters(each) for each in SOME])
    assert rows.shape == (400, len(SCALES)) and rows.dtype == np.float32 and len(SCALES) <= 128
    assert np.isfinite(rows).all() and np.abs(rows).max() <= 2.01
    assert (rows.std(0) > 0).all(), "each of them varies"
    assert {word for said in SCALES for word in said.split()} == set(codes.SCALES)


def test_all_values_are_drawn_and_no_held_out_pair_is() -> None:
    seen = {fact for each in SOME for fact in each.facts()}
    drawn = {name: {value for attribute, value in seen if attribute == name} for name in ATTRIBUTES}
    assert all(drawn[name] == set(values) for name, values in ATTRIBUTES.items() if name not in COLOURED)
    assert set().union(*(drawn[name] for name in COLOURED)) == set(COLOURS)
    assert not any(is_held_out(each.facts()) for each in SOME)
    assert len(HELD_OUT) == 5 and all(is_held_out(pair) and not is_held_out(pair[:1]) for pair in HELD_OUT)
    assert is_held_out([("time", "night"), ("weather", "fog"), ("clock", "clock")])
    assert not is_held_out([("time", "night"), ("weather", "any bad")])
    assert sample(7) == sample(7)


def test_pictures_differ_where_parameters_do_and_nowhere_else() -> None:
    faithful = [each for each in SOME if CHURCHES.faithful(each)][:10]
    assert 150 < sum(map(CHURCHES.faithful, SOME)) < 250
    for each in faithful:
        again = CHURCHES.draw(Church(each.seed, dict(each.values)), 128)
        assert again.shape == (128, 128, 3) and again.dtype == np.uint8
        assert np.array_equal(CHURCHES.draw(each, 128), again)
    for attribute in ATTRIBUTES:
        for each in faithful:
            value = random.Random(each.seed).choice([f for f in WORDS.said if f[0] == attribute and f not in MORE])
            after = each.edit([value])
            same = np.array_equal(parameters(each), parameters(after))
            assert same == np.array_equal(CHURCHES.draw(each, 128), CHURCHES.draw(after, 128)), (each, value)


def test_what_cannot_be_seen_is_zero() -> None:
    low, high = parameters(church(tower="none", tower_top="onion")), parameters(church(tower="none", tower_top="dome"))
    assert np.array_equal(low, high)
    bare, sprayed = parameters(church()), parameters(church(graffiti="graffiti"))
    assert (bare[bare != sprayed] == 0).all() and (bare != sprayed).sum() == 4


def test_every_value_can_be_told_from_every_other() -> None:
    start = church(tower="central", surroundings="meadow")
    for name, values in ATTRIBUTES.items():
        if name not in COLOURED:
            pictures = [CHURCHES.draw(start.edit([(name, value)]), 128).astype(int) for value in values]
            for i, one in enumerate(pictures):
                for other in pictures[:i]:
                    assert (np.abs(one - other).max(-1) > 40).sum() > 60, name


def test_an_edit_changes_what_it_names_and_nothing_else() -> None:
    stream, changed = random.Random(0), Counter()
    follows = {"tower": {"tower_top"}, "tower_top": {"tower"}, "material": {"wall_colour"}}
    for each in SOME:
        facts = CHURCHES.random_edit(each, stream)
        after = each.edit(facts)
        allowed = {name for name, _ in facts}.union(*(follows.get(name, set()) for name, _ in facts))
        moved = {name for name in ATTRIBUTES if each.labels[name] != after.labels[name]}
        assert moved and moved <= allowed, (facts, moved)
        assert {name for name in each.values if each.values[name] != after.values[name]} <= allowed | {"tower_top"}
        assert all(after.is_so(fact) for fact in facts if fact not in MORE), facts
        assert not is_held_out(facts) and not is_held_out(after.facts())
        assert after.edit([fact for fact in facts if fact not in MORE]).values == after.values, "it is so already"
        assert place(after) == place(each) and look_of(after) == look_of(each)
        changed.update(name for name, _ in facts)
    assert set(changed) == set(ATTRIBUTES)


def test_comparatives_go_one_step_from_where_it_is() -> None:
    for (attribute, _), steps in MORE.items():
        assert {*steps, *steps.values()} <= set(ATTRIBUTES[attribute])
    assert church(time="day").edit([("time", "later")]).values["time"] == "sunset"
    assert church(time="night").edit([("time", "later")]).values["time"] == "night"
    assert church(tower="side").edit([("tower", "more")]).values["tower"] == "twin"
    assert church(weather="rain").edit([("weather", "better")]).values["weather"] == "cloudy"
    assert church(season="winter").edit([("season", "warmer")]).values["season"] == "spring"


def test_what_comes_to_light_looks_plain() -> None:
    hidden = [each for each in SOME if each.values["tower"] == "none"]
    assert len(hidden) > 20
    for each in hidden:
        after = each.edit([("tower", "any tower")])
        assert after.variant("tower") == "central" and after.shares["tall"] == 0
        assert (
            after.values["tower_top"]
            == Church(0, {**each.values, "tower": "none"}).edit([("tower", "any tower")]).values["tower_top"]
        )
        assert each.edit([("tower_top", "dome")]).labels["tower"] == "central"
    assert church(tower="none", style="orthodox").edit([("tower", "twin")]).labels["tower_top"] == "onion"
    both = church(tower="none").edit([("tower_top", "spire"), ("tower", "twin")])
    assert both.labels["tower"] == "twin" and both.labels["tower_top"] == "spire"


def test_walls_of_another_material_have_its_colour_unless_one_is_named() -> None:
    brick = church(material="plaster").edit([("material", "brick")])
    assert brick.values["wall_colour"] == OF_MATERIAL["brick"]
    for facts in ([("material", "brick"), ("wall_colour", "blue")], [("wall_colour", "blue"), ("material", "brick")]):
        assert church(material="plaster").edit(facts).labels["wall_colour"] == "blue"
    assert church(material="brick").edit([("material", "brick")]).values["wall_colour"] == PLAIN["wall_colour"]


def test_colours_are_what_they_look_like() -> None:
    gray = [each for each in SOME if look_of(each).light.gray]
    assert len([each for each in SOME if not look_of(each).plain and look_of(each).light.gain[0] != 1]) > 40
    assert len(gray) > 4
    names = list(ATTRIBUTES)
    for each in gray:
        labels = dict(zip(names, CHURCHES.labels(each), strict=True))
        assert all(labels[name] == -1 for name in COLOURED)
        painted = each.edit([("roof_colour", "red")])
        assert CHURCHES.labels(painted)[names.index("roof_colour")] == ATTRIBUTES["roof_colour"].index("red")
    assert all(name_of(colour, COLOURS, COLOURS) == name for name, colour in COLOURS.items())


def test_the_church_is_within_the_frame() -> None:
    for each in SOME:
        right, down, larger = place(each)
        assert max(abs(right), abs(down)) <= 0.04 * SIDE and abs(larger - 1) <= 0.04
        ends = [MIDDLE + LARGER * (x - MIDDLE) for x in edges(each)]
        tops = [STANDS - LARGER * (GROUND - (tower.top - 55)) for tower in towers(each)]  # Its cross's end.
        seen = [MIDDLE + larger * (x - MIDDLE) + right for x in ends]
        seen += [MIDDLE + larger * (y - MIDDLE) + down for y in (STANDS, *tops)]
        assert min(seen) >= 0 and max(seen) <= SIDE, each
        box = CHURCHES.focus(each)
        assert 0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1


def test_captions_say_each_fact_in_all_languages_and_ever_new_words() -> None:
    stream, facts = random.Random(0), [("roof_colour", "purple"), ("weather", "snow")]
    texts = {CHURCHES.caption(facts, stream) for _ in range(500)}
    assert len(texts) > 430
    assert any("紫" in text for text in texts) and any("purple" in text for text in texts)
    assert any("neige" in text for text in texts) and any("Schnee" in text for text in texts)
    assert any("nieve" in text or "nevado" in text for text in texts)
