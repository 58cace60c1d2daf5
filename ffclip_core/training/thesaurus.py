"""What people write of drawings: a thesaurus of several languages, and captions made of it.

LANGUAGE.yaml has phrases for each concept, colours with their inflected forms, what is said of coloured things, and
what stands around and between descriptions. Every caption needs exactly the facts that it was made from.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from zlib import crc32

import yaml
from matplotlib.colors import CSS4_COLORS, XKCD_COLORS

from .colours import name_of
from .facts import Attributes, Concepts, Fact

LANGUAGES = {"en": 0.6, "de": 0.1, "fr": 0.1, "es": 0.1, "zh": 0.1}
"""How often each is written."""
_FRAMED, _MISTYPED, _SHADED, _COMMON, _USUAL, _BEFORE = 0.5, 0.12, 0.3, 0.4, 0.4, 0.6
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

    @classmethod
    def read(cls, path: Path) -> Language:
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

        return cls(
            told["frames"],
            told["joints"],
            told["colours"],
            told["coloured"],
            facts(told.get("nouns", {})),
            facts(told["concepts"]),
            facts(told["concepts"], unheard=True),
        )


@dataclass(frozen=True, eq=False)
class Thesaurus:
    """folder: of the languages' files; attributes, and concepts beside their values: of the domain; colours: six
    hexadecimal digits each, by name; things: by attribute of a colour, what has it; nouns: by such an attribute the one
    that a noun may be of, before which the colour stands."""

    folder: Path
    attributes: Attributes
    concepts: Concepts
    colours: Mapping[str, str]
    things: Mapping[str, str]
    nouns: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def languages(self) -> dict[str, Language]:
        return {name: Language.read(self.folder / f"{name}.yaml") for name in LANGUAGES}

    @cached_property
    def said(self) -> dict[Fact, Sequence[str]]:
        """All that captions may say, and of which values it is true."""
        values = {(name, value): (value,) for name, of in self.attributes.items() for value in of}
        phrases = self.languages["en"].phrases
        return {f: meant for f, meant in {**values, **self.concepts}.items() if f[0] in self.things or f in phrases}

    @cached_property
    def shades(self) -> dict[str, list[str]]:
        """By the name here, names of others: of CSS and of the survey of xkcd (CC0)."""
        others = {**CSS4_COLORS, **{name.removeprefix("xkcd:"): colour for name, colour in XKCD_COLORS.items()}}
        found: dict[str, list[str]] = {name: [] for name in self.colours}
        for other, colour in others.items():
            if nearest := name_of(str(colour)[1:].lower(), self.colours, self.colours):
                found[nearest].append(other)
        return found

    def caption(self, facts: Sequence[Fact], stream: random.Random) -> str:
        """A random wording of these facts, in a random language and order."""
        name = stream.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
        of, left, phrases = self.languages[name], dict(facts), []
        for colour, thing in self.nouns.items():
            if colour not in left or thing not in left or stream.random() > _BEFORE:
                continue
            if nouns := of.nouns.get((thing, left[thing])):
                phrases.append(f"{self._colour(name, left.pop(colour), stream)[0]} {stream.choice(nouns)}")
                del left[thing]
        for attribute, value in left.items():
            if attribute in self.things:
                text = stream.choice(of.coloured[self.things[attribute]])
                phrases.append(text.format(*self._colour(name, value, stream)))
            else:
                those = of.phrases[attribute, value]
                phrases.append(stream.choice(those[:_FIRST] if stream.random() < _COMMON else those))
        stream.shuffle(phrases)
        text = stream.choice(of.joints).join(phrases)
        if stream.random() < _FRAMED:
            text = stream.choice(of.frames).format(text)
        return mistyped(text, stream) if stream.random() < _MISTYPED else text

    def _colour(self, language: str, colour: str, stream: random.Random) -> Sequence[str]:
        """The forms of one of a colour's words."""
        if language == "en" and stream.random() < _SHADED and self.shades[colour]:
            return [stream.choice(self.shades[colour])]
        words = self.languages[language].colours[colour]
        return words[0] if stream.random() < _USUAL else stream.choice(words)

    def plainly(self, fact: Fact) -> str:
        """Its first wording in English."""
        english = self.languages["en"]
        if fact[0] in self.things:
            return english.coloured[self.things[fact[0]]][0].format(fact[1])
        return english.phrases[fact][0]


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
