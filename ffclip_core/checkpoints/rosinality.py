"""StyleGAN2 in the common PyTorch layout (stylegan2-*.pt): g_ema, often latent_avg, perhaps a training's state."""

from __future__ import annotations

from .files import Contents
from .parts import Part
from .pickles import as_dict, as_stored
from .state_dict import tensors_under
from .stored import Stored
from .stylegan2 import generator, is_generator

NAME = "StyleGAN2 (rosinality's layout)"


def detect(contents: Contents) -> bool:
    return bool(_weights(contents))


def read(contents: Contents) -> list[Part]:
    tree = as_dict(contents.tree) or {}
    return [generator(_weights(contents), as_stored(tree.get("latent_avg")), NAME)]


def _weights(contents: Contents) -> dict[str, Stored]:
    tree = as_dict(contents.tree) or {}
    for value in (tree.get("g_ema"), tree):
        tensors = tensors_under(value)
        if is_generator(tensors):
            return tensors
    return {}
