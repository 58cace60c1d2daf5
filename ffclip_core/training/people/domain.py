"""People as a domain that a family is trained on:

python run.py train ffclip.ffclip_core.training.people.domain:PEOPLE runs/avatars --config models/people.yaml
"""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ..drawings import Box, Question
from ..facts import Fact
from ..questions import Asking
from .drawing import SIDE, place
from .looks import light_of, look_of, picture_of
from .parameters import SCALES, parameters
from .person import COLOURED, Person, sample
from .vocabulary import ATTRIBUTES, CONCEPTS, HELD_OUT, MORE, is_held_out
from .words import WORDS

_DRAWN_BY = ("dicebear-core", "dicebear-styles", "resvg_py")
_FACE = (84.0, 76.0, 196.0, 190.0)
"""Left, top, right and bottom of brows, eyes, nose, mouth and beard, in the art's units."""
_SPOKEN = {
    "hair": 3.0,
    "hair_colour": 3.0,
    "facial_hair": 2.0,
    "beard_colour": 0.7,
    "glasses": 2.0,
    "glasses_colour": 0.5,
    "expression": 3.0,
    "eyes": 1.5,
    "brows": 0.8,
    "mouth": 1.5,
    "clothes": 1.2,
    "clothes_colour": 1.2,
    "graphic": 1.0,
    "hat_colour": 0.7,
    "skin": 1.0,
    "background": 0.6,
}
"""How often texts speak of each attribute."""
_ASKING = Asking(
    WORDS,
    removed={
        ("hair", "no hat"),
        ("facial_hair", "none"),
        ("glasses", "none"),
        ("clothes", "plain"),
        *(fact for fact in CONCEPTS if fact[1].startswith("not ")),
    },
    more=MORE,
    held_out=HELD_OUT,
    is_held_out=is_held_out,
    apart=[
        frozenset(pair)
        for pair in (("expression", "eyes"), ("expression", "brows"), ("expression", "mouth"), ("clothes", "graphic"))
    ],
)
_PROMPTS = ("purple hair", "bald", "beard", "glasses", "surprised", "sad", "afro", "closed eyes", "sunglasses", "happy")


class People:
    """The Domain of person.Person."""

    attributes = ATTRIBUTES
    spoken = _SPOKEN
    prompts = _PROMPTS
    scales = SCALES

    @property
    def questions(self) -> Sequence[Question]:
        return _ASKING.questions()

    @property
    def concepts(self) -> Mapping[Fact, Sequence[str]]:
        return WORDS.said

    @property
    def fingerprint(self) -> str:
        """Of all code that draws and speaks."""
        digest = hashlib.sha256()
        training = Path(__file__).parents[1]
        general = (training / f"{name}.py" for name in ("facts", "backgrounds", "colours", "thesaurus", "wear"))
        for path in (
            *general,
            *sorted(Path(__file__).parent.rglob("*.py")),
            *sorted(Path(__file__).parent.rglob("*.yaml")),
        ):
            digest.update(path.read_bytes())
        digest.update(repr([version(package) for package in _DRAWN_BY]).encode())
        return digest.hexdigest()

    def sample(self, seed: int) -> Person:
        return sample(seed)

    def draw(self, thing: Person, size: int) -> np.ndarray:
        return picture_of(thing, size)

    def faithful(self, thing: Person) -> bool:
        return look_of(thing).plain

    def parameters(self, thing: Person) -> np.ndarray:
        return parameters(thing)

    def labels(self, thing: Person) -> Sequence[int]:
        """In a gray picture colours have no names."""
        seen, gray = thing.labels, light_of(look_of(thing)).gray
        return [
            -1
            if not value or (gray and name in COLOURED and name not in thing.plain)
            else ATTRIBUTES[name].index(value)
            for name, value in seen.items()
        ]

    def focus(self, thing: Person) -> Box:
        right, down, _, _ = place(thing)
        left, top, end, bottom = _FACE
        return (left + right) / SIDE, (top + down) / SIDE, (end + right) / SIDE, (bottom + down) / SIDE

    def random_edit(self, thing: Person, stream: random.Random) -> tuple[Fact, ...]:
        """One to three facts, at least one of them new; never a held-out pair."""
        by_attribute = _concepts_by_attribute()
        while True:
            count = stream.choices((1, 2, 3), (5, 3, 2))[0]
            attributes: list[str] = []
            while len(attributes) < count:
                name = stream.choices(list(_SPOKEN), list(_SPOKEN.values()))[0]
                if name not in attributes:
                    attributes.append(name)
            facts = tuple((name, stream.choice(by_attribute[name])) for name in attributes)
            after = thing.edit(facts)
            if self._does(thing, after, facts) and not is_held_out(facts) and not is_held_out(after.facts()):
                return facts

    @staticmethod
    def _does(thing: Person, after: Person, facts: Sequence[Fact]) -> bool:
        """Whether all of it can be seen afterwards, and something of it could not before."""
        changed = {name for name, value in after.labels.items() if value != thing.labels[name]}
        shown = all(fact[0] in changed if fact in MORE else after.is_so(fact) for fact in facts)
        return shown and any(name in changed for name, _ in facts)

    def edit(self, thing: Person, facts: Iterable[Fact]) -> Person:
        return thing.edit(tuple(facts))

    def caption(self, facts: Sequence[Fact], stream: random.Random) -> str:
        return WORDS.caption(facts, stream)


@functools.cache
def _concepts_by_attribute() -> dict[str, list[str]]:
    return {name: [value for attribute, value in WORDS.said if attribute == name] for name in ATTRIBUTES}


PEOPLE = People()
