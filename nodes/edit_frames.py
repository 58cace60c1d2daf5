"""Edit Frames by Text: as Edit Video by Text does, for frames that are there as one batch of pictures."""

from __future__ import annotations

from typing import Any

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core.errors import InputError
from ..ffclip_core.pictures import check_pictures
from .edit_video import Run, inputs
from .messages import told
from .schema import supported
from .wires import CATEGORY

AT_ONCE = 4


class EditFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPEditFrames",
            display_name="Edit Frames by Text",
            category=CATEGORY,
            search_aliases=["video face edit", "image sequence", "batch of frames", "avatar", "portrait"],
            description="The frames of a video as a batch of pictures and a text in, the same frames out, edited, with "
            "the faces followed from frame to frame. Of long videos use Edit Video by Text, which takes no memory for "
            "them; pictures that are no frames of one video go into Edit Picture by Text.",
            inputs=inputs(io.Image.Input("frames", tooltip="Frames in their order, of one size.")),
            outputs=[io.Image.Output(display_name="frames", tooltip="As many, in the same order.")],
        )

    @classmethod
    def execute(cls, frames: torch.Tensor, text: str | None, strength: float | None, **others: Any) -> io.NodeOutput:
        frames = check_pictures(frames)
        if not len(frames):
            raise InputError("The batch is empty (0 frames): connect a node that gives at least one.")
        run = Run(len(frames), text, others["strengths"] if others.get("strengths") is not None else strength, others)
        run.follow(frames.split(1))
        home = comfy.model_management.intermediate_device()
        result = None
        done = 0
        for images in run.edit(frames.split(AT_ONCE)):
            if result is None:  # Each where it belongs at once: nothing is held twice.
                result = torch.empty(len(frames), *images.shape[1:], dtype=images.dtype, device=home)
            result[done : done + len(images)] = images
            done += len(images)
        return io.NodeOutput(result, ui=told(*run.said()))
