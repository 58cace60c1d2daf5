"""e4e's files: encoder, generator ("decoder"), latent_avg beside them (Tov et al. 2021)."""

from __future__ import annotations

import torch

from ..errors import CheckpointError
from .files import Contents
from .parts import Part
from .pickles import as_dict, as_stored
from .state_dict import count, dimension, tensors_under
from .stored import Stored
from .stylegan2 import generator, is_generator

NAME = "e4e"
_KIND = "Encoder4Editing"
_CAR_LAYERS = 16  # The published encoder for cars, alone, is for 512 px.


def detect(contents: Contents) -> bool:
    return "encoder.input_layer.0.weight" in tensors_under((as_dict(contents.tree) or {}).get("state_dict"))


def read(contents: Contents) -> list[Part]:
    tree = as_dict(contents.tree) or {}
    options = as_dict(tree.get("opts")) or {}
    latent_avg = as_stored(tree.get("latent_avg"))
    decoder = tensors_under(tree["state_dict"], "decoder.")
    parts = [generator(decoder, latent_avg, NAME)] if is_generator(decoder) else []
    tensors = tensors_under(tree["state_dict"], "encoder.")
    heads = count(tensors, "styles.{}.linear.weight")
    latent_dim = dimension(tensors, "styles.0.linear.weight", 0)
    if parts:
        layers = 2 * count(decoder, "to_rgbs.{}.conv.weight") + 2
    elif latent_avg is not None and len(latent_avg.shape) == 2 and latent_avg.shape[0] > 1:
        layers = latent_avg.shape[0]
    else:
        layers = heads
    if not 0 < layers <= heads:
        raise CheckpointError(f"is damaged: its generator has {layers} layers, but its encoder codes for {heads} only")
    # Some encoders have more heads than their generator has layers.
    spare = tuple(f"styles.{i}." for i in range(layers, heads))
    tensors = {key: value for key, value in tensors.items() if not (spare and key.startswith(spare))}
    tensors["latent_avg"] = _latent_avg(latent_avg, layers, latent_dim, options)
    widths, blocks = _body(tensors)
    side = 16 << sum(key.startswith("styles.0.convs.") and key.endswith(".weight") for key in tensors)
    kind, about = options.get("encoder_type", _KIND), options.get("dataset_type")
    if kind != _KIND and isinstance(kind, str):
        raise CheckpointError(f"is an encoder of the kind {kind[:40]!r}; FFCLIP takes e4e's, {_KIND!r}")
    cars = "cars" in about if isinstance(about, str) else layers == _CAR_LAYERS
    architecture = {
        "num_layers": layers,
        "latent_dim": latent_dim,
        "input_size": [side * 3 // 4 if cars else side, side],
        "widths": widths,
        "blocks": blocks,
        "pyramid_width": dimension(tensors, "latlayer1.weight", 0),
    }
    return [Part("encoder", NAME, architecture, tensors), *parts]


def _body(tensors: dict[str, Stored]) -> tuple[list[int], list[int]]:
    """Widths of the body's stages and how many blocks each has."""
    widths: list[int] = []
    blocks: list[int] = []
    for i in range(count(tensors, "body.{}.res_layer.1.weight")):
        width = dimension(tensors, f"body.{i}.res_layer.1.weight", 0)
        if not widths or width != widths[-1]:
            widths.append(width)
            blocks.append(0)
        blocks[-1] += 1
    if len(widths) != 4:
        raise CheckpointError(f"is no e4e encoder that FFCLIP knows: its body has {len(widths)} stages instead of 4")
    return widths, blocks


def _latent_avg(latent_avg: Stored | None, layers: int, latent_dim: int, options: dict) -> Stored:
    """latent_avg [L, D] from [D], [1, D], [L, D] or more rows than layers; zeros if the encoder was trained without."""
    if latent_avg is None:
        if options.get("start_from_latent_avg") is False:
            return Stored((layers, latent_dim), torch.float32, lambda: torch.zeros(layers, latent_dim))
        raise CheckpointError("lacks 'latent_avg', without which every inversion is wrong: download the file again")
    rows = latent_avg.shape[-2] if len(latent_avg.shape) > 1 else 1
    if (
        latent_avg.shape[-1:] != (latent_dim,)
        or not rows
        or 1 < rows < layers
        or any(n != 1 for n in latent_avg.shape[:-2])
    ):
        raise CheckpointError(f"is damaged: its latent_avg has the shape {list(latent_avg.shape)}; get the file again")
    shape = (layers, latent_dim)
    return latent_avg.mapped(shape, lambda tensor: tensor.reshape(rows, latent_dim)[:layers].expand(shape).clone())
