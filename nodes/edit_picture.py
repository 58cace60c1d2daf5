"""Edit Picture by Text: the whole chain in one node, for pictures as people have them."""

from __future__ import annotations

import secrets
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import comfy.model_management
import folder_paths
import torch
from comfy_api.latest import io
from PIL import Image

from ..ffclip_core import Editor
from ..ffclip_core.errors import InputError
from ..ffclip_core.faces import in_place
from ..ffclip_core.faces.pasting import MODES
from ..ffclip_core.pictures import check_pictures
from .faces_of import (
    WHOLE,
    Parts,
    chosen,
    editor_of,
    family_of,
    find_input,
    found,
    lines_of,
    mode_input,
    model_inputs,
    parts_of,
    which_input,
)
from .messages import told
from .previews import as_pil
from .schema import supported
from .values import option
from .wires import CATEGORY, ModelPart

MOST_KEPT = 4
"""Nodes whose pictures' inversions are kept, so that another strength or text needs none."""
MOST_TOLD = 16
PREVIEW = 384  # Px of the longer side.


@dataclass(eq=False)
class _Kept:
    """What a node's picture gave, and what it was made from. The picture and the models are not held by it: they may be
    large, and go with their nodes."""

    image: weakref.ref[torch.Tensor]
    content: tuple[Any, ...]
    parts: dict[str, weakref.ref[ModelPart[Any]]]
    prepared: in_place.Prepared
    before: dict[str, str]
    strange: dict[Any, list[str]] = field(default_factory=dict)


_kept: OrderedDict[str | None, _Kept] = OrderedDict()


class EditPicture(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPEditPicture",
            display_name="Edit Picture by Text",
            category=CATEGORY,
            search_aliases=[
                "text guided edit", "face edit", "avatar", "portrait", "StyleCLIP", "edit my photo", "e4e",
            ],
            description="Picture and text in, the same picture out, of which only what the text is about has changed: "
            "finds the face, brings it upright, edits it, and puts what the edit changed back. The embedded family "
            "knows portrait avatars.",
            is_output_node=True,
            inputs=[
                io.Image.Input("image", tooltip="One picture or several, of any size."),
                io.String.Input(
                    "text",
                    multiline=True,
                    default="Purple hair",
                    tooltip="What the face should show, such as: Purple hair. With faces set to all, several lines "
                    "give each face its own, from left to right; otherwise they are one text.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-5.0,
                    max=5.0,
                    step=0.05,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="0 leaves the picture as it is, 1 is the method as published, more exaggerates.",
                ),
                which_input(),
                mode_input(advanced=True),
                find_input(),
                io.Mask.Input("mask", optional=True, tooltip="Where the edit may show at all."),
                *model_inputs(),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The picture with the edit in it, at its own size."),
                io.Mask.Output(display_name="mask", tooltip="Where it was changed."),
            ],
            hidden=[io.Hidden.unique_id],
        )  # fmt: skip

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        text: str | None,
        strength: float | None,
        faces: str | None,
        mode: str | None = None,
        find: str | None = None,
        mask: torch.Tensor | None = None,
        encoder: ModelPart[Any] | None = None,
        text_encoder: ModelPart[Any] | None = None,
        modulator: ModelPart[Any] | None = None,
        generator: ModelPart[Any] | None = None,
    ) -> io.NodeOutput:
        image = check_pictures(image)
        which, mode = chosen(faces), option(mode, MODES, "auto", "The mode")
        prompts = _prompts(text, len(image), which)
        parts = parts_of(
            {"encoder": encoder, "text_encoder": text_encoder, "modulator": modulator, "generator": generator}
        )
        editor = editor_of(parts)
        kept = _prepared(cls.hidden.unique_id if cls.hidden else None, image, parts, which, find, editor)
        prepared = replace(kept.prepared, images=image)
        if not prepared.places:
            raise InputError(
                "No face was found: it has to be some 16 px wide at least and seen from the front; choose another "
                "picture, or 'whole picture' in find."
            )
        edited = in_place.edit(editor, prepared, prompts, 1.0 if strength is None else strength, mode, mask)
        home = comfy.model_management.intermediate_device()
        if text not in kept.strange:
            kept.strange = {text: _strange(editor, prompts)}
        said = told(*_said(prepared, edited, find), *kept.strange[text])
        pictures = {"images": [kept.before, _preview(edited.images)]}
        return io.NodeOutput(edited.images.to(home), edited.masks.to(home), ui=pictures | said)


def _prepared(
    node_id: str | None, image: torch.Tensor, parts: Parts, which: str | int, find: Any, editor: in_place.Family
) -> _Kept:
    """What does not depend on text and strength, of this node's last run where it is the same."""
    # Some nodes change their inputs in place.
    content = (tuple(image.shape), image.sum((2, 3)).tolist(), which, find)
    last = _kept.pop(node_id, None)
    same = last is not None and last.image() is image and last.content == content and all(
        last.parts[name]() is part for name, part in parts.items()
    )  # fmt: skip
    if last is None or not same:
        prepared = in_place.prepare(editor, image, which, found(image, find, family_of(parts)))
        models = {name: weakref.ref(part) for name, part in parts.items()}
        last = _Kept(weakref.ref(image), content, models, replace(prepared, images=image[:0]), _preview(image))
    while len(_kept) >= MOST_KEPT:
        _kept.popitem(last=False)
    _kept[node_id] = last
    return last


def _prompts(text: Any, pictures: int, which: str | int) -> list[list[str]] | str:
    lines = lines_of(text, "picture")
    return lines[0] if len(lines) == 1 else [lines] * pictures if which == "all" else " ".join(lines)


def _said(prepared: in_place.Prepared, edited: in_place.Edited, find: Any) -> list[str]:
    lines = []
    count, pictures = sum(map(len, prepared.faces)), len(prepared.images)
    surest = max((face.confidence for faces in prepared.faces for face in faces), default=0.0)
    what = "1 face" if count == 1 else f"{count} faces"
    if find == WHOLE:
        lines.append("The whole picture was taken for the face.")
    else:
        lines.append(
            f"{what} found" + (f" in {pictures} pictures" if pictures > 1 else "") + f" ({surest:.0%} sure), "
            f"{len(prepared.places)} edited."
        )
    without = pictures - len({place.picture for place in prepared.places})
    if without:
        lines.append(f"{without} pictures without such a face stay as they are.")
    lines += list(dict.fromkeys(fit.sentence() for fit in edited.fits if fit is not None))[:2]
    beyond = sorted({side for sides in edited.beyond for side in sides})
    if beyond:
        lines.append(f"The edit goes on beyond what the model sees ({', '.join(beyond)}); there the picture stays.")
    return lines


def _strange(editor: Editor, prompts: list[list[str]] | str) -> list[str]:
    """What the models do not know of the texts."""
    texts = [prompts] if isinstance(prompts, str) else dict.fromkeys(prompts[0])
    found = editor.known(list(texts)[:MOST_TOLD]) or []
    return [known.sentence() for known in found if not known.known]


def _preview(images: torch.Tensor) -> dict[str, str]:
    """The first picture as a file that the page can show; its place is this node's alone."""
    step = max(1, max(images.shape[1:3]) // PREVIEW)
    picture = as_pil(images[0, ::step, ::step])
    picture.thumbnail((PREVIEW, PREVIEW), Image.Resampling.BILINEAR)
    folder = Path(folder_paths.get_temp_directory()) / "ffclip"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{secrets.token_hex(8)}.jpg"
    picture.save(folder / name, quality=90)
    return {"filename": name, "subfolder": "ffclip", "type": "temp"}
