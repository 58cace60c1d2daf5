"""What can be drawn and said of people: attributes, their values, and which variants of the art show each."""

from __future__ import annotations

from collections.abc import Iterable

from ..colours import COLOURS, OF_HAIR_ALONE
from ..facts import Fact, shows_pair

HAIR = {
    "bald": (),
    "balding": ("sides",),
    "cropped": ("theCaesar", "theCaesarAndSidePart"),
    "short": ("shortFlat", "shortRound", "shortWaved"),
    "quiff": ("frizzle",),
    "curly": ("shortCurly",),
    "big curls": ("curly",),
    "afro": ("fro",),
    "afro with headband": ("froBand",),
    "bob": ("bob",),
    "fringe bob": ("miaWallace",),
    "shoulder length": ("longButNotTooLong",),
    "long straight": ("straight01", "straight02", "straightAndStrand"),
    "long wavy": ("curvy", "bigHair"),
    "shaved side": ("shavedSides",),
    "bun": ("bun",),
    "dreadlocks": ("dreads",),
    "short dreadlocks": ("dreads02", "dreads01"),
    "shaggy": ("shaggy",),
    "mullet": ("shaggyMullet",),
    "flowers": ("frida",),
    "brimmed hat": ("hat",),
    "winter hat": ("winterHat02", "winterHat1"),
    "beanie": ("winterHat03",),
    "cat hat": ("winterHat04",),
    "turban": ("turban",),
    "hijab": ("hijab",),
}
HATS = ("brimmed hat", "winter hat", "beanie", "cat hat", "turban", "hijab")
NO_HAIR_SEEN = {"bald", *HATS}
FACIAL_HAIR = {
    "none": (),
    "light beard": ("beardLight",),
    "medium beard": ("beardMedium",),
    "big beard": ("beardMajestic",),
    "walrus moustache": ("moustacheMagnum",),
    "fancy moustache": ("moustacheFancy",),
}
GLASSES = {
    "none": (),
    "glasses": ("prescription02", "prescription01"),
    "round glasses": ("round",),
    "sunglasses": ("sunglasses", "wayfarers"),
    "kurt": ("kurt",),
    "eyepatch": ("eyepatch",),
}
EYES = {
    "open": ("default",),
    "closed": ("closed",),
    "smiling": ("happy",),
    "wink": ("wink", "winkWacky"),
    "crying": ("cry",),
    "rolling": ("eyeRoll",),
    "hearts": ("hearts",),
    "sideways": ("side",),
    "squinting": ("squint",),
    "wide": ("surprised",),
    "dizzy": ("xDizzy",),
}
BROWS = {
    "normal": ("default", "defaultNatural"),
    "angry": ("angry", "angryNatural"),
    "sad": ("sadConcerned", "sadConcernedNatural", "frownNatural"),
    "raised": ("raisedExcited", "raisedExcitedNatural"),
    "one raised": ("upDown", "upDownNatural"),
    "flat": ("flatNatural",),
    "unibrow": ("unibrowNatural",),
}
MOUTH = {
    "smile": ("smile",),
    "slight smile": ("twinkle",),
    "laughing": ("default",),
    "closed": ("serious",),
    "frown": ("sad",),
    "open worried": ("concerned",),
    "teeth": ("grimace",),
    "screaming": ("screamOpen",),
    "disbelief": ("disbelief",),
    "tongue": ("tongue",),
    "eating": ("eating",),
    "vomiting": ("vomit",),
}
CLOTHES = {
    "crew neck": ("shirtCrewNeck",),
    "v-neck": ("shirtVNeck",),
    "scoop neck": ("shirtScoopNeck",),
    "hoodie": ("hoodie",),
    "blazer": ("blazerAndShirt",),
    "blazer with sweater": ("blazerAndSweater",),
    "sweater": ("collarAndSweater",),
    "overall": ("overall",),
    "graphic shirt": ("graphicShirt",),
}
GRAPHIC = {
    "bat": ("bat",),
    "bear": ("bear",),
    "deer": ("deer",),
    "diamond": ("diamond",),
    "pizza": ("pizza",),
    "skull": ("skull", "skullOutline"),
    "cumbia": ("cumbia",),
    "hola": ("hola",),
    "resist": ("resist",),
}
EXPRESSIONS = {  # Values of eyes, brows and mouth that show each; the first are what an edit makes.
    "neutral": (("open",), ("normal", "flat"), ("closed", "slight smile")),
    "happy": (("open", "smiling"), ("raised", "normal"), ("smile", "laughing")),
    "sad": (("open", "crying"), ("sad",), ("frown", "open worried")),
    "angry": (("squinting", "open"), ("angry",), ("closed", "teeth", "frown")),
    "surprised": (("wide",), ("raised",), ("screaming", "disbelief", "open worried")),
}
SKIN = {
    "pale": "ffdbb4",
    "light": "edb98a",
    "tanned": "d08b5b",
    "brown": "ae5d29",
    "dark": "614335",
    "yellow": "f8d25c",
    "orange": "fd9841",
}
_OTHERS = tuple(name for name in COLOURS if name not in OF_HAIR_ALONE)
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair": tuple(HAIR),
    "hair_colour": tuple(COLOURS),
    "facial_hair": tuple(FACIAL_HAIR),
    "beard_colour": tuple(COLOURS),
    "glasses": tuple(GLASSES),
    "glasses_colour": _OTHERS,
    "expression": tuple(EXPRESSIONS),
    "eyes": tuple(EYES),
    "brows": tuple(BROWS),
    "mouth": tuple(MOUTH),
    "clothes": tuple(CLOTHES),
    "clothes_colour": _OTHERS,
    "graphic": tuple(GRAPHIC),
    "hat_colour": _OTHERS,
    "skin": tuple(SKIN),
    "background": _OTHERS,
}
_LONG = ("long straight", "long wavy", "shoulder length", "shaved side", "dreadlocks")
CONCEPTS: dict[Fact, tuple[str, ...]] = {
    ("hair", "any curly"): ("curly", "big curls"),
    ("hair", "any bob"): ("bob", "fringe bob"),
    ("hair", "any long"): _LONG,
    ("hair", "any dreadlocks"): ("dreadlocks", "short dreadlocks"),
    ("hair", "any hat"): ("brimmed hat", "beanie", "winter hat", "cat hat"),
    ("hair", "no hat"): ("short", *(name for name in HAIR if name not in HATS and name != "short")),
    ("facial_hair", "any beard"): ("medium beard", "big beard", "light beard"),
    ("facial_hair", "any moustache"): ("walrus moustache", "fancy moustache"),
    ("glasses", "any glasses"): ("glasses", "round glasses"),
    **{
        ("expression", f"not {feeling}"): (
            "neutral",
            *(each for each in EXPRESSIONS if each not in ("neutral", feeling)),
        )
        for feeling in ("happy", "sad", "angry", "surprised")
    },
    ("clothes", "any shirt"): ("crew neck", "v-neck", "scoop neck", "graphic shirt"),
    ("clothes", "any blazer"): ("blazer", "blazer with sweater"),
    ("clothes", "plain"): tuple(name for name in CLOTHES if name != "graphic shirt"),
    # More of something, or less, than there is (see MORE).
    ("hair", "longer"): _LONG,
    ("hair", "shorter"): ("cropped", "short", "quiff", "curly"),
    ("facial_hair", "bigger"): ("big beard",),
    ("facial_hair", "smaller"): ("light beard",),
    ("expression", "happier"): ("happy",),
    ("expression", "sadder"): ("sad",),
    ("expression", "angrier"): ("angry",),
    ("skin", "darker"): ("dark", "brown"),
    ("skin", "lighter"): ("pale", "light"),
}
"""What texts say beside values: of which values of the attribute it is true, the first being what an edit makes where
none of them is seen."""
MORE: dict[Fact, dict[str, str]] = {
    ("hair", "longer"): {
        "bald": "short", "balding": "short", "cropped": "short", "short": "shoulder length", "bob": "shoulder length",
        "fringe bob": "shoulder length", "shoulder length": "long straight", "curly": "big curls",
        "short dreadlocks": "dreadlocks",
    },
    ("hair", "shorter"): {
        "long straight": "bob", "long wavy": "bob", "shoulder length": "bob", "dreadlocks": "short dreadlocks",
        "big curls": "curly", "short": "cropped", "curly": "cropped", "shaved side": "short", "bob": "short",
    },
    ("facial_hair", "bigger"): {"none": "light beard", "light beard": "medium beard"},
    ("facial_hair", "smaller"): {"big beard": "medium beard", "light beard": "none"},
    ("skin", "darker"): {"pale": "light", "light": "tanned", "tanned": "brown", "brown": "dark"},
    ("skin", "lighter"): {"dark": "brown", "brown": "tanned", "tanned": "light", "light": "pale"},
}  # fmt: skip
"""What comparatives make of a value."""
HELD_OUT: tuple[tuple[Fact, Fact], ...] = (
    (("hair_colour", "blue"), ("glasses", "any glasses")),
    (("hair_colour", "purple"), ("facial_hair", "any beard")),
    (("hair_colour", "blonde"), ("hair", "afro")),
    (("expression", "angry"), ("hair", "any hat")),
    (("hair", "bald"), ("glasses", "sunglasses")),
)
"""Pairs that no training picture shows and no training caption names together."""


def meant(fact: Fact) -> tuple[str, ...]:
    """The values of which it is true."""
    return CONCEPTS.get(fact, (fact[1],))


def is_held_out(facts: Iterable[Fact]) -> bool:
    """Whether one of the HELD_OUT pairs is said, or shown, by these facts."""
    return shows_pair(facts, HELD_OUT, CONCEPTS)
