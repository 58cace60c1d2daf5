"""Edit Difference Mask: where an edit changed a picture."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..ffclip_core.faces.pasting import FEATHER, difference_mask
from .schema import supported
from .wires import CATEGORY


class DifferenceMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPDifferenceMask",
            display_name="Edit Difference Mask",
            category=CATEGORY,
            search_aliases=["difference", "mask from edit", "change mask", "inpaint mask"],
            description="A mask of what differs between two pictures, such as an inversion and its edit: for "
            "compositing, or for other nodes that take a mask.",
            inputs=[
                io.Image.Input("before", tooltip="The picture before the edit, as the generator draws it."),
                io.Image.Input("after", tooltip="The picture after the edit, of the same size."),
                io.Float.Input(
                    "feather",
                    default=FEATHER,
                    min=0.0,
                    max=0.5,
                    step=0.01,
                    tooltip="Width of the soft rim, in sides of the picture.",
                ),
            ],
            outputs=[io.Mask.Output(display_name="mask", tooltip="1 where the edit changed anything.")],
        )

    @classmethod
    def execute(cls, before: torch.Tensor, after: torch.Tensor, feather: float | None) -> io.NodeOutput:
        feather = FEATHER if feather is None else feather
        return io.NodeOutput(difference_mask(before, after, feather))
