"""What people write: a thesaurus of several languages, and captions made of it.

words/LANGUAGE.yaml has phrases for each concept, colours with their inflected forms, what is said of coloured things,
and what stands around and between descriptions. Every caption needs exactly the facts that it was made from.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import yaml
from matplotlib.colors import CSS4_COLORS, XKCD_COLORS

from ..facts import Fact
from .colours import name_of
from .vocabulary import ATTRIBUTES, COLOURS, CONCEPTS

LANGUAGES = {"en": 0.6, "de": 0.1, "fr": 0.1, "es": 0.1, "zh": 0.1}
"""How often each is written."""
_THINGS = {
    "hair_colour": "hair",
    "beard_colour": "beard",
    "clothes_colour": "clothes",
    "hat_colour": "hat",
    "glasses_colour": "glasses",
    "background": "background",
}
_PAIRS = (
    ("hair", "hair_colour"),
    ("clothes", "clothes_colour"),
    ("hair", "hat_colour"),
    ("facial_hair", "beard_colour"),
    ("glasses", "glasses_colour"),
)
"""Of which a colour may stand before a noun."""
_FRAMED, _MISTYPED, _SHADED, _COMMON = 0.5, 0.12, 0.3, 0.4
_FIRST = 8
"""Phrases of each concept that are the most common."""
_KEPT = 12
"""One in so many of the others is kept for evaluation."""
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


@dataclass(frozen=True)
class Language:
    """colours: by name, words of several forms each; coloured: by thing, texts with {0}, {1}, … for a form; nouns:
    by concept, such as take a colour before them; phrases: by concept; unheard: of them those that no caption has, by
    which it is measured what words of others are worth."""

    frames: Sequence[str]
    joints: Sequence[str]
    colours: Mapping[str, Sequence[Sequence[str]]]
    coloured: Mapping[str, Sequence[str]]
    nouns: Mapping[Fact, Sequence[str]]
    phrases: Mapping[Fact, Sequence[str]]
    unheard: Mapping[Fact, Sequence[str]]


@functools.cache
def language(name: str) -> Language:
    path = Path(__file__).parent / "words" / f"{name}.yaml"
    told = yaml.safe_load(path.read_text(encoding="utf-8"))

    def facts(table: Mapping[str, list[str]], unheard: bool = False) -> dict[Fact, list[str]]:
        return {
            (key.split("/")[0], key.split("/")[1]): [
                phrase
                for i, phrase in enumerate(phrases)
                if (i >= _FIRST and not crc32(phrase.encode()) % _KEPT) == unheard
            ]
            for key, phrases in table.items()
        }

    return Language(
        told["frames"],
        told["joints"],
        told["colours"],
        told["coloured"],
        facts(told.get("nouns", {})),
        facts(told["concepts"]),
        facts(told["concepts"], unheard=True),
    )


@functools.cache
def said() -> dict[Fact, tuple[str, ...]]:
    """All that captions may say, and of which values it is true."""
    values = {(name, value): (value,) for name, of in ATTRIBUTES.items() for value in of}
    phrases = language("en").phrases
    return {fact: meant for fact, meant in (values | CONCEPTS).items() if fact[0] in _THINGS or fact in phrases}


@functools.cache
def shades() -> dict[str, list[str]]:
    """By the name here, names of others: of CSS and of the survey of xkcd (CC0)."""
    others = {**CSS4_COLORS, **{name.removeprefix("xkcd:"): colour for name, colour in XKCD_COLORS.items()}}
    found: dict[str, list[str]] = {name: [] for name in COLOURS}
    for other, colour in others.items():
        if nearest := name_of(str(colour)[1:].lower(), COLOURS, COLOURS):
            found[nearest].append(other)
    return found


def caption(facts: Sequence[Fact], stream: random.Random) -> str:
    """A random wording of these facts, in a random language and order."""
    name = stream.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
    of, left, phrases = language(name), list(facts), []
    for pair in _PAIRS:
        told = {fact[0]: fact for fact in left}
        if not set(pair) <= set(told) or stream.random() < 0.4:
            continue
        noun, colour = told[pair[0]], told[pair[1]]
        if nouns := of.nouns.get(noun):
            phrases.append(f"{_colour(of, name, colour[1], stream)[0]} {stream.choice(nouns)}")
            left = [fact for fact in left if fact not in (noun, colour)]
    for attribute, value in left:
        if attribute in _THINGS:
            text = stream.choice(of.coloured[_THINGS[attribute]])
            phrases.append(text.format(*_colour(of, name, value, stream)))
        else:
            those = of.phrases[attribute, value]
            phrases.append(stream.choice(those[:_FIRST] if stream.random() < _COMMON else those))
    stream.shuffle(phrases)
    text = stream.choice(of.joints).join(phrases)
    if stream.random() < _FRAMED:
        text = stream.choice(of.frames).format(text)
    if stream.random() < _MISTYPED:
        text = mistyped(text, stream)
    return text


def _colour(of: Language, name: str, colour: str, stream: random.Random) -> Sequence[str]:
    """The forms of one of a colour's words."""
    if name == "en" and stream.random() < _SHADED and shades()[colour]:
        return [stream.choice(shades()[colour])]
    words = of.colours[colour]
    return words[0] if stream.random() < 0.4 else stream.choice(words)


def mistyped(text: str, stream: random.Random) -> str:
    """With one slip of the fingers in a word of four letters or more."""
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 3 and word.isascii() and word.isalpha()]
    if not long:
        return text
    at = stream.choice(long)
    words[at] = _slip(words[at], stream)
    return " ".join(words)


def _slip(word: str, stream: random.Random) -> str:
    i = stream.randrange(1, len(word) - 1)
    kind = stream.randrange(4)
    if kind == 0:
        return word[:i] + word[i + 1 :]
    if kind == 1:
        return word[:i] + word[i] + word[i:]
    if kind == 2:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    row = next((row for row in _KEYBOARD if word[i].lower() in row), "")
    near = [row[j] for j in (row.find(word[i].lower()) - 1, row.find(word[i].lower()) + 1) if row and 0 <= j < len(row)]
    return word[:i] + stream.choice(near or [word[i]]) + word[i + 1 :]
