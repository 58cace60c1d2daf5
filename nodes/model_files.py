"""Which model files a user can choose, and where they lie."""

from __future__ import annotations

from pathlib import Path

import folder_paths

from ..ffclip_core import EMBEDDED
from ..ffclip_core.errors import CheckpointError

EMBEDDED_CHOICE = "avatars (embedded)"
MODEL_EXTENSIONS = {".safetensors", ".sft", ".pt", ".pth", ".bin", ".pkl"}

# Models folders in the order they are searched. Those other than ffclip belong to other packs: used where they exist.
FOLDERS = {
    "encoder": ("ffclip", "e4e"),
    "text_encoder": ("ffclip",),
    "modulator": ("ffclip",),
    "generator": ("ffclip", "stylegan"),
}
_ALL_FOLDERS = ("ffclip", "e4e", "stylegan")


def register_model_folders() -> None:
    """Tell ComfyUI of models/ffclip (and models/stylegan, models/e4e if the user has them).

    Paths that extra_model_paths.yaml or another pack has registered stay, and stay first. An entry may have an empty
    set of extensions, which ComfyUI takes as "every file": it stays empty, choices() picks the models.
    """
    registered = folder_paths.folder_names_and_paths
    for name in ("ffclip", "stylegan", "e4e"):
        default = Path(folder_paths.models_dir) / name
        if name != "ffclip" and name not in registered and not default.is_dir():
            continue
        paths, extensions = registered.get(name, ([], set()))
        if str(default) not in paths:
            paths = [*paths, str(default)]
        new = name not in registered
        registered[name] = (paths, set(extensions) | MODEL_EXTENSIONS if extensions or new else set())


def choices(part: str) -> list[str]:
    """What the part's drop-down list offers: the embedded model first, then files, each name once."""
    return [EMBEDDED_CHOICE, *_names(FOLDERS[part])]


def files() -> list[str]:
    """All model files, whatever they hold, each name once."""
    return _names(_ALL_FOLDERS)


def find_file(name: str) -> Path:
    """One of files(). Raises CheckpointError, which names the folders, where it is gone."""
    return _find(name, _ALL_FOLDERS, "model")


def find(part: str, choice: str) -> Path:
    """The file behind a choice. Raises CheckpointError, which names the folders, where there is none."""
    if choice == EMBEDDED_CHOICE:
        return EMBEDDED / f"{part}.safetensors"
    return _find(choice, FOLDERS[part], part.replace("_", " "))


def _names(folders: tuple[str, ...]) -> list[str]:
    return sorted(
        {
            name
            for folder in folders
            if folder in folder_paths.folder_names_and_paths
            for name in folder_paths.get_filename_list(folder)
            if Path(name).suffix.lower() in MODEL_EXTENSIONS
        }
    )


def _find(choice: str, among: tuple[str, ...], what: str) -> Path:
    folders = [name for name in among if name in folder_paths.folder_names_and_paths]
    for folder in folders:
        path = folder_paths.get_full_path(folder, choice)
        if path is not None:
            return Path(path)
    places = " or ".join(path for folder in folders for path in folder_paths.get_folder_paths(folder))
    raise CheckpointError(f"There is no {what} file {choice!r}: put it into {places}, or choose {EMBEDDED_CHOICE!r}.")


register_model_folders()
