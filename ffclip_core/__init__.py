"""FFCLIP without ComfyUI: networks, model files, edits. The functions below are the stable surface."""

from .checkpoints import load_encoder, load_generator, load_modulator, load_text_encoder, save_part
from .editor import EMBEDDED, Editor
from .errors import CheckpointError, FamilyError, FFCLIPError, InputError

__all__ = [
    "EMBEDDED",
    "CheckpointError",
    "Editor",
    "FFCLIPError",
    "FamilyError",
    "InputError",
    "load_encoder",
    "load_generator",
    "load_modulator",
    "load_text_encoder",
    "save_part",
]
