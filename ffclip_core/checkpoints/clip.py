"""CLIP's text tower: OpenAI's TorchScript archive, open_clip's and transformers' files of ViT-B/32."""

from __future__ import annotations

import re

import torch

from ..errors import CheckpointError
from .files import Contents
from .parts import Part
from .pickles import Object, as_dict, as_stored
from .state_dict import count, dimension, tensors_under
from .stored import Stored

NAME = "CLIP"
_OTHERS = {
    768: "the text encoder of CLIP ViT-L/14 (Stable Diffusion's)",
    1024: "the text encoder of OpenCLIP ViT-H/14 (Stable Diffusion 2's)",
    1280: "the text encoder of OpenCLIP ViT-bigG/14 (SDXL's second)",
}
# The patches that the image tower beside it takes tell ViT-B/32 from others with a text tower of the same width.
_PATCHES = ("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight")
_PATCH = (3, 32, 32)
_NAMES = re.compile(
    r"positional_embedding|token_embedding\.weight|text_projection|ln_final\.(weight|bias)|transformer\.resblocks\..+"
)


def detect(contents: Contents) -> bool:
    return "token_embedding.weight" in _tensors(contents)


def read(contents: Contents) -> list[Part]:
    tensors = _tensors(contents)
    width = dimension(tensors, "token_embedding.weight", 1)
    if width in _OTHERS:
        raise CheckpointError(f"is {_OTHERS[width]}: FFCLIP needs that of ViT-B/32, whose codes are 512 wide")
    if "text_projection" not in tensors:
        raise CheckpointError("is a text encoder without its projection: choose the file of the whole CLIP model")
    if any(tensors[key].shape[1:] != _PATCH for key in _PATCHES if key in tensors):
        raise CheckpointError("is another CLIP than ViT-B/32, whose text encoder FFCLIP's blocks were trained with")
    tensors = {key: tensor for key, tensor in tensors.items() if _NAMES.fullmatch(key)}
    architecture = {
        "embed_dim": dimension(tensors, "text_projection", 1),
        "width": width,
        "heads": max(width // 64, 1),
        "layers": count(tensors, "transformer.resblocks.{}.ln_1.weight"),
        "vocab_size": dimension(tensors, "token_embedding.weight", 0),
        "context_length": dimension(tensors, "positional_embedding", 0),
    }
    return [Part("text_encoder", NAME, architecture, tensors)]


def _tensors(contents: Contents) -> dict[str, Stored]:
    """All tensors by OpenAI's names."""
    tree = contents.tree
    found: dict[str, Stored] = {}
    if isinstance(tree, Object) and tree.kind.startswith("__torch__"):
        _walk(tree, "", found, set())
        return found
    tree = as_dict(tree) or {}
    found = tensors_under(tree.get("state_dict", tree))
    for prefix in ("module.", "text."):
        if any(key.startswith(prefix) and key.endswith("token_embedding.weight") for key in found):
            found = {key.removeprefix(prefix): tensor for key, tensor in found.items()}
    return _from_transformers(found) if "text_model.final_layer_norm.weight" in found else found


def _walk(module: Object, name: str, found: dict[str, Stored], seen: set[int]) -> None:
    """Collect the tensors of a TorchScript module, of each of its modules once."""
    seen.add(id(module))
    for key, value in (as_dict(module) or {}).items():
        place = f"{name}{str(key)[:60]}"
        tensor = as_stored(value)
        if tensor is not None:
            found[place] = tensor
        elif isinstance(value, Object) and id(value) not in seen:
            _walk(value, f"{place}.", found, seen)


def _from_transformers(tensors: dict[str, Stored]) -> dict[str, Stored]:
    """The tensors of transformers' CLIPModel by OpenAI's names."""
    start = "text_model."
    found = {}
    simple = {
        f"{start}embeddings.token_embedding.weight": "token_embedding.weight",
        f"{start}embeddings.position_embedding.weight": "positional_embedding",
        f"{start}final_layer_norm.weight": "ln_final.weight",
        f"{start}final_layer_norm.bias": "ln_final.bias",
    }
    inner = {
        "self_attn.out_proj": "attn.out_proj",
        "layer_norm1": "ln_1",
        "layer_norm2": "ln_2",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    }
    for key, tensor in tensors.items():
        if key in simple:
            found[simple[key]] = tensor
        elif key == "text_projection.weight" and len(tensor.shape) == 2:
            found["text_projection"] = tensor.mapped(tensor.shape[::-1], lambda value: value.T.contiguous())
        elif match := re.fullmatch(r"text_model\.encoder\.layers\.(\d{1,4})\.(.+)\.(weight|bias)", key):
            layer, what, kind = match.groups()
            if what in inner:
                found[f"transformer.resblocks.{layer}.{inner[what]}.{kind}"] = tensor
            elif what == "self_attn.q_proj":
                found[f"transformer.resblocks.{layer}.attn.in_proj_{kind}"] = _joined(tensors, key)
    return found


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
