"""Sample Picture: a picture that comes with the pack, so that shipped workflows run as they are anywhere."""

from __future__ import annotations

from pathlib import Path

import comfy.model_management
import numpy as np
import torch
from comfy_api.latest import io
from PIL import Image

from ..ffclip_core import EMBEDDED
from ..ffclip_core.errors import InputError
from .schema import supported
from .values import shown
from .wires import CATEGORY

SAMPLES = EMBEDDED / "samples"


class SamplePicture(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = list(_samples())
        return supported(
            io.Schema,
            node_id="FFCLIPSamplePicture",
            display_name="Sample Picture",
            category=CATEGORY,
            search_aliases=["avatar", "portrait", "example image", "test image", "FFCLIP"],
            description="Gives one of the avatar pictures that come with the pack. "
            "Connect Load Image instead to edit a picture of your own.",
            inputs=[
                io.Combo.Input("name", options=names, default=names[0] if names else "", tooltip="Which sample."),
            ],
            outputs=[io.Image.Output(display_name="image", tooltip="The sample picture, for Invert Image (FFCLIP).")],
        )

    @classmethod
    def execute(cls, name: str | None) -> io.NodeOutput:
        samples = _samples()
        if not samples:
            raise InputError(f"There are no sample pictures in {SAMPLES}: install the pack anew.")
        if name is None:
            name = next(iter(samples))
        if not isinstance(name, str) or name not in samples:
            raise InputError(f"There is no sample picture {shown(name)}: choose one of {', '.join(samples)}.")
        with Image.open(samples[name]) as picture:
            pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
        image = torch.from_numpy(pixels)[None]  # [1, H, W, 3]
        return io.NodeOutput(image.to(comfy.model_management.intermediate_device()))


def _samples() -> dict[str, Path]:
    return {path.stem: path for path in sorted(SAMPLES.glob("*.png"))}
