"""FFCLIP's files: the modulation blocks and, in rosinality's layout, the generator that they were trained with.

The options in them are pickled OmegaConf objects, and there is no latent_avg.
"""

from __future__ import annotations

import re

from .canonical import Flat
from .parts import Part
from .state_dict import count, dimension

NAME = "FFCLIP"
_MARKS = ("0.q_matrix.weight", "0.attention_layer.k_matrix.weight", "0.gamma_.0.weight")
_LAYERS = re.compile(r"\d+\.((q|k|v)_matrix|attention_layer\.(q|k|v)_matrix|(gamma|beta)_\.\d+)\.(weight|bias)")
_PLACE = "att_mapper.att_mapper."


def read(file: Flat) -> list[Part]:
    network = file.network(_MARKS, "modulation network")
    if network is None:
        return []
    tensors = {_PLACE + name: tensor for name, tensor in network.tensors.items() if _LAYERS.fullmatch(name)}
    architecture = {
        "num_layers": dimension(tensors, f"{_PLACE}0.attention_layer.k_matrix.weight", 0),
        "latent_dim": dimension(tensors, f"{_PLACE}0.q_matrix.weight", 0),
        "num_blocks": count(tensors, _PLACE + "{}.q_matrix.weight"),
    }
    return [Part("modulator", NAME, architecture, tensors, notes=network.notes)]
