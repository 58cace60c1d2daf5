"""Save Training Pair: a picture, the same picture edited, and the text that asks for it, as files to train on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import comfy.model_management
import folder_paths
import torch
from comfy_api.latest import io

from ..ffclip_core.errors import FFCLIPError, InputError, sendable
from ..ffclip_core.pictures import check_pictures
from ..ffclip_core.training.sources.saving import check_prefix, save_pair
from ..ffclip_core.training.sources.texts import captions_of
from .messages import told
from .previews import as_bytes
from .schema import supported
from .values import shown
from .wires import CATEGORY

FOLDER, PREFIX = "ffclip/pairs", "pair"


class SaveTrainingPair(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPSaveTrainingPair",
            display_name="Save Training Pair",
            category=CATEGORY,
            search_aliases=["dataset", "training data", "before and after", "distil an edit", "save image"],
            description="Writes a picture before and after an edit, and the text that asks for it, into a folder to "
            "train on. Whatever nodes made the edit, a model can learn it from two hundred of these.",
            is_output_node=True,
            inputs=[
                io.Image.Input("before", tooltip="The picture before the edit. One goes with all that are after."),
                io.Image.Input("after", tooltip="The picture after it, of the same size. Batches pair up."),
                io.String.Input(
                    "text",
                    multiline=True,
                    default="",
                    tooltip="What asks for the edit, such as 'green hair'. Each line is a text of its own for the same "
                    "edit.",
                ),
                io.String.Input("folder", default=FOLDER, tooltip="A folder in ComfyUI's output folder."),
                io.String.Input(
                    "prefix",
                    default=PREFIX,
                    optional=True,
                    tooltip="How the names begin: pair_00001.before.png, and so on. Nothing is overwritten.",
                ),
            ],
            outputs=[io.String.Output(display_name="folder", tooltip="The folder's whole path.")],
        )

    @classmethod
    def execute(
        cls, before: torch.Tensor, after: torch.Tensor, text: Any, folder: Any, prefix: Any = None
    ) -> io.NodeOutput:
        before, after = _pictures(before, "before"), _pictures(after, "after")
        texts = _texts(text)
        place = place_of(FOLDER if folder is None else folder)
        prefix = PREFIX if prefix is None else prefix
        if not isinstance(prefix, str):
            raise InputError(f"A prefix is text such as '{PREFIX}', not {shown(prefix)}.")
        check_prefix(prefix)
        pairs = _pair(before, after)
        names: list[str] = []
        for first, second in pairs:
            comfy.model_management.throw_exception_if_processing_interrupted()
            try:
                names.append(save_pair(place, prefix, as_bytes(first), as_bytes(second), texts))
            except FFCLIPError as error:
                if not names:
                    raise
                raise type(error)(f"After {len(names)} of {len(pairs)} pairs: {error}") from error
        which = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        ui = told(f"{len(names)} pair{'s'[: len(names) > 1]} in {place}: {which}, {shown(texts[0])}")
        return io.NodeOutput(sendable(place), ui=ui | {"images": _shown(place, names[-1])})


def _pictures(images: torch.Tensor, name: str) -> torch.Tensor:
    images = check_pictures(images)
    if images.isnan().any():
        raise InputError(f"The picture {name} has values that are no numbers (NaN): look at the node before.")
    return images


def _texts(text: Any) -> tuple[str, ...]:
    if text is not None and not isinstance(text, str):
        raise InputError(f"The text is text such as 'green hair', not {shown(text)}.")
    texts = captions_of(text or "")
    if not texts:
        raise InputError("The text is empty: write what asks for the edit, such as 'green hair'.")
    return texts


def place_of(folder: Any) -> Path:
    """The folder by its name in ComfyUI's output folder, which it doesn't leave, as with Save Image."""
    if not isinstance(folder, str):
        raise InputError(f"A folder is a name such as '{FOLDER}', not {shown(folder)}.")
    output = os.path.abspath(folder_paths.get_output_directory())
    place = os.path.abspath(os.path.join(output, folder))
    try:
        inside = os.path.commonpath((output, place)) == output
    except ValueError:  # On another drive.
        inside = False
    if not inside:
        raise InputError(f"The folder {shown(folder)} leaves ComfyUI's output folder: give a name such as '{FOLDER}'.")
    return Path(place)


def _pair(before: torch.Tensor, after: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    if before.shape[1:3] != after.shape[1:3]:
        sizes = [f"{images.shape[2]} × {images.shape[1]} px" for images in (before, after)]
        raise InputError(f"The picture before has {sizes[0]}, the one after {sizes[1]}: make both the same size.")
    counts = len(before), len(after)
    if counts[0] != counts[1] and 1 not in counts:
        raise InputError(
            f"{counts[0]} pictures before and {counts[1]} after are no pairs: connect as many of both, or one."
        )
    return [(before[i % counts[0]], after[i % counts[1]]) for i in range(max(counts))]


def _shown(place: Path, name: str) -> list[dict[str, str]]:
    """The last pair, as the page shows pictures."""
    output = os.path.abspath(folder_paths.get_output_directory())
    inside = os.path.relpath(place, output).replace(os.sep, "/")
    where = {"subfolder": "" if inside == "." else inside, "type": "output"}
    return [{"filename": f"{name}.{half}.png", **where} for half in ("before", "after")]
