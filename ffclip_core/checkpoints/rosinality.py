"""StyleGAN2 in the common PyTorch layout (stylegan2-*.pt): g_ema, often latent_avg, perhaps a training's state.

The same names of tensors stand in files of e4e (as "decoder"), FFCLIP, StyleCLIP and others.
"""

from __future__ import annotations

from .canonical import Flat
from .parts import Part
from .state_dict import dimension
from .stylegan2 import MARKS, generator

NAME = "StyleGAN2 (rosinality's layout)"


def read(file: Flat) -> list[Part]:
    network = file.network(MARKS, "generator")
    if network is None or any(key.startswith("ecd0.") for key in file.below(network.prefix.removesuffix("generator."))):
        return []  # GPEN's generator takes features beside noise.
    width = dimension(network.tensors, "conv1.conv.modulation.weight", -1)
    return [generator(network.tensors, file.mean_code(network.prefix, width), NAME, network.notes)]
