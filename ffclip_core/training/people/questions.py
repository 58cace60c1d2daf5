"""What an evaluation asks of people: in words that captions have, and in such as none has."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations

from ..drawings import Question
from ..facts import Fact
from .vocabulary import HELD_OUT, MORE, is_held_out
from .words import LANGUAGES, language, mistyped, said, shades

_TOGETHER, _UNHEARD, _MISTYPED, _SHADES = 24, 60, 30, 30
_REMOVED = {("hair", "no hat"), ("facial_hair", "none"), ("glasses", "none"), ("clothes", "plain")}


def questions() -> tuple[Question, ...]:
    """The same each time."""
    return tuple(_questions(random.Random("questions")))


def _questions(stream: random.Random) -> Iterator[Question]:
    english, facts = language("en"), list(said())
    plain = [fact for fact in facts if fact not in MORE and (fact in english.phrases or fact[0] == "hair_colour")]
    for fact in facts:
        if fact in english.phrases:
            negative = fact in _REMOVED or fact[1].startswith("not ")
            yield Question(
                "removal" if negative else "comparative" if fact in MORE else "single", _plainly(fact), (fact,)
            )
        elif fact[0] in ("hair_colour", "clothes_colour"):
            yield Question("single", _plainly(fact), (fact,))
    for size, kind in ((2, "pair"), (3, "triple")):
        for _ in range(_TOGETHER):
            while is_held_out(those := _together(plain, size, stream)):
                pass
            yield Question(kind, ", ".join(map(_plainly, those)), those)
    for first, second in HELD_OUT:
        yield Question("pair, unseen", f"{_plainly(first)} and {_plainly(second)}", (first, second))
        yield Question("pair, unseen", f"{_plainly(second)}, {_plainly(first)}", (first, second))
    for name in LANGUAGES:
        unheard = [(phrase, fact) for fact, phrases in language(name).unheard.items() for phrase in phrases]
        for phrase, fact in stream.sample(unheard, min(_UNHEARD, len(unheard))):
            yield Question(f"new wording, {name}", phrase, (fact,))
        heard = [(phrases[0], fact) for fact, phrases in language(name).phrases.items()]
        if name != "en":
            for phrase, fact in stream.sample(heard, _TOGETHER):
                yield Question(f"known wording, {name}", phrase, (fact,))
    for fact in stream.sample(plain, _MISTYPED):
        yield Question("typo", mistyped(_plainly(fact), stream), (fact,))
    names = [(shade, name) for name, those in shades().items() for shade in those]
    for shade, name in stream.sample(names, _SHADES):
        yield Question("name of a colour", f"{shade} hair", (("hair_colour", name),))


def _plainly(fact: Fact) -> str:
    english = language("en")
    if fact in english.phrases:
        return english.phrases[fact][0]
    if fact[0] == "clothes_colour":
        return f"{fact[1]} clothes"
    return f"{fact[1]} hair" if fact[0] == "hair_colour" else fact[1]


def _together(facts: list[Fact], size: int, stream: random.Random) -> tuple[Fact, ...]:
    """Of different attributes, none of which hides another or is made of it."""
    apart = ({"expression", "eyes"}, {"expression", "brows"}, {"expression", "mouth"}, {"clothes", "graphic"})
    while True:
        found = tuple(stream.sample(facts, size))
        names = [name for name, _ in found]
        if len(set(names)) == size and not any({a, b} in apart for a, b in combinations(names, 2)):
            return found
