"""What people write of churches: words/."""

from __future__ import annotations

from pathlib import Path

from ..thesaurus import Thesaurus
from .vocabulary import ATTRIBUTES, COLOURS, CONCEPTS

WORDS = Thesaurus(
    Path(__file__).parent / "words",
    ATTRIBUTES,
    CONCEPTS,
    COLOURS,
    things={"wall_colour": "walls", "roof_colour": "roof", "door_colour": "door"},
    nouns={"wall_colour": "material", "roof_colour": "tower_top", "door_colour": "door"},
)
