"""CLIP's text tower: OpenAI's TorchScript archive, open_clip's and transformers' files of ViT-B/32."""

from __future__ import annotations

import re

import torch

from ..errors import CheckpointError
from .canonical import Flat
from .parts import Part
from .state_dict import count, dimension
from .stored import Stored

NAME = "CLIP"
_OTHERS = {
    768: "the text encoder of CLIP ViT-L/14 (Stable Diffusion's)",
    1024: "the text encoder of OpenCLIP ViT-H/14 (Stable Diffusion 2's)",
    1280: "the text encoder of OpenCLIP ViT-bigG/14 (SDXL's second)",
}
_MARKS = ("token_embedding.weight", "positional_embedding", "ln_final.weight")
_TRANSFORMERS_MARKS = ("text_model.embeddings.token_embedding.weight", "text_model.final_layer_norm.weight")
_NAMES = re.compile(
    r"positional_embedding|token_embedding\.weight|text_projection|ln_final\.(weight|bias)|transformer\.resblocks\..+"
)
# ViT-B/32: what its text tower and the image tower beside it measure. Others have a text tower of the same width.
_WIDTH, _EMBEDDING, _TOKENS, _VOCABULARY, _LAYERS = 512, 512, 77, 49408, 12
_PATCH, _IMAGE_WIDTH, _POSITIONS = (3, 32, 32), 768, 50


def read(file: Flat) -> list[Part]:
    network = file.network(_MARKS, "text encoder")
    tensors = network.tensors if network else {}
    if network is None:
        network = file.network(_TRANSFORMERS_MARKS, "text encoder")
        tensors = _from_transformers(network.tensors) if network else {}
    if network is None:
        return []
    width = dimension(tensors, "token_embedding.weight", 1)
    if width in _OTHERS:
        raise CheckpointError(f"is {_OTHERS[width]}: FFCLIP needs that of ViT-B/32, whose codes are 512 wide")
    around = file.below(network.prefix.removesuffix("text."))
    other = _other_image_tower(around, width) or (_other_text_tower(around, tensors) if width == _WIDTH else None)
    if other:
        raise CheckpointError(
            f"is the text encoder of another CLIP ({other}): FFCLIP needs that of ViT-B/32, which its blocks were "
            "trained with"
        )
    if "text_projection" not in tensors:
        raise CheckpointError("is a text encoder without its projection: choose the file of the whole CLIP model")
    tensors = {key: tensor for key, tensor in tensors.items() if _NAMES.fullmatch(key)}
    architecture = {
        "embed_dim": dimension(tensors, "text_projection", 1),
        "width": width,
        "heads": max(width // 64, 1),
        "layers": count(tensors, "transformer.resblocks.{}.ln_1.weight"),
        "vocab_size": dimension(tensors, "token_embedding.weight", 0),
        "context_length": dimension(tensors, "positional_embedding", 0),
    }
    return [Part("text_encoder", NAME, architecture, tensors, notes=network.notes)]


def _other_text_tower(around: dict[str, Stored], tensors: dict[str, Stored]) -> str | None:
    """Which CLIP a text tower as wide as ViT-B/32's belongs to, if not to that, as far as it tells."""
    tokens, vocabulary = tensors["positional_embedding"].shape[0], tensors["token_embedding.weight"].shape[0]
    layers = count(tensors, "transformer.resblocks.{}.ln_1.weight")
    projection = tensors.get("text_projection")
    if any(key.startswith("text_decoder.") for key in around) or "cls_emb" in tensors:
        return "CoCa"
    if "logit_bias" in around:
        return "SigLIP"
    if tokens != _TOKENS or "positional_embedding_res" in tensors:
        return f"of {tokens} tokens, as LongCLIP"
    if vocabulary != _VOCABULARY:
        return f"of {vocabulary:,} words, as those of many languages"
    if layers != _LAYERS:
        return f"of {layers} layers"
    if projection is not None and projection.shape[-1:] != (_EMBEDDING,):
        return f"with codes {projection.shape[-1]} wide, as RN50's"
    return None


def _other_image_tower(around: dict[str, Stored], width: int) -> str | None:
    """Which CLIP an image tower belongs to, if not to ViT-B/32."""
    if any(key.startswith(("visual.trunk.", "image_encoder.")) for key in around):
        return "with an image tower of timm: ConvNeXt, MobileCLIP or the like"
    if any(key.startswith(("visual.blocks.", "visual.patch_embed.")) for key in around):
        return "EVA"
    if any(key.startswith("visual.layer1.") for key in around):
        return "with a ResNet as its image tower: RN50, RN101 or larger"
    patches = around.get("visual.conv1.weight") or around.get("vision_model.embeddings.patch_embedding.weight")
    if patches is not None and patches.shape[1:] != _PATCH:
        return f"ViT with patches of {patches.shape[-1]} px instead of 32"
    if patches is not None and width == _WIDTH and patches.shape[0] != _IMAGE_WIDTH:
        return f"with an image tower {patches.shape[0]} wide, as ViT-S/32's or ViT-M/32's"
    positions = around.get("visual.positional_embedding") or around.get(
        "vision_model.embeddings.position_embedding.weight"
    )
    if positions is not None and width == _WIDTH and positions.shape[0] != _POSITIONS:
        return "ViT-B/32 for larger pictures"
    return None


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
