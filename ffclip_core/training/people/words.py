"""What people write of people: words/."""

from __future__ import annotations

from pathlib import Path

from ..colours import COLOURS
from ..thesaurus import Thesaurus
from .vocabulary import ATTRIBUTES, CONCEPTS

WORDS = Thesaurus(
    Path(__file__).parent / "words",
    ATTRIBUTES,
    CONCEPTS,
    COLOURS,
    things={
        "hair_colour": "hair",
        "beard_colour": "beard",
        "clothes_colour": "clothes",
        "hat_colour": "hat",
        "glasses_colour": "glasses",
        "background": "background",
    },
    nouns={
        "hair_colour": "hair",
        "hat_colour": "hair",
        "clothes_colour": "clothes",
        "beard_colour": "facial_hair",
        "glasses_colour": "glasses",
    },
)
