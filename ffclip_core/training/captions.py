"""What people write: captions for the drawn attributes, and the prompts that the evaluation asks for.

Every caption needs exactly the facts that it was made from, so which captions are true of which pictures is known.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from .avatars import HAIR_COLOURS, Fact

# Names of hairstyles that a colour can stand before: "purple afro", "a blonde bob".
_STYLE_NOUNS = {
    "short": ("short hair", "short haircut"),
    "afro": ("afro", "afro hair", "afro hairstyle"),
    "curly": ("curly hair", "curls", "curly hairstyle"),
    "bob": ("bob", "bob cut", "bob cut hairstyle", "bob haircut"),
    "long straight": ("long straight hair", "straight long hair", "long straight hairstyle"),
    "long wavy": ("long wavy hair", "wavy hair", "wavy long hair", "wavy hairstyle"),
    "bun": ("bun", "hair bun", "bun hairstyle"),
    "dreadlocks": ("dreadlocks", "dreads", "dreadlocks hairstyle"),
}
_PLURAL = ("hair", "curls", "dreadlocks", "dreads")
_COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in HAIR_COLOURS},
    "blonde": ("blonde", "blond"),
    "gray": ("gray", "grey"),
    "brown": ("brown", "brown"),
}
_CLOTHES_NOUNS = {
    "hoodie": ("hoodie", "hooded sweater"),
    "shirt": ("shirt", "t-shirt"),
    "blazer": ("blazer", "jacket"),
    "overall": ("overall", "overalls", "dungarees"),
}

_PHRASES: dict[Fact, tuple[str, ...]] = {
    ("hair", "bald"): ("bald", "bald head", "a bald head", "without hair", "no hair", "bald person"),
    ("hair", "hat"): ("hat", "a hat", "wearing a hat", "with a hat", "hat on the head"),
    ("hair", "turban"): ("turban", "a turban", "wearing a turban", "with a turban"),
    ("hair", "hijab"): ("hijab", "a hijab", "wearing a hijab", "headscarf", "with a headscarf"),
    ("facial_hair", "beard"): ("beard", "a beard", "bearded", "with a beard", "full beard", "wearing a beard"),
    ("facial_hair", "moustache"): ("moustache", "a moustache", "mustache", "with a mustache", "with a moustache"),
    ("facial_hair", "none"): ("clean shaven", "clean-shaven", "no beard", "without beard", "shaved face"),
    ("glasses", "glasses"): ("glasses", "wearing glasses", "with glasses", "eyeglasses", "wearing eyeglasses"),
    ("glasses", "sunglasses"): ("sunglasses", "wearing sunglasses", "with sunglasses", "dark glasses", "shades"),
    ("glasses", "none"): ("no glasses", "without glasses", "not wearing glasses"),
    ("expression", "neutral"): ("neutral", "neutral face", "neutral expression", "calm", "calm face"),
    ("expression", "happy"): ("happy", "happy face", "smiling", "smile", "a smile", "happiness", "joyful"),
    ("expression", "sad"): ("sad", "sad face", "sadness", "looking sad", "unhappy", "a sad look"),
    ("expression", "angry"): ("angry", "angry face", "anger", "looking angry", "mad", "an angry look"),
    ("expression", "surprised"): ("surprised", "surprise", "surprised face", "looking surprised", "shocked"),
    ("eyes", "closed"): ("closed eyes", "eyes closed", "with closed eyes", "sleeping", "eyes shut"),
    ("eyes", "open"): ("open eyes", "eyes open", "with open eyes", "awake"),
}
_COLOUR_TEMPLATES = ("{} hair", "{} hair", "{} hair", "{} hair colour", "{} hair color", "hair dyed {}", "{}-haired")
_CLOTHES_COLOUR_TEMPLATES = ("{} clothes", "{} clothing", "{} outfit", "wearing {}", "dressed in {}")
_TEMPLATES = (
    "{}",
    "{}",
    "{}",
    "{}",
    "{}",
    "{}",
    "a person, {}",
    "a portrait, {}",
    "an avatar, {}",
    "make it {}",
    "a face, {}",
    "a picture of a person: {}",
    "somebody, {}",
    "the person is {}",
    "a cartoon of a person, {}",
)
_JOINTS = (", ", ", ", " and ", " and ", " with ", " ")


def caption(facts: Sequence[Fact], rng: random.Random) -> str:
    """A random wording of these facts, in random order."""
    left = dict(facts)
    phrases = []
    if left.get("hair") in _STYLE_NOUNS:
        style = rng.choice(_STYLE_NOUNS[left["hair"]])
        if "hair_colour" in left and rng.random() < 0.6:
            style = f"{rng.choice(_COLOUR_WORDS[left.pop('hair_colour')])} {style}"
        phrases.append(_introduced(style, rng))
        del left["hair"]
    if "hair_colour" in left:
        colour = rng.choice(_COLOUR_WORDS[left.pop("hair_colour")])
        phrases.append(rng.choice(_COLOUR_TEMPLATES).format(colour))
    if "clothes" in left:
        clothes = rng.choice(_CLOTHES_NOUNS[left.pop("clothes")])
        if "clothes_colour" in left and rng.random() < 0.8:
            clothes = f"{left.pop('clothes_colour')} {clothes}"
        phrases.append(_introduced(clothes, rng))
    if "clothes_colour" in left:
        phrases.append(rng.choice(_CLOTHES_COLOUR_TEMPLATES).format(left.pop("clothes_colour")))
    phrases += [rng.choice(_PHRASES[fact]) for fact in left.items()]
    rng.shuffle(phrases)
    text = rng.choice(_TEMPLATES).format(rng.choice(_JOINTS).join(phrases))
    return text[0].upper() + text[1:] if rng.random() < 0.5 else text


def _introduced(noun: str, rng: random.Random) -> str:
    """The noun alone, or after "with" or "wearing" or an article."""
    article = "" if noun.split()[-1] in _PLURAL or noun.endswith("s") else "an " if noun[0] in "aeiou" else "a "
    return rng.choice(("{}", "{}", "{}", f"{article}{{}}", f"with {article}{{}}")).format(noun)


EVALUATION_PROMPTS: tuple[tuple[str, tuple[Fact, ...]], ...] = (
    *((f"{name.capitalize()} hair", (("hair_colour", name),)) for name in HAIR_COLOURS),
    ("Bald", (("hair", "bald"),)),
    ("short hair", (("hair", "short"),)),
    ("afro hairstyle", (("hair", "afro"),)),
    ("curly hairstyle", (("hair", "curly"),)),
    ("bob cut hairstyle", (("hair", "bob"),)),
    ("long straight hair", (("hair", "long straight"),)),
    ("long wavy hair", (("hair", "long wavy"),)),
    ("bun hairstyle", (("hair", "bun"),)),
    ("dreadlocks hairstyle", (("hair", "dreadlocks"),)),
    ("wearing a hat", (("hair", "hat"),)),
    ("wearing a turban", (("hair", "turban"),)),
    ("wearing a hijab", (("hair", "hijab"),)),
    ("Beard", (("facial_hair", "beard"),)),
    ("with a beard", (("facial_hair", "beard"),)),
    ("Mustache", (("facial_hair", "moustache"),)),
    ("clean shaven", (("facial_hair", "none"),)),
    ("wearing glasses", (("glasses", "glasses"),)),
    ("Glasses", (("glasses", "glasses"),)),
    ("wearing sunglasses", (("glasses", "sunglasses"),)),
    ("without glasses", (("glasses", "none"),)),
    ("Happy", (("expression", "happy"),)),
    ("Smile", (("expression", "happy"),)),
    ("Sad", (("expression", "sad"),)),
    ("Angry", (("expression", "angry"),)),
    ("Surprise", (("expression", "surprised"),)),
    ("Surprised face", (("expression", "surprised"),)),
    ("neutral expression", (("expression", "neutral"),)),
    ("closed eyes", (("eyes", "closed"),)),
    ("open eyes", (("eyes", "open"),)),
    ("wearing a hoodie", (("clothes", "hoodie"),)),
    ("wearing a blazer", (("clothes", "blazer"),)),
    ("wearing a shirt", (("clothes", "shirt"),)),
    *((f"{name.capitalize()} clothes", (("clothes_colour", name),)) for name in ("red", "blue", "yellow", "black")),
)
"""Single prompts in the paper's style (FFCLIP, NeurIPS 2022, table of prompts); such texts occur in training."""

EVALUATION_PAIRS: tuple[tuple[str, tuple[Fact, ...]], ...] = (
    ("green hair and beard", (("hair_colour", "green"), ("facial_hair", "beard"))),
    ("pink hair, happy", (("hair_colour", "pink"), ("expression", "happy"))),
    ("black afro", (("hair", "afro"), ("hair_colour", "black"))),
    ("bald with glasses", (("hair", "bald"), ("glasses", "glasses"))),
    ("sad, wearing a hat", (("expression", "sad"), ("hair", "hat"))),
    ("blue hair, wearing sunglasses", (("hair_colour", "blue"), ("glasses", "sunglasses"))),
    ("red bob cut hairstyle", (("hair", "bob"), ("hair_colour", "red"))),
    ("angry and bearded", (("expression", "angry"), ("facial_hair", "beard"))),
    ("surprised, wearing glasses", (("expression", "surprised"), ("glasses", "glasses"))),
    ("blue hair, wearing glasses", (("hair_colour", "blue"), ("glasses", "glasses"))),
    ("glasses and blue hair", (("hair_colour", "blue"), ("glasses", "glasses"))),
    ("purple hair and beard", (("hair_colour", "purple"), ("facial_hair", "beard"))),
    ("bearded, purple hair", (("hair_colour", "purple"), ("facial_hair", "beard"))),
    ("blonde afro", (("hair", "afro"), ("hair_colour", "blonde"))),
    ("afro hairstyle, blonde hair", (("hair", "afro"), ("hair_colour", "blonde"))),
    ("angry, wearing a hat", (("expression", "angry"), ("hair", "hat"))),
    ("angry face with a hat", (("expression", "angry"), ("hair", "hat"))),
    ("bald, wearing sunglasses", (("hair", "bald"), ("glasses", "sunglasses"))),
    ("sunglasses and a bald head", (("hair", "bald"), ("glasses", "sunglasses"))),
)
"""Prompts of two meanings; those for which is_held_out(facts) never occur in training, in any wording."""

EVALUATION_PARAPHRASES: tuple[tuple[str, tuple[Fact, ...], bool], ...] = (
    ("turn the hair purple", (("hair_colour", "purple"),), False),
    ("give this person green hair", (("hair_colour", "green"),), False),
    ("her hair is pink now", (("hair_colour", "pink"),), False),
    ("hair that is blonde", (("hair_colour", "blonde"),), False),
    ("I want black hair", (("hair_colour", "black"),), False),
    ("a man who has a beard", (("facial_hair", "beard"),), False),
    ("add a big beard", (("facial_hair", "beard"),), False),
    ("put on glasses", (("glasses", "glasses"),), False),
    ("take the glasses off, no glasses please", (("glasses", "none"),), False),
    ("he has sunglasses on", (("glasses", "sunglasses"),), False),
    ("should look happy", (("expression", "happy"),), False),
    ("a very sad person", (("expression", "sad"),), False),
    ("make her angry", (("expression", "angry"),), False),
    ("what a surprise", (("expression", "surprised"),), False),
    ("both eyes are closed", (("eyes", "closed"),), False),
    ("a woman with an afro", (("hair", "afro"),), False),
    ("give him dreadlocks", (("hair", "dreadlocks"),), False),
    ("change the haircut to a bob", (("hair", "bob"),), False),
    ("put a hat on the head", (("hair", "hat"),), False),
    ("completely bald man", (("hair", "bald"),), False),
    ("spectacles", (("glasses", "glasses"),), True),
    ("violet hair", (("hair_colour", "purple"),), True),
    ("furious", (("expression", "angry"),), True),
    ("laughing", (("expression", "happy"),), True),
    ("astonished", (("expression", "surprised"),), True),
    ("goatee", (("facial_hair", "beard"),), True),
    ("a hairless head", (("hair", "bald"),), True),
    ("wearing a cap", (("hair", "hat"),), True),
)
"""Wordings that caption() never makes: (prompt, facts, whether its telling word is new to the text tower too)."""
