"""The family's folder from the first moment on: what is not trained yet is as it begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..editing import check_family
from ..families import MANIFEST, PARTS, family_named
from ..known_words import KnownWords, read_known, words_of
from .loop import seeded
from .stages.autoencoder import new_encoder, new_generator
from .stages.modulator import new_modulator
from .stages.text import new_towers
from .work import Work, write_json

_PROMPTS, _WORDS = 1000, 20_000
"""That a family is said to know, at most."""
KNOWN = "known.json"


def family_name(out: Path) -> str:
    """Of a family in this folder, with letters that a manifest may have."""
    return shown(out.absolute().name) or "family"


def shown(text: str) -> str:
    """Of a text what a manifest may have, in one line of 70 letters at most."""
    return "".join(letter for letter in text if letter.isprintable() and letter not in "<>")[:70].strip()


def begin(work: Work, family: str | None) -> None:
    """A family that loads. family: that it goes on from, where that is one of the pack's."""
    out = work.out
    made = dict(work.parts)
    with seeded(work.settings.seed):
        if "text_encoder" not in made:
            made |= new_towers(work)
        dim = made["text_encoder"].embed_dim
        if "generator" not in made:
            made["generator"] = new_generator(work, dim)
        generator = made["generator"]
        if "encoder" not in made:
            made["encoder"] = new_encoder(work, generator.num_layers, generator.latent_dim)
        if "modulator" not in made:
            made["modulator"] = new_modulator(work, generator)
    check_family(**{kind: made[kind] for kind in PARTS})
    for kind in (*PARTS, "image_encoder"):
        if kind in made and not (out / f"{kind}.safetensors").exists():
            work.save({kind: made[kind]})
    prompts = [text for text in (*work.texts, *work.data.texts) if shown(text) == text]
    known = _known(work, family, prompts)
    if known:
        write_json(out / KNOWN, known)
    _write_manifest(out, work.family, work.data.size, "as in its training", prompts[:12], known is not None)


def _known(work: Work, family: str | None, prompts: Sequence[str]) -> dict[str, Any] | None:
    """What known_words.KnownWords says of the family: all that it was trained on, or what the family it goes on from
    knows and the new texts. CLIP, where it is given, knows more words than any list has."""
    path = family_named(family).known if family else None
    if "text_encoder" in work.parts and path is None:
        return None
    before = read_known(path) if path else KnownWords(prompts=(), words=frozenset(), synonyms={})
    words = Counter(word for text in (*work.texts, *work.data.texts) for word in words_of(text) if shown(word) == word)
    asked = dict.fromkeys((*before.prompts, *(prompt for prompt in prompts if words_of(prompt))))
    most = [word for word, _ in words.most_common(_WORDS)]
    if not asked:
        return None
    return {
        "prompts": list(asked)[:_PROMPTS],
        "words": sorted({*before.words, *most}),
        "synonyms": {word: of for word, of in before.synonyms.items() if word not in words},
    }


def _write_manifest(out: Path, name: str, size: int, picture: str, prompts: Sequence[str], known: bool) -> None:
    """family.json, by which the folder is a family. known: whether known.json says what it knows."""
    write_json(
        out / MANIFEST,
        {
            "name": name,
            "title": f"{name} (trained)",
            "picture": picture,
            "size": size,
            "parts": {part: f"{part}.safetensors" for part in PARTS},
            "samples": [],
            "prompts": list(prompts),
            **({"known": KNOWN} if known else {}),
            "licence": "Trained by its owner, who says what may be done with it.",
        },
    )
