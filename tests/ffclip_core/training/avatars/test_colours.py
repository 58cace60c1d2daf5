"""Colours: in digits and numbers, mixed, and varied a little."""

from __future__ import annotations

import colorsys
import random
import re

import pytest
from ffclip.ffclip_core.training.avatars.colours import as_hex, jitter, mix, random_colour, rgb


def test_digits_and_numbers() -> None:
    assert rgb("ff0033") == (1, 0, 0.2)
    assert as_hex((1, 0, 0.2)) == "#ff0033" and as_hex(rgb("0a80fe")) == "#0a80fe"


def test_a_mix_lies_between() -> None:
    assert (mix("000000", "ff6432", 0), mix("000000", "ff6432", 1)) == ("#000000", "#ff6432")
    assert mix("001020", "ff3040", 0.2) == "#331626"


@pytest.mark.parametrize("colour", ["ff0000", "fe0202", "00ff00", "2020f0", "cc8844", "808080", "000000", "ffffff"])
def test_a_colour_varies_a_little_and_stays_one(colour: str) -> None:
    """Hue by 0.015 of its circle, saturation by 0.06 (where there is some), brightness by 0.05."""
    found = [jitter(colour, random.Random(seed)) for seed in range(300)]
    assert all(re.fullmatch("#[0-9a-f]{6}", each) for each in found) and len(set(found)) > 5
    hue, saturation, value = colorsys.rgb_to_hsv(*rgb(colour))
    step = 1 / 255
    for each in found:
        other, its_saturation, its_value = colorsys.rgb_to_hsv(*rgb(each[1:]))
        assert abs(its_value - value) <= 0.05 + step
        if saturation < 0.1:
            assert its_saturation == 0, "gray stays gray"
        else:
            assert abs(its_saturation - saturation) <= 0.06 + 2 * step / its_value
            assert abs((other - hue + 0.5) % 1 - 0.5) <= 0.015 + step / its_value / its_saturation
    if colour == "cc8844":
        values = [colorsys.rgb_to_hsv(*rgb(each[1:])) for each in found]
        spans = [max(column) - min(column) for column in zip(*values, strict=True)]
        assert spans[0] > 0.025 and spans[1] > 0.1 and spans[2] > 0.085, "all of that range"


def test_random_colours_are_pale_and_bright() -> None:
    found = [colorsys.rgb_to_hsv(*rgb(random_colour(random.Random(seed))[1:])) for seed in range(500)]
    hues, saturations, values = zip(*found, strict=True)
    assert min(hues) < 0.02 and max(hues) > 0.98
    assert 0.08 < min(saturations) < 0.13 and 0.57 < max(saturations) < 0.62
    assert 0.59 < min(values) < 0.63 and 0.97 < max(values) <= 1
