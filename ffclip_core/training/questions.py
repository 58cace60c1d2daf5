"""What an evaluation asks of drawings: in words that captions have, and in such as none has."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from .drawings import Question
from .facts import Fact
from .thesaurus import LANGUAGES, Thesaurus, mistyped

_TOGETHER, _UNHEARD, _MISTYPED, _SHADES, _COLOURS = 24, 60, 30, 30, 2


@dataclass(frozen=True)
class Asking:
    """words: the domain's; removed: what takes something away; more: comparatives; held_out: pairs that are never
    trained on, and is_held_out whether facts have one; apart: attributes that are not asked for together, as one is
    made of the other."""

    words: Thesaurus
    removed: Collection[Fact]
    more: Collection[Fact]
    held_out: Sequence[tuple[Fact, Fact]]
    is_held_out: Callable[[Sequence[Fact]], bool]
    apart: Collection[frozenset[str]] = ()

    def questions(self) -> tuple[Question, ...]:
        """The same each time."""
        return tuple(self._questions(random.Random("questions")))

    def _questions(self, stream: random.Random) -> Iterator[Question]:
        words, plainly = self.words, self.words.plainly
        facts = list(words.said)
        first = dict.fromkeys(list(words.things)[:_COLOURS])
        plain = [fact for fact in facts if fact not in self.more and (fact[0] not in words.things or fact[0] in first)]
        for fact in [*plain, *(fact for fact in facts if fact in self.more)]:
            kind = "removal" if fact in self.removed else "comparative" if fact in self.more else "single"
            yield Question(kind, plainly(fact), (fact,))
        for size, kind in ((2, "pair"), (3, "triple")):
            for _ in range(_TOGETHER):
                while self.is_held_out(those := self._together(plain, size, stream)):
                    pass
                yield Question(kind, ", ".join(map(plainly, those)), those)
        for one, other in self.held_out:
            yield Question("pair, unseen", f"{plainly(one)} and {plainly(other)}", (one, other))
            yield Question("pair, unseen", f"{plainly(other)}, {plainly(one)}", (one, other))
        for name in LANGUAGES:
            language = words.languages[name]
            unheard = [(phrase, fact) for fact, phrases in language.unheard.items() for phrase in phrases]
            for phrase, fact in stream.sample(unheard, min(_UNHEARD, len(unheard))):
                yield Question(f"new wording, {name}", phrase, (fact,))
            heard = [(phrases[0], fact) for fact, phrases in language.phrases.items()]
            for phrase, fact in stream.sample(heard, min(_TOGETHER, len(heard))) if name != "en" else ():
                yield Question(f"known wording, {name}", phrase, (fact,))
        for fact in stream.sample(plain, min(_MISTYPED, len(plain))):
            yield Question("typo", mistyped(plainly(fact), stream), (fact,))
        names = [(shade, (of, name)) for of in first for name, those in words.shades.items() for shade in those]
        for shade, fact in stream.sample([n for n in names if n[1] in words.said], _SHADES):
            thing = words.languages["en"].coloured[words.things[fact[0]]][0]
            yield Question("name of a colour", thing.format(shade), (fact,))

    def _together(self, facts: Sequence[Fact], size: int, stream: random.Random) -> tuple[Fact, ...]:
        """Of different attributes, none of which is made of another."""
        while True:
            found = tuple(stream.sample(facts, size))
            names = {name for name, _ in found}
            if len(names) == size and not any(pair <= names for pair in self.apart):
                return found
