"""ArcFace's IR-SE50, model_ir_se50.pth: the network by which identity losses tell faces apart (Deng et al. 2019)."""

from __future__ import annotations

import math
import re

from ..errors import CheckpointError
from .canonical import Flat
from .parts import Part
from .state_dict import dimension, stages, with_counters

NAME = "ArcFace"
_MARKS = ("output_layer.3.weight", "input_layer.0.weight", "body.0.res_layer.1.weight")
_LAYERS = re.compile(r"(input_layer|body|output_layer)\..+")


def read(file: Flat) -> list[Part]:
    network = file.network(_MARKS, "identity network")
    if network is None:
        return []
    tensors = with_counters({key: value for key, value in network.tensors.items() if _LAYERS.fullmatch(key)})
    if "body.0.res_layer.5.fc1.weight" not in tensors:
        raise CheckpointError(
            "is ArcFace, which tells faces apart, without squeeze-and-excitation (IR-50 or alike): FFCLIP takes "
            "IR-SE50 (model_ir_se50.pth)"
        )
    widths, blocks = stages(tensors)
    embed_dim, inputs = (dimension(tensors, "output_layer.3.weight", axis) for axis in (0, 1))
    side = math.isqrt(inputs // widths[-1])
    architecture = {
        "embed_dim": embed_dim,
        "input_size": side << len(widths),
        "widths": widths,
        "blocks": blocks,
    }
    return [Part("identity", NAME, architecture, tensors, notes=network.notes)]
