"""CLIP's text and image towers: OpenAI's TorchScript archive, open_clip's and transformers' files of ViT-B/32."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import CheckpointError
from . import transformers_clip
from .canonical import Flat
from .clip_kinds import other_clip
from .parts import Part
from .state_dict import count, dimension, with_counters
from .stored import Stored

NAME = "CLIP"
_TEXT_MARKS = ("token_embedding.weight", "positional_embedding", "ln_final.weight")
_TRANSFORMERS_TEXT_MARKS = ("text_model.embeddings.token_embedding.weight", "text_model.final_layer_norm.weight")
_VIT_MARKS = ("class_embedding", "ln_pre.weight", "conv1.weight")
_RESNET_MARKS = ("attnpool.q_proj.weight", "layer1.0.conv1.weight", "conv1.weight")
_TRANSFORMERS_IMAGE_MARKS = ("embeddings.class_embedding", "embeddings.patch_embedding.weight")
_ALONE = {
    "SigLIP's text encoder": ("embeddings.token_embedding.weight", "final_layer_norm.weight", "head.weight"),
    "a text encoder without its projection": ("embeddings.token_embedding.weight", "final_layer_norm.weight"),
}
"""Pieces of CLIP's kin by names that they have."""
_TEXT_NAMES = re.compile(
    r"positional_embedding|token_embedding\.weight|text_projection|ln_final\.(weight|bias)|transformer\.resblocks\..+"
)
_IMAGE_NAMES = re.compile(
    r"class_embedding|positional_embedding|proj|ln_(pre|post)\.(weight|bias)|transformer\.resblocks\..+"
    r"|(conv|bn)[123]\..+|layer[1234]\..+|attnpool\..+"
)
_FULL_SCALE = Stored((), torch.float32, lambda: torch.full((), math.log(100), dtype=torch.float32, device="cpu"))


@dataclass(frozen=True)
class _Tower:
    """Its tensors by OpenAI's names, and what stands before the names of the CLIP that it is of."""

    root: str
    tensors: dict[str, Stored]
    notes: tuple[str, ...]


def read(file: Flat) -> list[Part]:
    text, image = _text_tower(file), _image_tower(file)
    if text is None and image is None:
        alone = next((what for what, marks in _ALONE.items() if file.places(marks)), None)
        if alone:
            raise CheckpointError(f"is {alone}: choose the file of the whole CLIP ViT-B/32")
        return []
    for root in dict.fromkeys(tower.root for tower in (text, image) if tower):
        towers = [tower.tensors if tower and tower.root == root else {} for tower in (text, image)]
        other = other_clip(file.below(root), *towers)
        if other:
            raise CheckpointError(
                f"is of another CLIP ({other}): FFCLIP needs ViT-B/32, with whose texts its blocks were trained"
            )
    parts = [_text_encoder(text)] if text else []
    return [*parts, _image_encoder(image, file.below(image.root))] if image else parts


def _text_tower(file: Flat) -> _Tower | None:
    if network := file.network(_TEXT_MARKS, "text encoder"):
        return _Tower(network.prefix.removesuffix("text."), network.tensors, network.notes)
    if network := file.network(_TRANSFORMERS_TEXT_MARKS, "text encoder"):
        tensors = file.below(f"{network.prefix}text_model.")
        projection = network.tensors.get("text_projection.weight")
        return _Tower(network.prefix, transformers_clip.text_tower(tensors, projection), network.notes)
    return None


def _image_tower(file: Flat) -> _Tower | None:
    """Without "visual." before the names."""
    for marks in (_VIT_MARKS, _RESNET_MARKS):
        if network := file.network(marks, "image encoder"):
            return _Tower(network.prefix.removesuffix("visual."), network.tensors, network.notes)
    if network := file.network(_TRANSFORMERS_IMAGE_MARKS, "image encoder"):
        root = network.prefix.removesuffix("vision_model.")
        projection = file.tensors.get(f"{root}visual_projection.weight")
        return _Tower(root, transformers_clip.image_tower(network.tensors, projection), network.notes)
    return None


def _text_encoder(tower: _Tower) -> Part:
    tensors = {key: tensor for key, tensor in tower.tensors.items() if _TEXT_NAMES.fullmatch(key)}
    if "text_projection" not in tensors:
        raise CheckpointError("is a text encoder without its projection: choose the file of the whole CLIP ViT-B/32")
    width = dimension(tensors, "token_embedding.weight", 1)
    architecture = {
        "embed_dim": dimension(tensors, "text_projection", 1),
        "width": width,
        "heads": max(width // 64, 1),
        "layers": count(tensors, "transformer.resblocks.{}.ln_1.weight"),
        "vocab_size": dimension(tensors, "token_embedding.weight", 0),
        "context_length": dimension(tensors, "positional_embedding", 0),
    }
    return Part("text_encoder", NAME, architecture, tensors, notes=tower.notes)


def _image_encoder(tower: _Tower, around: dict[str, Stored]) -> Part:
    tensors = {key: tensor for key, tensor in tower.tensors.items() if _IMAGE_NAMES.fullmatch(key)}
    architecture = _residual_network(tensors) if "attnpool.q_proj.weight" in tensors else _transformer(tensors)
    tensors = {f"visual.{key}": tensor for key, tensor in with_counters(tensors).items()}
    notes = tower.notes
    scale = around.get("logit_scale")
    if scale is None:
        notes += ("the file does not say what CLIP multiplies its cosines by, so 100 was taken (ViT-B/32's)",)
    tensors["logit_scale"] = _FULL_SCALE if scale is None else scale.reshaped()
    return Part("image_encoder", NAME, architecture, tensors, notes=notes)


def _transformer(tensors: dict[str, Stored]) -> dict[str, Any]:
    if "proj" not in tensors:
        raise CheckpointError("is an image encoder without its projection: choose the file of the whole CLIP ViT-B/32")
    width, patch = dimension(tensors, "conv1.weight", 0), dimension(tensors, "conv1.weight", -1)
    return {
        "embed_dim": dimension(tensors, "proj", 1),
        "image_size": patch * _side(dimension(tensors, "positional_embedding", 0)),
        "patch_size": patch,
        "width": width,
        "heads": max(width // 64, 1),
        "layers": count(tensors, "transformer.resblocks.{}.ln_1.weight"),
    }


def _residual_network(tensors: dict[str, Stored]) -> dict[str, Any]:
    width = dimension(tensors, "layer1.0.conv1.weight", 0)
    return {
        "embed_dim": dimension(tensors, "attnpool.c_proj.weight", 0),
        "image_size": 32 * _side(dimension(tensors, "attnpool.positional_embedding", 0)),
        "width": width,
        "heads": max(width // 2, 1),  # Of 64 channels each, of 32 times the width.
        "layers": [count(tensors, f"layer{i}.{{}}.conv1.weight") for i in (1, 2, 3, 4)],
    }


def _side(positions: int) -> int:
    """Of a square of so many positions but one."""
    side = math.isqrt(max(positions - 1, 0))
    if not side or side**2 != positions - 1:
        raise CheckpointError(f"is an image encoder of {positions} positions, which are no square and one: get another")
    return side
