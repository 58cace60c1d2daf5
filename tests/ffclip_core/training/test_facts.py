"""Which facts a caption tells of a picture, and of which pictures it is true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from ffclip.ffclip_core.training.facts import Sayings, values_alone

ATTRIBUTES = {"colour": ("red", "green", "blue"), "size": ("small", "large"), "form": ("round",), "place": ("in", "on")}
SPOKEN = {"colour": 3.0, "size": 1.0, "form": 1.0, "place": 0.0}
SAID = Sayings(ATTRIBUTES, SPOKEN, values_alone(ATTRIBUTES))


def told(labels: list[int], count: int = 2000) -> list[list[tuple[str, str]]]:
    rng = np.random.default_rng(0)
    said = replace(SAID, spoken=SPOKEN | {"place": 1.0})
    return [said.of_picture(np.array(labels), rng) for _ in range(count)]


def test_captions_tell_what_is_to_be_seen_and_nothing_else() -> None:
    seen = {fact for facts in told([2, -1, 0, 0]) for fact in facts}
    assert seen == {("colour", "blue"), ("form", "round"), ("place", "in")}
    assert all(len(set(facts)) == len(facts) for facts in told([2, -1, 0, 0]))


def test_captions_tell_one_to_four_facts_as_far_as_there_are_any() -> None:
    lengths = Counter(len(facts) for facts in told([0, 0, 0, 0]))
    # Shares of 0.4, 0.35, 0.15 and 0.1 in 2,000: four standard deviations are at most 0.044.
    for length, share in enumerate((0.4, 0.35, 0.15, 0.1), start=1):
        assert abs(lengths[length] / 2000 - share) < 0.044
    assert set(Counter(len(facts) for facts in told([0, -1, 0, -1]))) == {1, 2}


def test_some_attributes_are_spoken_of_more_often() -> None:
    first = Counter(facts[0][0] for facts in told([0, 0, 0, 0]) if len(facts) == 1)
    assert first["colour"] > 2 * max(first["size"], first["form"], first["place"])
    rng = np.random.default_rng(0)
    rows = [SAID.of_picture(np.array([0, 0, 0, -1]), rng) for _ in range(200)]
    assert {name for facts in rows for name, _ in facts} == {"colour", "size", "form"}


def test_captions_are_true_of_pictures_that_show_all_of_their_facts() -> None:
    labels = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, -1, 0, 0]])
    red, green, small = ("colour", "red"), ("colour", "green"), ("size", "small")
    found = SAID.truth([[red], [green], [red, small], [small]], labels)
    assert found.int().tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 0]]


def test_what_is_more_general_is_said_and_true_of_several_values() -> None:
    warm, cold = ("colour", "warm"), ("colour", "not red")
    said = replace(SAID, concepts={("colour", "red"): ["red"], warm: ["red"], cold: ["green", "blue"]})
    rng = np.random.default_rng(0)
    of_red = Counter(fact for _ in range(1000) for fact in said.of_picture(np.array([0, -1, -1, -1]), rng))
    assert set(of_red) == {("colour", "red"), warm}
    # 0.6 and half of the rest; five standard deviations of 1,000 are 0.063.
    assert abs(of_red[("colour", "red")] / 1000 - 0.8) < 0.063
    assert said.of_picture(np.array([2, -1, -1, -1]), rng) == [cold], "blue itself has no words"
    assert said.of_picture(np.array([-1, 0, 0, 0]), rng) == []
    labels = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [-1, 0, 0, 0]])
    assert said.truth([[warm], [cold], [warm, cold]], labels).int().tolist() == [[1, 0, 0, 0], [0, 1, 1, 0], [0] * 4]
