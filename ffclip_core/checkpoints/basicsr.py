"""StyleGAN2 as BasicSR writes it (GFPGAN's 512 px FFHQ weights): the common layout under other names.

Its arithmetic is that of the common layout to the last factor. That of its "clean" variant, inside GFPGAN, is not.
"""

from __future__ import annotations

import re

from ..errors import CheckpointError
from .canonical import Flat
from .parts import Part
from .state_dict import dimension
from .stored import Stored
from .stylegan2 import generator

NAME = "StyleGAN2 (BasicSR)"
_MARKS = ("constant_input.weight", "style_conv1.modulated_conv.weight", "to_rgb1.modulated_conv.weight")
_PLACES = {"style_conv1": "conv1", "style_convs": "convs", "to_rgb1": "to_rgb1", "to_rgbs": "to_rgbs"}
_LAYER = re.compile(r"(style_conv1|style_convs\.\d{1,3}|to_rgb1|to_rgbs\.\d{1,3})\.(.+)")


def read(file: Flat) -> list[Part]:
    network = file.network(_MARKS, "generator")
    if network is None or network.prefix.endswith("stylegan_decoder."):  # GFPGAN's, which features steer.
        return []
    if "style_conv1.activate.bias" not in network.tensors:
        raise CheckpointError(
            "holds a generator of BasicSR's 'clean' or bilinear kind (that of GFPGAN), which enlarges features by "
            "interpolation and is another network than StyleGAN2's: FFCLIP lacks it"
        )
    width = dimension(network.tensors, "style_conv1.modulated_conv.modulation.weight", -1)
    tensors = dict(_renamed(key, tensor) for key, tensor in network.tensors.items())
    return [generator(tensors, file.mean_code(network.prefix, width), NAME, network.notes)]


def _renamed(key: str, tensor: Stored) -> tuple[str, Stored]:
    """A tensor by its common name."""
    if key == "constant_input.weight":
        return "input.input", tensor
    if key.startswith("style_mlp."):
        return key.replace("style_mlp.", "style.", 1), tensor
    if match := re.fullmatch(r"noises\.noise(\d{1,3})", key):
        return f"noises.noise_{match[1]}", tensor
    if match := _LAYER.fullmatch(key):
        kind, _, number = match[1].partition(".")
        place = _PLACES[kind] + (f".{number}" if number else "")
        what = match[2]
        if what == "weight":
            return f"{place}.noise.weight", tensor
        return f"{place}.{what.replace('modulated_conv.', 'conv.', 1)}", tensor
    return key, tensor
