"""Drawn avatars as a domain that a family is trained on:

python run.py train ffclip.ffclip_core.training.avatars.domain:AVATARS runs/avatars --config models/avatars/recipe.yaml
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ..codes import ALL
from ..drawings import Box
from ..facts import Fact, values_alone
from .avatar import Avatar, label_row, sample
from .captions import caption
from .drawing import draw, face_box
from .edits import SPOKEN, random_edit
from .parameters import parameters
from .prompts import EVALUATION_PROMPTS, QUESTIONS, SHEET_PROMPTS
from .vocabulary import ATTRIBUTES

_DRAWN_BY = ("dicebear-core", "dicebear-styles", "resvg_py")


class Avatars:
    """The Domain of avatar.Avatar."""

    attributes = ATTRIBUTES
    spoken = SPOKEN
    concepts = values_alone(ATTRIBUTES)
    questions = QUESTIONS
    prompts = tuple(dict.fromkeys((*SHEET_PROMPTS, *(text for text, _ in EVALUATION_PROMPTS))))

    @property
    def fingerprint(self) -> str:
        """Of all code that draws and speaks."""
        digest = hashlib.sha256()
        for path in (Path(__file__).parents[1] / "facts.py", *sorted(Path(__file__).parent.glob("*.py"))):
            digest.update(path.read_bytes())
        digest.update(repr([version(package) for package in _DRAWN_BY]).encode())
        return digest.hexdigest()

    def sample(self, seed: int) -> Avatar:
        return sample(seed)

    def draw(self, thing: Avatar, size: int) -> np.ndarray:
        return draw(thing, size)

    def faithful(self, thing: Avatar) -> bool:
        return True

    def parameters(self, thing: Avatar) -> np.ndarray:
        return parameters(thing)

    @property
    def scales(self) -> Sequence[str]:
        return (ALL,) * len(parameters(sample(0)))

    def labels(self, thing: Avatar) -> Sequence[int]:
        return label_row(thing)

    def focus(self, thing: Avatar) -> Box:
        return face_box(thing)

    def random_edit(self, thing: Avatar, stream: random.Random) -> tuple[Fact, ...]:
        return random_edit(thing, stream)

    def edit(self, thing: Avatar, facts: Iterable[Fact]) -> Avatar:
        return thing.edit_plainly(facts)

    def caption(self, facts: Sequence[Fact], stream: random.Random) -> str:
        return caption(facts, stream)


AVATARS = Avatars()
