"""What can be drawn and said of cars: attributes, their values, and what is true of several of them."""

from __future__ import annotations

from collections.abc import Iterable

from ..colours import COLOURS as NAMED
from ..colours import OF_HAIR_ALONE
from ..facts import Fact, shows_pair

COLOURS = {name: colour for name, colour in NAMED.items() if name not in OF_HAIR_ALONE}
SCENES = {
    "city": ("towers", "street"),
    "country": ("farm", "forest"),
    "beach": ("palms", "lighthouse"),
    "mountains": ("peaks", "lake"),
    "desert": ("dunes", "mesas"),
}
"""By scenery, what lies behind the road."""
WHEEL_SIZES = {"small": 0.8, "normal": 1.0, "big": 1.2}
"""How large wheels are beside those of the middle."""
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "body": (
        "hatchback", "saloon", "estate", "suv", "pickup", "van", "sports car", "convertible", "small car",
    ),
    "body_colour": tuple(COLOURS),
    "roof": ("one colour", "two-tone"),
    "roof_colour": tuple(COLOURS),
    "wheels": ("plain", "spoked", "five-star", "white-wall"),
    "wheel_size": tuple(WHEEL_SIZES),
    "load": ("none", "roof rack", "surfboard", "luggage", "taxi sign", "police light"),
    "lights": ("off", "on"),
    "spoiler": ("none", "lip", "wing"),
    "decals": ("none", "racing stripes", "flames", "flowers"),
    "decal_colour": tuple(COLOURS),
    "windows": ("clear", "tinted"),
    "direction": ("left", "right"),
    "time": ("day", "sunset", "night"),
    "weather": ("clear", "cloudy", "rain", "snow", "fog"),
    "scenery": tuple(SCENES),
    "condition": ("clean", "dirty"),
}  # fmt: skip
CONCEPTS: dict[Fact, tuple[str, ...]] = {
    ("body", "any big"): ("suv", "van", "pickup"),
    ("body", "any family"): ("estate", "saloon", "hatchback"),
    ("body", "any sporty"): ("sports car", "convertible"),
    ("body", "not open"): ("saloon", *(body for body in ATTRIBUTES["body"] if body not in ("saloon", "convertible"))),
    ("wheels", "any alloy"): ("five-star", "spoked"),
    ("load", "any load"): ("luggage", "roof rack", "surfboard"),
    ("load", "any sign"): ("taxi sign", "police light"),
    ("spoiler", "any spoiler"): ("wing", "lip"),
    ("decals", "any decals"): ("racing stripes", "flames", "flowers"),
    ("time", "not night"): ("day", "sunset"),
    ("weather", "any bad"): ("rain", "snow", "fog"),
    ("weather", "no rain"): ("clear", "cloudy", "snow", "fog"),
    ("weather", "no snow"): ("clear", "cloudy", "rain", "fog"),
    ("weather", "no fog"): ("clear", "cloudy", "rain", "snow"),
    ("scenery", "any nature"): ("country", "mountains", "beach", "desert"),
    # More of something, or less, than there is (see MORE).
    ("body", "bigger"): ("suv", "van"),
    ("body", "smaller"): ("small car", "hatchback"),
    ("wheel_size", "bigger"): ("big",),
    ("wheel_size", "smaller"): ("small",),
    ("spoiler", "bigger"): ("wing",),
    ("time", "later"): ("night", "sunset"),
    ("time", "earlier"): ("day",),
    ("weather", "worse"): ("rain",),
    ("weather", "better"): ("clear",),
}
"""What texts say beside values: of which values of the attribute it is true, the first being what an edit makes where
none of them is seen."""
MORE: dict[Fact, dict[str, str]] = {
    ("body", "bigger"): {
        "small car": "hatchback", "hatchback": "saloon", "saloon": "estate", "estate": "suv", "suv": "van",
        "sports car": "saloon", "convertible": "saloon", "pickup": "van",
    },
    ("body", "smaller"): {
        "van": "suv", "suv": "estate", "estate": "saloon", "saloon": "hatchback", "hatchback": "small car",
        "pickup": "suv", "sports car": "small car", "convertible": "small car",
    },
    ("wheel_size", "bigger"): {"small": "normal", "normal": "big"},
    ("wheel_size", "smaller"): {"big": "normal", "normal": "small"},
    ("spoiler", "bigger"): {"none": "lip", "lip": "wing"},
    ("time", "later"): {"day": "sunset", "sunset": "night"},
    ("time", "earlier"): {"night": "sunset", "sunset": "day"},
    ("weather", "worse"): {"clear": "cloudy", "cloudy": "rain"},
    ("weather", "better"): {"rain": "cloudy", "snow": "cloudy", "fog": "cloudy", "cloudy": "clear"},
}  # fmt: skip
"""What comparatives make of a value."""
HELD_OUT: tuple[tuple[Fact, Fact], ...] = (
    (("body_colour", "yellow"), ("load", "taxi sign")),
    (("body", "van"), ("load", "surfboard")),
    (("body", "convertible"), ("body_colour", "red")),
    (("body", "small car"), ("decals", "flowers")),
    (("time", "night"), ("scenery", "beach")),
)
"""Pairs that no training picture shows and no training caption names together."""


def meant(fact: Fact) -> tuple[str, ...]:
    """The values of which it is true."""
    return CONCEPTS.get(fact, (fact[1],))


def is_held_out(facts: Iterable[Fact]) -> bool:
    """Whether one of the HELD_OUT pairs is said, or shown, by these facts."""
    return shows_pair(facts, HELD_OUT, CONCEPTS)
