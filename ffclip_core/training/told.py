"""What domains share whose words are a Thesaurus: labels, captions, edits that are asked for, questions."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from .drawings import Question
from .facts import Attributes, Concepts, Fact, shows_pair
from .questions import Asking
from .thesaurus import Thesaurus
from .wear import look_of

_GENERAL = ("backgrounds", "colours", "facts", "thesaurus", "told", "wear")


class Thing(Protocol):
    """One thing that is drawn: a seed and values. plain: what looks as the first of its kind does, or was asked for;
    labels: the value of every attribute, "" for what is not seen and for what has no name."""

    @property
    def seed(self) -> int: ...
    @property
    def plain(self) -> frozenset[str]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...

    def stream(self, choice: str) -> random.Random: ...
    def facts(self) -> set[Fact]: ...
    def is_so(self, fact: Fact) -> bool: ...
    def edit(self, facts: Iterable[Fact]) -> Any: ...


class Told:
    """The part of a drawings.Domain that is told by a thesaurus; subclasses draw.

    package: the folder of the domain's code; drawn_by: packages that it is drawn by; coloured: attributes that have no
    name in a gray picture; more: comparatives, by fact what they make of a value; removed, apart: see questions.Asking.
    """

    package: Path
    drawn_by: tuple[str, ...] = ("resvg_py",)
    words: Thesaurus
    spoken: Mapping[str, float]
    prompts: Sequence[str]
    coloured: Collection[str]
    more: Collection[Fact]
    held_out: Sequence[tuple[Fact, Fact]]
    removed: Collection[Fact]
    apart: Collection[frozenset[str]] = ()

    def is_held_out(self, facts: Iterable[Fact]) -> bool:
        """Whether one of the pairs that are never trained on is said, or shown, by these facts."""
        return shows_pair(facts, self.held_out, self.words.concepts)

    @property
    def attributes(self) -> Attributes:
        return self.words.attributes

    @property
    def concepts(self) -> Concepts:
        return self.words.said

    @property
    def questions(self) -> Sequence[Question]:
        asking = Asking(self.words, self.removed, self.more, self.held_out, self.is_held_out, self.apart)
        return asking.questions()

    @property
    def fingerprint(self) -> str:
        """Of all code that draws and speaks."""
        digest = hashlib.sha256()
        files = (*self.package.rglob("*.py"), *self.package.rglob("*.yaml"))
        for path in (*(Path(__file__).parent / f"{name}.py" for name in _GENERAL), *sorted(files)):
            digest.update(path.read_bytes())
        digest.update(repr([version(package) for package in self.drawn_by]).encode())
        return digest.hexdigest()

    def faithful(self, thing: Any) -> bool:
        return look_of(thing).plain

    def labels(self, thing: Any) -> Sequence[int]:
        """In a gray picture colours have no names."""
        gray, found = look_of(thing).light.gray, []
        for name, value in thing.labels.items():
            hidden = gray and name in self.coloured and name not in thing.plain
            found.append(-1 if hidden or not value else self.attributes[name].index(value))
        return found

    def random_edit(self, thing: Any, stream: random.Random) -> tuple[Fact, ...]:
        """One to three facts, at least one of them new; never a held-out pair."""
        while True:
            count = stream.choices((1, 2, 3), (5, 3, 2))[0]
            names: list[str] = []
            while len(names) < count:
                name = stream.choices(list(self.spoken), list(self.spoken.values()))[0]
                if name not in names:
                    names.append(name)
            facts = tuple((name, stream.choice(self._sayable[name])) for name in names)
            after = self.edit(thing, facts)
            if self._does(thing, after, facts) and not self.is_held_out(facts) and not self.is_held_out(after.facts()):
                return facts

    def _does(self, thing: Thing, after: Thing, facts: Sequence[Fact]) -> bool:
        """Whether all of it can be seen afterwards, and something of it could not before."""
        changed = {name for name, value in after.labels.items() if value != thing.labels[name]}
        shown = all(fact[0] in changed if fact in self.more else after.is_so(fact) for fact in facts)
        return shown and self.can_be(after) and any(name in changed for name, _ in facts)

    def can_be(self, thing: Any) -> bool:
        """Whether what an edit makes can be told from its picture."""
        return True

    def edit(self, thing: Any, facts: Iterable[Fact]) -> Any:
        return thing.edit(tuple(facts))

    def caption(self, facts: Sequence[Fact], stream: random.Random) -> str:
        return self.words.caption(facts, stream)

    @cached_property
    def _sayable(self) -> dict[str, list[str]]:
        return {name: [value for of, value in self.concepts if of == name] for name in self.attributes}
