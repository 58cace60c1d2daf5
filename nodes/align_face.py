"""Align Face: picture → faces upright in the encoder's frame, and where they were."""

from __future__ import annotations

from typing import Any

import comfy.model_management
import numpy as np
import torch
from comfy_api.latest import io
from PIL import ImageDraw

from ..ffclip_core import align
from ..ffclip_core.errors import InputError
from ..ffclip_core.faces.in_place import choose
from ..ffclip_core.pictures import check_pictures
from .faces_of import chosen, find_input, found, given, which_input
from .messages import told
from .previews import as_pil
from .schema import supported
from .values import whole_number
from .wires import CATEGORY, Placed, PlacementWire

LandmarksWire = io.Custom("FACE_LANDMARKS")


class AlignFace(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPAlignFace",
            display_name="Align Face",
            category=CATEGORY,
            search_aliases=[
                "face detection",
                "FFHQ",
                "crop face",
                "find faces",
                "face landmarks",
                "portrait",
                "avatar",
            ],
            description="Finds faces and cuts them out upright, in the frame that the encoder knows (FFHQ's for "
            "photographs). Paste Face Back puts what was changed into the picture again.",
            inputs=[
                io.Image.Input("image", tooltip="Pictures of any size. Those without a face are left out, and told."),
                which_input(),
                io.Int.Input(
                    "size",
                    default=256,
                    min=32,
                    max=2048,
                    step=32,
                    tooltip="The crop's side in px. Encoders take 256 (the embedded one 64) and make larger ones "
                    "smaller.",
                ),
                find_input(),
                supported(
                    io.String.Input,
                    "points",
                    default="",
                    advanced=True,
                    tooltip="A face given by hand: x and y in px of both eyes and then of both corners of the mouth, "
                    "such as 203,101 247,104 204,142 244,143. Nothing is looked for then.",
                ),
                LandmarksWire.Input(
                    "landmarks", optional=True, tooltip="Faces that ComfyUI's Face Landmarker found in these pictures."
                ),
            ],
            outputs=[
                io.Image.Output(display_name="crop", tooltip="The faces, from left to right, picture by picture."),
                PlacementWire.Output(display_name="placement", tooltip="Where they were, for Paste Face Back."),
                io.Image.Output(display_name="preview", tooltip="The pictures with points and frames drawn in."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        faces: str | None,
        size: int | None,
        find: str | None = None,
        points: str | None = None,
        landmarks: Any = None,
    ) -> io.NodeOutput:
        image, which, size = check_pictures(image), chosen(faces), whole_number(size, 256, "The size")
        by_picture = given(points, landmarks, len(image))
        if by_picture is None:
            by_picture = found(image, find)
        crops, items = [], []
        for i, of_picture in enumerate(by_picture):
            comfy.model_management.throw_exception_if_processing_interrupted()
            for number in choose(of_picture, which):
                crop, placement = align(image[i : i + 1], of_picture[number], size)
                crops.append(crop)
                items.append((i, placement))
        if not items:
            raise InputError(_none(by_picture, faces))
        without = len(image) - len({i for i, _ in items})
        said = f"{len(items)} of {sum(map(len, by_picture))} faces in {len(image)} pictures." + (
            f" {without} pictures without one are left out." if without else ""
        )
        placed = Placed(tuple(items), len(image))
        return io.NodeOutput(torch.cat(crops), placed, _preview(image, by_picture, placed), ui=told(said))


def _none(by_picture: list[list[Any]], faces: Any) -> str:
    if any(by_picture):
        most = max(map(len, by_picture))
        return f"There is no face {faces!r}: the pictures have at most {most}; choose another."
    return (
        "No face was found: it has to be some 16 px wide at least and seen from the front; choose another picture, "
        "what is looked for, or give the eyes and the corners of the mouth as points."
    )


def _preview(image: torch.Tensor, by_picture: list[list[Any]], placed: Placed) -> torch.Tensor:
    """The pictures with every face's points, and the frames of those that were cut out."""
    result = image[..., :3].expand(-1, -1, -1, 3).float().clamp(0, 1).clone()
    width = max(2, round(max(image.shape[1:3]) / 250))
    for i, faces in enumerate(by_picture):
        picture = as_pil(result[i])
        draw = ImageDraw.Draw(picture)
        for face in faces:
            for x, y in face.points.tolist():
                draw.ellipse((x - width, y - width, x + width, y + width), fill="#00e5ff", outline="black")
        for at, placement in placed.items:
            if at == i:
                corners = [tuple(corner) for corner in placement.corners().tolist()]
                draw.line([*corners, corners[0]], fill="#ffb300", width=width)
        result[i] = torch.from_numpy(np.asarray(picture, np.float32) / 255)
    return result
