"""What people write of cars: words/."""

from __future__ import annotations

from pathlib import Path

from ..thesaurus import Thesaurus
from .vocabulary import ATTRIBUTES, COLOURS, CONCEPTS

WORDS = Thesaurus(
    Path(__file__).parent / "words",
    ATTRIBUTES,
    CONCEPTS,
    COLOURS,
    things={"body_colour": "car", "roof_colour": "roof", "decal_colour": "decals"},
    nouns={"body_colour": "body", "decal_colour": "decals"},
)
