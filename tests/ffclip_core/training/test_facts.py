"""Which facts a caption tells of a picture, and of which pictures it is true."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from ffclip.ffclip_core.training.facts import facts_of_picture, truth_matrix

ATTRIBUTES = {"colour": ("red", "green", "blue"), "size": ("small", "large"), "form": ("round",), "place": ("in", "on")}
SPOKEN = {"colour": 3.0, "size": 1.0, "form": 1.0, "place": 0.0}


def told(labels: list[int], count: int = 2000) -> list[list[tuple[str, str]]]:
    rng = np.random.default_rng(0)
    return [facts_of_picture(np.array(labels), ATTRIBUTES, SPOKEN | {"place": 1.0}, rng) for _ in range(count)]


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
    rows = [facts_of_picture(np.array([0, 0, 0, -1]), ATTRIBUTES, SPOKEN, rng) for _ in range(200)]
    assert {name for facts in rows for name, _ in facts} == {"colour", "size", "form"}


def test_captions_are_true_of_pictures_that_show_all_of_their_facts() -> None:
    labels = torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [0, -1, 0, 0]])
    red, green, small = ("colour", "red"), ("colour", "green"), ("size", "small")
    found = truth_matrix([[red], [green], [red, small], [small]], labels, ATTRIBUTES)
    assert found.int().tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 0]]
