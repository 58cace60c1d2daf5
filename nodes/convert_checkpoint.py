"""Convert FFCLIP Checkpoint: a published file → FFCLIP's own .safetensors."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..ffclip_core.checkpoints import read_parts
from ..ffclip_core.checkpoints.convert import DTYPES, convert
from ..ffclip_core.errors import InputError
from . import model_files
from .messages import tell_user
from .wires import CATEGORY

NOTHING = "(no file found)"


class ConvertCheckpoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        files = model_files.files() or [NOTHING]
        return io.Schema(
            node_id="FFCLIPConvertCheckpoint",
            display_name="Convert FFCLIP Checkpoint",
            category=CATEGORY,
            description="Writes each part of a published file (e4e, FFCLIP, StyleGAN2, CLIP) as a .safetensors file "
            "into models/ffclip: smaller, quicker to load, and nothing in it can run code.",
            is_output_node=True,
            inputs=[
                io.Combo.Input(
                    "file",
                    options=files,
                    default=files[0],
                    tooltip="A file in models/ffclip, models/e4e or models/stylegan.",
                ),
                io.Combo.Input(
                    "dtype",
                    options=list(DTYPES),
                    default="float16",
                    tooltip="float16 halves the file at a small loss of exactness; float32 keeps every bit.",
                ),
                io.Boolean.Input(
                    "overwrite",
                    default=False,
                    tooltip="Replace files of the same names. Off, the node stops with a message where one exists.",
                ),
            ],
            outputs=[io.String.Output(display_name="files", tooltip="The paths of the files that were written.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, file: str, dtype: str, overwrite: bool) -> io.NodeOutput:
        if file == NOTHING:
            raise InputError("There is no model file: put one into models/ffclip and reload the page.")
        path = model_files.find_file(file)
        told = "; ".join(part.describe() for part in read_parts(path).values())
        written = convert(path, Path(folder_paths.get_folder_paths("ffclip")[0]), dtype, overwrite)
        tell_user(
            cls.hidden.unique_id if cls.hidden else None,
            f"{file} ({told}) → {', '.join(target.name for target in written)}",
        )
        return io.NodeOutput("\n".join(map(str, written)))
