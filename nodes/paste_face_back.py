"""Paste Face Back: what was changed in a crop, put into the picture that it was cut out of."""

from __future__ import annotations

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core.errors import InputError
from ..ffclip_core.faces.alignment import seen
from ..ffclip_core.faces.pasting import FEATHER, MODES, check_feather, limits_of, paste_into
from ..ffclip_core.pictures import check_pictures
from .faces_of import mode_input
from .schema import supported
from .values import option
from .wires import CATEGORY, Placed, PlacementWire


class PasteFaceBack(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPPasteFaceBack",
            display_name="Paste Face Back",
            category=CATEGORY,
            search_aliases=["uncrop", "put back", "composite", "blend", "face swap", "portrait", "avatar"],
            description="Puts into a picture what an edit changed between two crops of Align Face. All else stays the "
            "picture's own, pixel for pixel.",
            inputs=[
                io.Image.Input("image", tooltip="The picture that went into Align Face."),
                io.Image.Input("before", tooltip="The crop before the edit: the plain inversion, or the crop itself."),
                io.Image.Input("after", tooltip="The crop after the edit. Several for one face give as many pictures."),
                PlacementWire.Input("placement", tooltip="From Align Face."),
                mode_input(),
                supported(
                    io.Float.Input,
                    "feather",
                    default=FEATHER,
                    min=0.0,
                    max=0.5,
                    step=0.01,
                    advanced=True,
                    tooltip="Width of the mask's soft rim, in sides of the crop.",
                ),
                io.Mask.Input("mask", optional=True, tooltip="Where the edit may show at all."),
            ],
            outputs=[
                io.Image.Output(display_name="image", tooltip="The picture with the edit in it."),
                io.Mask.Output(display_name="mask", tooltip="Where it was changed."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        before: torch.Tensor,
        after: torch.Tensor,
        placement: Placed,
        mode: str | None,
        feather: float | None,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        image, before, after = check_pictures(image), check_pictures(before), check_pictures(after)
        mode = option(mode, MODES, "auto", "The mode")
        feather = check_feather(FEATHER if feather is None else feather)
        if not isinstance(placement, Placed):
            raise InputError("The input placement takes what Align Face gives: connect that.")
        count = len(placement.items)
        if len(image) != placement.pictures or any(at.picture != image.shape[1:3] for _, at in placement.items):
            raise InputError(
                f"The placement is not of these {len(image)} pictures of {image.shape[2]}×{image.shape[1]} px: connect "
                "the picture that went into Align Face."
            )
        if before.shape[1] != before.shape[2] or after.shape[1] != after.shape[2]:
            raise InputError("The crops before and after the edit are squares: connect those of Align Face.")
        several = len(after) != count and len(image) == count == 1
        if not (several or len(after) in (1, count)) or len(before) not in (1, len(after)):
            raise InputError(
                f"{len(before)} crops before and {len(after)} after the edit do not go with {count} faces: give one "
                "for each."
            )
        limits = [None] * len(image) if mask is None else limits_of(mask, image)
        result = image.expand(-1, -1, -1, max(3, image.shape[3])).clone()
        items = placement.items
        if several:
            result, items = result.repeat(len(after), 1, 1, 1), [(i, items[0][1]) for i in range(len(after))]
            limits *= len(after)
        used = torch.zeros(result.shape[:3], dtype=torch.float32, device=result.device)
        for n, (i, at) in enumerate(items):
            comfy.model_management.throw_exception_if_processing_interrupted()
            a, b = (seen(x[n % len(x)][None].to(result.device)) for x in (before, after))
            paste_into(result[i : i + 1], used[i : i + 1], a, b, at, mode, limits[i], feather)
        return io.NodeOutput(result, used)
