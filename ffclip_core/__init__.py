"""FFCLIP without ComfyUI: networks, model files, edits. The functions below are the stable surface."""

from ..cuda_ops import status as operators_status
from .checkpoints import (
    build,
    load_aligner,
    load_encoder,
    load_generator,
    load_identity,
    load_image_encoder,
    load_modulator,
    load_text_encoder,
    read_parts,
    save_part,
)
from .editor import Editor
from .errors import CheckpointError, FamilyError, FFCLIPError, InputError
from .execution.kept_features import KeptFeatures
from .faces.alignment import Placement, align
from .faces.detection import find_faces
from .faces.face import Face
from .faces.fit import Fit, fit
from .faces.pasting import paste_back
from .families import EMBEDDED, Family, installed_families
from .known_words import Known
from .refinement import Refinement, refine

__all__ = [
    "EMBEDDED",
    "CheckpointError",
    "Editor",
    "FFCLIPError",
    "Face",
    "Family",
    "FamilyError",
    "Fit",
    "InputError",
    "KeptFeatures",
    "Known",
    "Placement",
    "Refinement",
    "align",
    "build",
    "find_faces",
    "fit",
    "installed_families",
    "load_aligner",
    "load_encoder",
    "load_generator",
    "load_identity",
    "load_image_encoder",
    "load_modulator",
    "load_text_encoder",
    "operators_status",
    "paste_back",
    "read_parts",
    "refine",
    "save_part",
]
