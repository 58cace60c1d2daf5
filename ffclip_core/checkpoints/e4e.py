"""Encoders of e4e and pSp, with latent_avg in the file beside them (Tov et al. 2021; Richardson et al. 2021)."""

from __future__ import annotations

import math
import re

import torch

from ..errors import CheckpointError
from .canonical import Flat, left_aside
from .parts import Part
from .state_dict import count, dimension, stages, with_counters
from .stored import Stored
from .stylegan2 import MARKS

NAME, PSP = "e4e", "pSp"
_MARKS = ("input_layer.0.weight", "body.0.res_layer.1.weight", "styles.0.linear.weight")
_LAYERS = re.compile(r"(input_layer|body|styles|latlayer1|latlayer2|top)\..+")
_KINDS = {"Encoder4Editing": NAME, "GradualStyleEncoder": PSP}
# How the programs call their encoders, wherever a file's settings say it.
_KIND = re.compile(
    r"\b(Encoder4Editing|GradualStyleEncoder|\w*BackboneEncoder\w*|SingleStyleCodeEncoder|EncoderInto\w+)\b"
)
_CAR_LAYERS = 16  # The published encoder for cars, alone, is for 512 px.


def read(file: Flat) -> list[Part]:
    network = file.network(_MARKS, "encoder")
    if network is None:
        _refuse_other_encoders(file)
        return []
    options = file.settings_of(network.prefix)
    kind, about = options.get("encoder_type"), options.get("dataset_type")
    told = () if isinstance(kind, str) else tuple(sorted(file.words(_KIND)))
    if len(told) == 1:
        (kind,) = told
    if isinstance(kind, str) and kind not in _KINDS:
        raise CheckpointError(f"is an encoder of the kind {kind[:40]!r}; FFCLIP takes {' or '.join(map(repr, _KINDS))}")
    if len(told) > 1:
        raise CheckpointError(f"says that its encoder is of several kinds ({', '.join(told)[:120]})")
    tensors = {key: value for key, value in network.tensors.items() if _LAYERS.fullmatch(key)}
    if "latlayer1.weight" not in tensors:
        raise CheckpointError(
            "is an encoder without a pyramid of features, as ReStyle's ProgressiveBackboneEncoder: FFCLIP takes e4e's "
            "and pSp's"
        )
    colours = dimension(tensors, "input_layer.0.weight", 1)
    if colours != 3:
        what = "a picture and the last result, as ReStyle's" if colours == 6 else "labels or sketches, as some of pSp's"
        raise CheckpointError(f"is an encoder of {colours} channels ({what}); FFCLIP takes one of pictures in RGB (3)")
    heads = count(tensors, "styles.{}.linear.weight")
    latent_dim = dimension(tensors, "styles.0.linear.weight", 0)
    latent_avg = file.mean_code(network.prefix, latent_dim)
    # Its own decoder stands beside it, whatever other generators the file holds.
    decoders = file.places(MARKS)
    decoder = next((place for place in decoders if _around(place) == _around(network.prefix)), None)
    decoder = decoder if decoder is not None else next(iter(decoders), None)
    rows = math.prod(latent_avg.shape[:-1]) if latent_avg is not None else 1
    if decoder is not None:
        layers = 2 * count(file.below(decoder), "to_rgbs.{}.conv.weight") + 2
        latent_avg = latent_avg or file.mean_code(decoder, latent_dim)
    elif rows > 1:
        layers = rows
    else:
        layers = heads
    if not 0 < layers <= heads:
        raise CheckpointError(
            f"holds a generator of {layers} layers, but an encoder for {heads} only: they are of different sizes"
        )
    # Some encoders have more heads than their generator has layers.
    spare = tuple(f"styles.{i}." for i in range(layers, heads))
    tensors = {key: value for key, value in tensors.items() if not (spare and key.startswith(spare))}
    tensors = with_counters(tensors)
    tensors["latent_avg"] = _latent_avg(latent_avg, layers, latent_dim, options)
    widths, blocks = stages(tensors)
    if len(widths) != 4:
        raise CheckpointError(f"is no e4e encoder that FFCLIP knows: its body has {len(widths)} stages instead of 4")
    side = 16 << sum(key.startswith("styles.0.convs.") and key.endswith(".weight") for key in tensors)
    cars = "cars" in about if isinstance(about, str) else layers == _CAR_LAYERS
    architecture = {
        "num_layers": layers,
        "latent_dim": latent_dim,
        "input_size": [side * 3 // 4 if cars else side, side],
        "widths": widths,
        "blocks": blocks,
        "pyramid_width": dimension(tensors, "latlayer1.weight", 0),
    }
    layout = _KINDS.get(kind, NAME) if isinstance(kind, str) else NAME
    if layout == PSP:
        architecture["deltas"] = False
    notes = network.notes + left_aside(network.tensors.keys() - tensors.keys())
    if not isinstance(kind, str):
        notes += ("the file does not say whether its encoder is e4e's or pSp's, so it was taken as e4e's",)
    return [Part("encoder", layout, architecture, tensors, notes=notes)]


def _refuse_other_encoders(file: Flat) -> None:
    """Raise CheckpointError for an encoder with the same body that codes for w, or otherwise than by heads."""
    for place in file.places(_MARKS[:2]):
        if any(key.startswith(("linear.", "output_layer_2.")) for key in file.below(place)):
            raise CheckpointError(
                "holds an encoder into W (one code for all layers); FFCLIP takes e4e's and pSp's, into W+"
            )


def _around(prefix: str) -> str:
    """The place of what surrounds a network."""
    return prefix.rstrip(".").rpartition(".")[0]


def _latent_avg(latent_avg: Stored | None, layers: int, latent_dim: int, options: dict) -> Stored:
    """latent_avg [L, D] from [D], [L, D] or more rows than layers, with axes of one between; zeros if the encoder was
    trained without."""
    shape = (layers, latent_dim)
    if options.get("start_from_latent_avg") is False:
        return Stored(shape, torch.float32, lambda: torch.zeros(shape, dtype=torch.float32, device="cpu"))
    if latent_avg is None:
        raise CheckpointError(
            "lacks 'latent_avg', the mean code that its encoder's codes are counted from and without which every "
            "inversion is wrong: get the whole file, where it stands beside the weights"
        )
    rows = math.prod(latent_avg.shape[:-1])
    if latent_avg.shape[-1:] != (latent_dim,) or 1 < rows < layers or sum(n != 1 for n in latent_avg.shape[:-1]) > 1:
        raise CheckpointError(f"has a latent_avg of the shape {list(latent_avg.shape)}, which fits no {layers} layers")
    return latent_avg.mapped(shape, lambda tensor: tensor.reshape(rows, latent_dim)[:layers].expand(shape).clone())
