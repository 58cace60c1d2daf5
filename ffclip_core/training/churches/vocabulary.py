"""What can be drawn and said of churches: attributes, their values, and which variants of the drawing show each."""

from __future__ import annotations

from collections.abc import Iterable

from ..colours import COLOURS as NAMED
from ..colours import OF_HAIR_ALONE
from ..facts import Fact, shows_pair

STYLES = ("village chapel", "gothic", "romanesque", "baroque", "orthodox", "modern")
VARIANTS: dict[str, dict[str, tuple[str, ...]]] = {
    "style": {name: (name,) for name in STYLES},
    "tower": {"none": (), "central": ("central",), "side": ("right", "left"), "twin": ("twin",)},
    "tower_top": {name: (name,) for name in ("spire", "onion", "battlements", "dome", "gabled")},
    "material": {name: (name,) for name in ("plaster", "stone", "brick", "sandstone", "wood", "concrete")},
    "windows": {name: (name,) for name in ("plain", "pointed", "rose", "stained")},
    "door": {"closed": (), "open": ("open",)},
    "clock": {"none": (), "clock": ("clock",)},
    "lights": {"off": (), "on": ("on",)},
    "time": {name: (name,) for name in ("day", "sunset", "night")},
    "weather": {name: (name,) for name in ("clear", "cloudy", "rain", "snow", "fog")},
    "season": {name: (name,) for name in ("spring", "summer", "autumn", "winter")},
    "surroundings": {name: (name,) for name in ("meadow", "square", "hill", "graveyard", "lake")},
    "scaffolding": {"none": (), "scaffolding": ("left", "right")},
    "graffiti": {"none": (), "graffiti": ("letters", "heart")},
    "ivy": {"none": (), "ivy": ("ivy",)},
    "flag": {"none": (), "flag": ("flag",)},
}
"""By attribute and value the variants of the drawing that show it; none where nothing is drawn for it."""
COLOURS = {name: colour for name, colour in NAMED.items() if name not in OF_HAIR_ALONE} | {
    "sand": "e0c28c",
    "terracotta": "c0623f",
}
COLOURED = ("wall_colour", "roof_colour", "door_colour")
OF_MATERIAL = {
    "plaster": "f6f6f6",
    "stone": "8e9196",
    "brick": "b53a28",
    "sandstone": "e0c28c",
    "wood": "a5724a",
    "concrete": "c4c6cc",
}
"""What colour walls have that somebody asks to be of a material."""
TOP_OF_STYLE = {
    "village chapel": "spire",
    "gothic": "spire",
    "romanesque": "gabled",
    "baroque": "onion",
    "orthodox": "onion",
    "modern": "battlements",
}
"""The top of a tower that comes to light."""
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "style": STYLES,
    "tower": tuple(VARIANTS["tower"]),
    "tower_top": tuple(VARIANTS["tower_top"]),
    "material": tuple(VARIANTS["material"]),
    "wall_colour": tuple(COLOURS),
    "roof_colour": tuple(COLOURS),
    "windows": tuple(VARIANTS["windows"]),
    "door": tuple(VARIANTS["door"]),
    "door_colour": tuple(COLOURS),
    **{name: tuple(VARIANTS[name]) for name in list(VARIANTS)[6:]},
}
CONCEPTS: dict[Fact, tuple[str, ...]] = {
    ("style", "any old"): ("romanesque", "gothic", "baroque"),
    ("tower", "any tower"): ("central", "side", "twin"),
    ("tower_top", "any dome"): ("dome", "onion"),
    ("tower_top", "any pointed"): ("spire", "gabled"),
    ("material", "any stone"): ("stone", "sandstone"),
    ("windows", "no rose"): ("plain", "pointed", "stained"),
    ("time", "no night"): ("day", "sunset"),
    ("weather", "any bad"): ("rain", "cloudy", "fog"),
    ("weather", "no rain"): ("clear", "cloudy", "snow", "fog"),
    ("weather", "no snow"): ("clear", "cloudy", "rain", "fog"),
    ("weather", "no fog"): ("clear", "cloudy", "rain", "snow"),
    ("season", "any leaves"): ("summer", "spring", "autumn"),
    ("surroundings", "any country"): ("meadow", "hill", "lake"),
    ("surroundings", "no graves"): ("meadow", "square", "hill", "lake"),
    ("surroundings", "no water"): ("meadow", "square", "hill", "graveyard"),
    # More of something, or less, than there is (see MORE).
    ("tower", "more"): ("twin",),
    ("tower", "fewer"): ("none", "central"),
    ("time", "later"): ("night", "sunset"),
    ("time", "earlier"): ("day",),
    ("weather", "better"): ("clear",),
    ("weather", "worse"): ("rain", "fog"),
    ("season", "warmer"): ("summer", "spring"),
    ("season", "colder"): ("winter", "autumn"),
}
"""What texts say beside values: of which values of the attribute it is true, the first being what an edit makes where
none of them is seen."""
MORE: dict[Fact, dict[str, str]] = {
    ("tower", "more"): {"none": "central", "central": "twin", "side": "twin"},
    ("tower", "fewer"): {"twin": "central", "side": "none", "central": "none"},
    ("time", "later"): {"day": "sunset", "sunset": "night"},
    ("time", "earlier"): {"night": "sunset", "sunset": "day"},
    ("weather", "better"): {"rain": "cloudy", "snow": "cloudy", "fog": "clear", "cloudy": "clear"},
    ("weather", "worse"): {"clear": "cloudy", "cloudy": "rain", "fog": "rain"},
    ("season", "warmer"): {"winter": "spring", "spring": "summer", "autumn": "summer"},
    ("season", "colder"): {"summer": "autumn", "spring": "winter", "autumn": "winter"},
}
"""What comparatives make of a value."""
HELD_OUT: tuple[tuple[Fact, Fact], ...] = (
    (("style", "baroque"), ("roof_colour", "green")),
    (("wall_colour", "pink"), ("surroundings", "lake")),
    (("time", "night"), ("weather", "fog")),
    (("tower", "twin"), ("tower_top", "dome")),
    (("ivy", "ivy"), ("season", "autumn")),
)
"""Pairs that no training picture shows and no training caption names together."""


def meant(fact: Fact) -> tuple[str, ...]:
    """The values of which it is true."""
    return CONCEPTS.get(fact, (fact[1],))


def is_held_out(facts: Iterable[Fact]) -> bool:
    """Whether one of the HELD_OUT pairs is said, or shown, by these facts."""
    return shows_pair(facts, HELD_OUT, CONCEPTS)
