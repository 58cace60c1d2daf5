"""The model families that come with the pack: each is a folder models/<any name>/ with a family.json.

To add a family, add such a folder; no code knows of it. family.json is one object:

    name      as in the headers of its parts; Editor.of_family() takes it
    title     the choice that lists show and saved graphs hold, so it never changes
    picture   the kind of picture, in words
    size      side of its pictures in px
    parts     {"encoder", "text_encoder", "modulator", "generator"}: the files, as paths within the folder
    samples   pictures, as paths within the folder (may be empty)
    prompts   some that work (may be empty)
    licence   of the weights, in words
    aligner   what finds the faces in a picture and the frame that the encoder wants of each: "faces" (photographs of
              people), or the file of an aligner of the family's own, as a path within the folder; without this key the
              whole picture is taken
    known     the file of what its text encoder was trained on, as a path within the folder (known_words.read_known);
              without this key nothing is said of prompts

All others are needed. More keys may follow, which this version does not read. A manifest may come from anybody: no path
of it leaves its folder, no text of it is markup or of several lines, and a broken one costs its own family only.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from .errors import FFCLIPError, InputError, sendable

PARTS = ("encoder", "text_encoder", "modulator", "generator")
MANIFEST = "family.json"
FACES: Literal["faces"] = "faces"
"""The aligner of families of photographs: ffclip_core.faces.detection."""
DEFAULT = "avatars"
"""The folder of the family that stands first in every list."""
ROOT = Path(__file__).parent.parent / "models"
EMBEDDED = ROOT / DEFAULT
"""The folder of the default family."""

_LARGEST_MANIFEST = 1 << 20
_LONGEST_TITLE, _LONGEST_TEXT, _MOST = 80, 2000, 1000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Family:
    """What a family.json says, its files as whole paths. samples: by the name of each, which is its file's stem."""

    folder: Path
    name: str
    title: str
    picture: str
    size: int
    parts: Mapping[str, Path]
    samples: Mapping[str, Path]
    prompts: tuple[str, ...]
    licence: str
    aligner: Path | Literal["faces"] | None = None
    known: Path | None = None


class BrokenFamilyError(FFCLIPError):
    """A family.json that can't be used."""


def installed_families(root: Path | None = None) -> tuple[Family, ...]:
    """The families in the folders of `root` (default: the pack's models/), the default one first, then by folder.

    Manifests are read once for each root. What is wrong with one is said once, in the log; see broken_families().
    """
    return _installed(ROOT if root is None else root)[0]


def broken_families(root: Path | None = None) -> tuple[str, ...]:
    """One sentence on each manifest in `root` that can't be used."""
    return _installed(ROOT if root is None else root)[1]


def family_named(name: str, root: Path | None = None) -> Family:
    """The family of this name. Raises InputError, which gives the names there are."""
    families = installed_families(root)
    for family in families:
        if family.name == name:
            return family
    names = ", ".join(repr(family.name) for family in families) or "none"
    problems = " ".join(broken_families(root))
    raise InputError(f"There is no family {str(name)[:80]!r}; there are: {names}. {problems}".strip())


def read_family(folder: Path) -> Family:
    """What the family.json of a folder says. Raises BrokenFamilyError, one sentence with the file's path."""
    path = folder / MANIFEST
    try:
        if not path.is_file():  # To open a named pipe would wait without end.
            raise BrokenFamilyError("is no file")
        if path.stat().st_size > _LARGEST_MANIFEST:
            raise BrokenFamilyError("is far too long for a manifest")
        manifest = json.loads(path.read_bytes())
        return _family(folder, manifest)
    except BrokenFamilyError as error:
        raise BrokenFamilyError(f"{path} {error}: mend it, or get the family again.") from error
    except OSError as error:
        raise BrokenFamilyError(f"{path} can't be read ({error.strerror}): look at its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise BrokenFamilyError(f"{path} is no JSON: mend it, or get the family again.") from error


@cache
def _installed(root: Path) -> tuple[tuple[Family, ...], tuple[str, ...]]:
    families: list[Family] = []
    broken: list[str] = []
    try:
        folders = sorted(
            (folder for folder in root.iterdir() if os.path.exists(folder / MANIFEST) or folder.name == DEFAULT),
            key=lambda folder: (folder.name != DEFAULT, folder.name),
        )
    except OSError:  # There are none.
        folders = []
    for folder in folders:
        try:
            family = read_family(folder)
            for other in families:
                for what in ("name", "title"):
                    if getattr(other, what) == getattr(family, what):
                        raise BrokenFamilyError(
                            f"{folder / MANIFEST} has the {what} {getattr(family, what)!r} of {other.folder}: give it "
                            "another."
                        )
            families.append(family)
        except BrokenFamilyError as error:
            broken.append(str(error))
            _log.warning("FFCLIP: a model family is left out: %s", error)
    return tuple(families), tuple(broken)


def _family(folder: Path, manifest: Any) -> Family:
    if not isinstance(manifest, dict):
        raise BrokenFamilyError("is no JSON object")
    parts, samples, prompts, size = (_given(manifest, key) for key in ("parts", "samples", "prompts", "size"))
    if not isinstance(parts, dict) or not parts.keys() >= set(PARTS):
        raise BrokenFamilyError(f"names no file for each of {', '.join(PARTS)} in 'parts'")
    for key, value in (("samples", samples), ("prompts", prompts)):
        if not isinstance(value, list) or len(value) > _MOST:
            raise BrokenFamilyError(f"has no list of at most {_MOST} texts as {key!r}")
    if type(size) is not int or not 8 <= size <= 8192 or size & (size - 1):
        raise BrokenFamilyError(f"has the 'size' {_shown(size)}, which is a power of two from 8 on, in px")
    title = _text(manifest, "title", _LONGEST_TITLE)
    if re.search(r"\.[A-Za-z]+$", title):
        raise BrokenFamilyError(f"has the 'title' {_shown(title)}, which could be a file's name in the same list")
    pictures: dict[str, Path] = {}
    for value in samples:
        picture = _path(folder, value, "a sample")
        if pictures.setdefault(picture.stem, picture) is not picture:
            raise BrokenFamilyError(f"has two samples of the name {picture.stem!r}")
    return Family(
        folder=folder,
        name=_text(manifest, "name", _LONGEST_TITLE),
        title=title,
        picture=_text(manifest, "picture"),
        size=size,
        parts=MappingProxyType({part: _path(folder, parts[part], f"the {part}") for part in PARTS}),
        samples=MappingProxyType(pictures),
        prompts=tuple(_line(prompt, "a prompt") for prompt in prompts),
        licence=_text(manifest, "licence"),
        aligner=_aligner(folder, manifest["aligner"]) if "aligner" in manifest else None,
        known=_path(folder, manifest["known"], "what is known") if "known" in manifest else None,
    )


def _aligner(folder: Path, value: Any) -> Path | Literal["faces"]:
    return FACES if value == FACES else _path(folder, value, "the aligner")


def _given(manifest: dict[str, Any], key: str) -> Any:
    if key not in manifest:
        raise BrokenFamilyError(f"lacks {key!r}")
    return manifest[key]


def _text(manifest: dict[str, Any], key: str, longest: int = _LONGEST_TEXT) -> str:
    return _line(_given(manifest, key), f"{key!r}", longest)


def _line(value: Any, what: str, longest: int = _LONGEST_TEXT) -> str:
    """A text of one line that lists, which take markup, and the log can show as it is."""
    if not isinstance(value, str) or not value.strip() or value != value.strip():
        raise BrokenFamilyError(f"has {_shown(value)} as {what}, which is a text")
    if len(value) > longest:
        raise BrokenFamilyError(f"has {what} of more than {longest} letters")
    if not value.isprintable() or "<" in value or ">" in value:
        raise BrokenFamilyError(f"has {_shown(value)} as {what}, with letters that lists can't show")
    return value


def _path(folder: Path, value: Any, what: str) -> Path:
    """A file within the folder; whether it is there shows when it is needed."""
    line = _line(value, f"the file of {what}", 200)
    steps = line.split("/")
    if "\\" in line or ":" in line or any(step in ("", ".", "..") for step in steps):
        raise BrokenFamilyError(f"has {_shown(value)} as the file of {what}, which is a path within its folder")
    return folder.joinpath(*steps)


def _shown(value: Any) -> str:
    try:
        return sendable(repr(value)[:80])
    except RecursionError:
        return "something very deep"
