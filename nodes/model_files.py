"""Which model files a user can choose, where they lie, and what each of them holds."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
from collections import Counter
from pathlib import Path

import folder_paths

from ..ffclip_core import Family, installed_families, read_parts
from ..ffclip_core.checkpoints.shards import find_shards
from ..ffclip_core.errors import CheckpointError, sendable
from ..ffclip_core.families import PARTS as PARTS
from ..ffclip_core.families import broken_families

# In the order they are searched.
FOLDERS = ("ffclip", "e4e", "stylegan")
MODEL_EXTENSIONS = {".safetensors", ".sft", ".pt", ".pth", ".bin", ".ckpt", ".pkl"}
INDEX = ".index.json"
"""How the index of a model in several files ends; it stands for all of them."""
_SHARD = re.compile(r"(.+)-(\d{5})-of-\d{5}(\.[A-Za-z]+)", re.DOTALL)

Stamp = tuple[int, int]
_MOST_REMEMBERED = 4096
_held: dict[tuple[Path, Stamp], dict[str, str] | str] = {}


def register_model_folders() -> None:
    """Tell ComfyUI of models/ffclip, models/e4e and models/stylegan.

    Paths that extra_model_paths.yaml or another pack has registered stay, and stay first. An entry may have an empty
    set of extensions, which ComfyUI takes as "every file": it stays empty, files() picks the models.
    """
    registered = folder_paths.folder_names_and_paths
    for name in FOLDERS:
        default = str(Path(folder_paths.models_dir) / name)
        paths, extensions = registered.get(name, ([], {*MODEL_EXTENSIONS, ".json"}))
        paths = [*paths] if default in paths else [*paths, default]
        registered[name] = (paths, {*extensions, *MODEL_EXTENSIONS, ".json"} if extensions else set())


def files() -> dict[str, Path]:
    """All model files in all our folders by the names that lists show, whatever they hold.

    A name is the file's path in its folder, as text that can be sent; where two would be the same, each has its
    folder's name before it.
    """
    found = _entries()
    often = Counter(name for _, name in found.values())
    listed: dict[str, Path] = {}
    for path, (folder, name) in found.items():
        whole = wanted = name if often[name] == 1 else f"{folder}/{name}"
        number = 1
        while wanted in listed:
            number += 1
            wanted = f"{whole} ({number})"
        listed[wanted] = path
    return dict(sorted(listed.items()))


def _entries() -> dict[Path, tuple[str, str]]:
    """All model files, with the folder that each is in and its path there as text that can be sent."""
    found: dict[Path, tuple[str, str]] = {}
    for folder in FOLDERS:
        if folder not in folder_paths.folder_names_and_paths:
            continue
        names = set(folder_paths.get_filename_list(folder))
        for name in sorted(names):
            if not _is_offered(name, names):
                continue
            for place in folder_paths.get_folder_paths(folder):
                path = Path(place, name)
                if _stamp(path) is not None:
                    found.setdefault(path.resolve(), (folder, _one_line(name)))
    return found


def embedded() -> dict[str, Family]:
    """The families that come with the pack, by the choices that stand for them in each of the four lists."""
    return {family.title: family for family in installed_families()}


def choices(part: str) -> list[str]:
    """What the part's drop-down list offers: the embedded models first, then the files that hold such a part."""
    return [*embedded(), *(name for name, path in files().items() if part in _parts(path))]


def held(path: Path) -> dict[str, str] | str:
    """A file's parts in words, by kind, or the sentence on what is wrong with it; read once for each of its states.

    Raises OSError where there is no such file any more.
    """
    state = _stamp(path)
    if state is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path.name)
    key = (path, state)
    if key not in _held:
        try:
            told: dict[str, str] | str = {kind: sendable(part.describe()) for kind, part in read_parts(path).items()}
        except CheckpointError as error:
            told = str(error)
            logging.warning("FFCLIP: no list of Load FFCLIP Models offers this file: %s", told)
        while len(_held) >= _MOST_REMEMBERED:
            del _held[next(iter(_held))]
        _held[key] = told
    return _held[key]


def find(part: str, choice: object) -> Path:
    """The file behind a choice; None is the first. Raises CheckpointError, which names the folders, where there is
    none."""
    families = embedded()
    if choice is None and families:
        choice = next(iter(families))
    if isinstance(choice, str) and choice in families:
        return families[choice].parts[part]
    otherwise = f", or choose {' or '.join(map(repr, families))}" if families else ""
    problems = broken_families()
    otherwise += f" (left out: {' '.join(problems).rstrip('.')})" if problems else ""
    return _find(choice, part.replace("_", " "), otherwise)


def find_file(choice: object) -> Path:
    """One of files(). Raises CheckpointError, which names the folders, where it is gone."""
    return _find(choice, "model", "")


def stamp(part: str, choice: object) -> Stamp | None:
    """Time of change and size of a chosen file, which show whether it was replaced; None where it is missing."""
    try:
        return _stamp(find(part, choice))
    except CheckpointError:
        return None


def _is_offered(name: str, names: set[str]) -> bool:
    """By its ending. Of a model in several files, the index alone, or else the first."""
    shard = _SHARD.fullmatch(name)
    if shard:
        beside = {f"{shard[1]}{shard[3]}{INDEX}", f"{shard[1]}{INDEX}"}
        return int(shard[2]) == 1 and beside.isdisjoint(names)
    return name.lower().endswith(INDEX) or Path(name.lower()).suffix in MODEL_EXTENSIONS


def _find(choice: object, what: str, otherwise: str) -> Path:
    listed = files()
    name = str(choice)
    # As it was saved on another system, or before a file of the same name came into another folder.
    for spelled in (name, name.replace("\\", "/"), name.replace("/", "\\")):
        for wanted in (_one_line(spelled), *(f"{folder}/{_one_line(spelled)}" for folder in FOLDERS)):
            if wanted in listed:
                return listed[wanted]
        # With its folder, as it was listed beside another of its name that is gone.
        for path, (folder, held_as) in _entries().items():
            if f"{folder}/{held_as}" == _one_line(spelled):
                return path
    known = [folder for folder in FOLDERS if folder in folder_paths.folder_names_and_paths]
    places = " or ".join(path for folder in known for path in folder_paths.get_folder_paths(folder))
    shown = repr(name if len(name) <= 200 else name[:200] + "…")
    raise CheckpointError(f"There is no {what} file {shown}: put it into {places}{otherwise}.")


def _parts(path: Path) -> dict[str, str]:
    try:
        told = held(path)
    except OSError:  # Gone, or not to be read, since the list was made.
        return {}
    return {} if isinstance(told, str) else told


def _stamp(path: Path) -> Stamp | None:
    """Of a model in several files, of all of them. None for what is no plain file: to open a named pipe would wait
    without end."""
    try:
        if not path.is_file():
            return None
        found = [path.stat()]
        if path.name.endswith(INDEX) or _SHARD.fullmatch(path.name):
            with contextlib.suppress(CheckpointError):
                shards = find_shards(path)
                found += [shard.stat() for shard in (shards[0] if shards else [])]
    except (OSError, ValueError):
        return None
    return max(status.st_mtime_ns for status in found), sum(status.st_size for status in found)


def _one_line(name: str) -> str:
    return sendable(name).replace("\n", "\\n").replace("\t", "\\t")


register_model_folders()
