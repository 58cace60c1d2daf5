"""What can be drawn and said: the attributes, their values, and the pairs of them that are kept out of training."""

from __future__ import annotations

from collections.abc import Iterable

from ..facts import Fact

FAMILY = "avatars"
SIZE = 64
"""The side of all pictures."""

HAIR = {
    "bald": (),
    "short": ("shortFlat", "shortRound", "theCaesar", "theCaesarAndSidePart", "shortWaved"),
    "afro": ("fro",),
    "curly": ("shortCurly", "frizzle"),
    "bob": ("bob",),
    "long straight": ("straight01", "straight02"),
    "long wavy": ("curvy", "longButNotTooLong", "bigHair"),
    "bun": ("bun",),
    "dreadlocks": ("dreads", "dreads01", "dreads02"),
    "hat": ("hat", "winterHat1", "winterHat02", "winterHat03"),
    "turban": ("turban",),
    "hijab": ("hijab",),
}
NO_HAIR_SEEN = {"bald", "hat", "turban", "hijab"}
HAIR_COLOURS = {
    "black": "1c1614",
    "brown": "6b3d2a",
    "blonde": "e0bb6a",
    "red": "c93305",
    "gray": "b9b9bd",
    "pink": "f577b0",
    "purple": "8438c0",
    "blue": "2b6be0",
    "green": "2ea84f",
}
FACIAL_HAIR = {
    "none": (),
    "beard": ("beardMedium", "beardMajestic"),
    "moustache": ("moustacheFancy", "moustacheMagnum"),
}
GLASSES = {"none": (), "glasses": ("prescription02", "round"), "sunglasses": ("sunglasses", "wayfarers")}
# eyes / eyebrows / mouth
EXPRESSIONS = {
    "neutral": (("default",), ("default", "defaultNatural"), ("serious", "twinkle")),
    "happy": (("default",), ("raisedExcitedNatural", "default"), ("smile",)),
    "sad": (("default",), ("sadConcerned", "sadConcernedNatural"), ("sad", "concerned")),
    "angry": (("squint", "default"), ("angry",), ("serious", "grimace")),
    "surprised": (("surprised",), ("raisedExcited", "raisedExcitedNatural"), ("screamOpen", "disbelief")),
}
CLOTHES = {
    "hoodie": ("hoodie",),
    "shirt": ("shirtCrewNeck", "shirtVNeck", "shirtScoopNeck"),
    "blazer": ("blazerAndShirt",),
    "overall": ("overall",),
}
CLOTHES_COLOURS = {
    "black": "262626",
    "gray": "929598",
    "white": "f4f4f4",
    "blue": "3b78d8",
    "green": "3aa655",
    "red": "d93b3b",
    "pink": "f58ac0",
    "yellow": "f2cf4a",
}
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair": tuple(HAIR),
    "hair_colour": tuple(HAIR_COLOURS),
    "facial_hair": tuple(FACIAL_HAIR),
    "glasses": tuple(GLASSES),
    "expression": tuple(EXPRESSIONS),
    "eyes": ("open", "closed"),
    "clothes": tuple(CLOTHES),
    "clothes_colour": tuple(CLOTHES_COLOURS),
}
HELD_OUT: tuple[tuple[Fact, Fact], ...] = (
    (("hair_colour", "blue"), ("glasses", "glasses")),
    (("hair_colour", "purple"), ("facial_hair", "beard")),
    (("hair_colour", "blonde"), ("hair", "afro")),
    (("expression", "angry"), ("hair", "hat")),
    (("hair", "bald"), ("glasses", "sunglasses")),
)
"""Pairs of facts that no training picture shows and no training caption names together."""


def is_held_out(facts: Iterable[Fact]) -> bool:
    """Whether one of the HELD_OUT pairs is among these facts."""
    facts = set(facts)
    return any(first in facts and second in facts for first, second in HELD_OUT)
