"""Sample Picture: a picture that comes with the pack, so that shipped workflows run as they are anywhere."""

from __future__ import annotations

from pathlib import Path

import comfy.model_management
import numpy as np
import torch
from comfy_api.latest import io
from PIL import Image

from ..ffclip_core import installed_families
from ..ffclip_core.errors import InputError
from ..ffclip_core.families import DEFAULT
from .schema import supported
from .values import shown
from .wires import CATEGORY


class SamplePicture(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = list(_samples())
        pictures = " or ".join(family.picture for family in installed_families() if family.samples)
        return supported(
            io.Schema,
            node_id="FFCLIPSamplePicture",
            display_name="Sample Picture",
            category=CATEGORY,
            search_aliases=["avatar", "portrait", "example image", "test image", "FFCLIP"],
            description=f"Gives one of the pictures that come with the pack: {pictures or 'none'}. "
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
            raise InputError("There are no sample pictures in the pack's folder models: install the pack anew.")
        if name is None:
            name = next(iter(samples))
        if not isinstance(name, str) or name not in samples:
            raise InputError(f"There is no sample picture {shown(name)}: choose one of {', '.join(samples)}.")
        try:
            with Image.open(samples[name]) as picture:
                pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(
                f"The sample picture {samples[name]} can't be read ({type(error).__name__}): choose another."
            ) from error
        image = torch.from_numpy(pixels)[None]  # [1, H, W, 3]
        return io.NodeOutput(image.to(comfy.model_management.intermediate_device()))


def _samples() -> dict[str, Path]:
    """By the names that the list shows: of the default family alone, of others with the family's name before them, so
    that no family that comes later changes what a saved graph means."""
    return {
        name if family.folder.name == DEFAULT else f"{family.name}/{name}": path
        for family in installed_families()
        for name, path in family.samples.items()
    }
