"""The ComfyUI nodes: one file per step a user takes. wires.py documents what travels between them."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .convert_checkpoint import ConvertCheckpoint
from .encode_prompt import EncodePrompt
from .file_descriptions import register_route
from .invert_image import InvertImage
from .load_models import LoadModels
from .sample_picture import SamplePicture
from .semantic_modulate import SemanticModulate
from .synthesize import Synthesize

NODES: list[type[io.ComfyNode]] = [
    LoadModels,
    InvertImage,
    EncodePrompt,
    SemanticModulate,
    Synthesize,
    SamplePicture,
    ConvertCheckpoint,
]


class FFCLIPExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        register_route()
        return NODES
