"""The tensors of transformers' CLIPModel by OpenAI's names."""

from __future__ import annotations

import re

import torch

from ..errors import CheckpointError
from .state_dict import dimension
from .stored import Stored

_TEXT = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight",
    "final_layer_norm.bias": "ln_final.bias",
}
_IMAGE = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.weight": "conv1.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "pre_layrnorm.weight": "ln_pre.weight",  # Spelled so.
    "pre_layrnorm.bias": "ln_pre.bias",
    "post_layernorm.weight": "ln_post.weight",
    "post_layernorm.bias": "ln_post.bias",
}
_INNER = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def text_tower(tensors: dict[str, Stored], projection: Stored | None) -> dict[str, Stored]:
    """Of the tensors below "text_model.", and text_projection.weight."""
    return _tower(tensors, _TEXT) | _transposed("text_projection", projection)


def image_tower(tensors: dict[str, Stored], projection: Stored | None) -> dict[str, Stored]:
    """Of the tensors below "vision_model.", and visual_projection.weight; without "visual."."""
    return _tower(tensors, _IMAGE) | _transposed("proj", projection)


def _tower(tensors: dict[str, Stored], simple: dict[str, str]) -> dict[str, Stored]:
    found = {}
    for key, tensor in tensors.items():
        if key in simple:
            found[simple[key]] = tensor
        elif match := re.fullmatch(r"encoder\.layers\.(\d{1,4})\.(.+)\.(weight|bias)", key):
            layer, what, kind = match.groups()
            if what in _INNER:
                found[f"transformer.resblocks.{layer}.{_INNER[what]}.{kind}"] = tensor
            elif what == "self_attn.q_proj":
                found[f"transformer.resblocks.{layer}.attn.in_proj_{kind}"] = _joined(tensors, key)
    return found


def _transposed(name: str, weight: Stored | None) -> dict[str, Stored]:
    if weight is None or len(weight.shape) != 2:
        return {}
    return {name: weight.mapped(weight.shape[::-1], lambda value: value.T.contiguous())}


def _joined(tensors: dict[str, Stored], query: str) -> Stored:
    """Query, key and value projections below each other."""
    parts = []
    for letter in "qkv":
        key = query.replace("q_proj", f"{letter}_proj")
        dimension(tensors, key, 0)
        parts.append(tensors[key])
        if (parts[-1].shape, parts[-1].dtype) != (parts[0].shape, parts[0].dtype):
            raise CheckpointError(f"is damaged: '{key}' does not go with its neighbours; get the file again")
    first = parts[0].shape
    return Stored((3 * first[0], *first[1:]), parts[0].dtype, lambda: torch.cat([part.read() for part in parts]))
