"""What people write: captions for the drawn attributes.

Every caption needs exactly the facts that it was made from, so which captions are true of which pictures is known.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from ..facts import Fact
from .vocabulary import CLOTHES_COLOURS, HAIR_COLOURS

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


def description(facts: Sequence[Fact], rng: random.Random) -> str:
    """All of these facts in their plainest wordings, in random order, as one who tags pictures writes: "glasses, blonde
    hair, clean shaven"."""
    found = [_plainest(fact) for fact in facts]
    rng.shuffle(found)
    return ", ".join(found)


def _plainest(fact: Fact) -> str:
    attribute, value = fact
    if fact in _PHRASES:
        return _PHRASES[fact][0]
    if attribute in ("hair_colour", "clothes_colour"):
        return f"{value} {'hair' if attribute == 'hair_colour' else 'clothes'}"
    return (_STYLE_NOUNS if attribute == "hair" else _CLOTHES_NOUNS)[value][0]


def _introduced(noun: str, rng: random.Random) -> str:
    """The noun alone, or after "with" or "wearing" or an article."""
    article = "" if noun.split()[-1] in _PLURAL or noun.endswith("s") else "an " if noun[0] in "aeiou" else "a "
    return rng.choice(("{}", "{}", "{}", f"{article}{{}}", f"with {article}{{}}")).format(noun)


def single_phrases() -> list[str]:
    """Every wording of a single fact that caption() makes, before a template is put around it, each once."""
    found = [phrase for phrases in _PHRASES.values() for phrase in phrases]
    for nouns in (*_STYLE_NOUNS.values(), *_CLOTHES_NOUNS.values()):
        found += nouns
    found += _each(_COLOUR_TEMPLATES, [colour for colours in _COLOUR_WORDS.values() for colour in colours])
    found += _each(_CLOTHES_COLOUR_TEMPLATES, CLOTHES_COLOURS)
    return [*dict.fromkeys(found)]


def frames() -> list[str]:
    """All that caption() writes around and between such phrases."""
    return [text.replace("{}", " ") for text in (*_TEMPLATES, *_JOINTS, "a {}", "an {}", "with {}", "wearing {}")]


def _each(templates: Sequence[str], colours: Iterable[str]) -> list[str]:
    return [template.format(colour) for colour in colours for template in templates]
