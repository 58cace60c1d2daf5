"""Convert FFCLIP Checkpoint: a published file → FFCLIP's own .safetensors."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..ffclip_core import read_parts
from ..ffclip_core.checkpoints.convert import DTYPES, convert, targets
from ..ffclip_core.errors import CheckpointError, InputError, sendable
from . import model_files
from .messages import told
from .schema import supported
from .wires import CATEGORY

NOTHING = "(no file found)"


class ConvertCheckpoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        files = [*model_files.files()] or [NOTHING]
        return supported(
            io.Schema,
            node_id="FFCLIPConvertCheckpoint",
            display_name="Convert FFCLIP Checkpoint",
            category=CATEGORY,
            search_aliases=["safetensors", "e4e", "StyleGAN2", "pkl", "pt", "checkpoint", "CLIP"],
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
                    tooltip="Replace files of the same names. Off, the node stops with a message where another one is.",
                ),
            ],
            outputs=[io.String.Output(display_name="files", tooltip="The paths of the files that were written.")],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str | None, dtype: str | None, overwrite: bool | None) -> list[object]:
        """Runs again where the source was replaced, or a result was deleted."""
        try:
            source = model_files.find_file(file)
            return [(path.stat().st_mtime_ns, path.stat().st_size) for path in (source, *targets(source, _folder()))]
        except (CheckpointError, OSError):
            return [float("nan")]  # Equal to nothing, not even to itself.

    @classmethod
    def validate_inputs(cls, file: str | None = None) -> bool:
        """As of Load FFCLIP Models: execute() says what is wrong with a file."""
        return True

    @classmethod
    def execute(cls, file: str | None, dtype: str | None, overwrite: bool | None) -> io.NodeOutput:
        if file is None or file == NOTHING:
            raise InputError("There is no model file: put one into models/ffclip and reload the page.")
        path = model_files.find_file(file)
        parts = read_parts(path)
        written = convert(path, _folder(), dtype or "float16", bool(overwrite))
        about = "; ".join(part.describe() for part in parts.values())
        names = ", ".join(target.name for target in written)
        notes = [note for part in parts.values() for note in part.notes]
        return io.NodeOutput(sendable("\n".join(map(str, written))), ui=told(f"{file} ({about}) → {names}", *notes))


def _folder() -> Path:
    return Path(folder_paths.get_folder_paths("ffclip")[0])
