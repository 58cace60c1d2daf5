"""FFCLIP's files: the modulation blocks and the generator that they were trained with.

The options in them are pickled OmegaConf objects, and there is no latent_avg.
"""

from __future__ import annotations

import re

from .files import Contents
from .parts import Part
from .pickles import as_dict
from .state_dict import count, dimension, tensors_under
from .stored import Stored
from .stylegan2 import generator, is_generator

NAME = "FFCLIP"
_BLOCKS = "att_mapper.att_mapper."
_UNUSED = re.compile(r"att_mapper\.att_mapper\.\d+\.fc\.(weight|bias)")


def detect(contents: Contents) -> bool:
    return f"{_BLOCKS}0.q_matrix.weight" in _tensors(contents)


def read(contents: Contents) -> list[Part]:
    tensors = _tensors(contents)
    blocks = {key: value for key, value in tensors.items() if key.startswith(_BLOCKS) and not _UNUSED.fullmatch(key)}
    architecture = {
        "num_layers": dimension(blocks, f"{_BLOCKS}0.attention_layer.k_matrix.weight", 0),
        "latent_dim": dimension(blocks, f"{_BLOCKS}0.q_matrix.weight", 0),
        "num_blocks": count(blocks, _BLOCKS + "{}.q_matrix.weight"),
    }
    drawing = tensors_under(tensors, "generator.")
    parts = [generator(drawing, None, NAME)] if is_generator(drawing) else []
    return [Part("modulator", NAME, architecture, blocks), *parts]


def _tensors(contents: Contents) -> dict[str, Stored]:
    tree = as_dict(contents.tree) or {}
    tensors = tensors_under(tree.get("state_dict", tree))
    return {key.removeprefix("module."): value for key, value in tensors.items()}
