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
_WIDTHS = {
    768: "ViT-L/14 (Stable Diffusion's) or another of its size",
    1024: "OpenCLIP ViT-H/14 (Stable Diffusion 2's) or another of its size",
    1280: "OpenCLIP ViT-bigG/14 (SDXL's second) or another of its size",
}
"""Of other text towers."""
_IMAGE_TOWERS = {
    (1024, 14): "ViT-L/14 (Stable Diffusion's)",
    (1280, 14): "OpenCLIP ViT-H/14 (Stable Diffusion 2's)",
    (1664, 14): "OpenCLIP ViT-bigG/14 (SDXL's second)",
    (768, 16): "ViT-B/16",
}
"""By their widths and patches in px."""
_TRUNKS = {
    r"stages\.\d+\.blocks\.\d+\.conv_dw\.": "ConvNeXt",
    r".*\.token_mixer\.|patch_embed\.backbone\.": "MobileCLIP",
    r"blocks\.0\.attn\.(q_proj|q_bias)": "EVA or alike",
}
"""Image towers of timm, by what only they have."""
_MARKS = ("token_embedding.weight", "positional_embedding", "ln_final.weight")
_TRANSFORMERS_MARKS = ("text_model.embeddings.token_embedding.weight", "text_model.final_layer_norm.weight")
_ALONE = {
    "CLIP's image tower without its text encoder": ("embeddings.class_embedding", "embeddings.patch_embedding.weight"),
    "an image tower of CLIP without its text encoder": ("class_embedding", "ln_pre.weight", "conv1.weight"),
    "SigLIP's text encoder": ("embeddings.token_embedding.weight", "final_layer_norm.weight", "head.weight"),
    "a text encoder without its projection": ("embeddings.token_embedding.weight", "final_layer_norm.weight"),
}
"""Pieces of CLIP and its kin by names that they have."""
_NAMES = re.compile(
    r"positional_embedding|token_embedding\.weight|text_projection|ln_final\.(weight|bias)|transformer\.resblocks\..+"
)
# ViT-B/32: what its text tower and the image tower beside it measure. Others have a text tower of the same width.
# A network that is narrower than any that is published (TinyCLIP's is 256 wide) is somebody's own.
_SMALLEST_WIDTH = 256
_WIDTH, _EMBEDDING, _TOKENS, _VOCABULARY, _LAYERS = 512, 512, 77, 49408, 12
_PATCH, _IMAGE_WIDTH, _POSITIONS = 32, 768, 50


def read(file: Flat) -> list[Part]:
    network = file.network(_MARKS, "text encoder")
    tensors = network.tensors if network else {}
    if network is None:
        network = file.network(_TRANSFORMERS_MARKS, "text encoder")
        tensors = _from_transformers(network.tensors) if network else {}
    if network is None:
        alone = next((what for what, marks in _ALONE.items() if file.places(marks)), None)
        if alone:
            raise CheckpointError(f"is {alone}: choose the file of the whole CLIP ViT-B/32")
        return []
    width = dimension(tensors, "token_embedding.weight", 1)
    own = width < _SMALLEST_WIDTH
    around = file.below(network.prefix.removesuffix("text."))
    other = _other_kind(around, tensors) or _other_image_tower(around, own)
    other = other or (None if own else _other_text_tower(tensors))
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


def _other_kind(around: dict[str, Stored], tensors: dict[str, Stored]) -> str | None:
    """Which kin of CLIP a file holds, by what CLIP itself does not have."""
    if any(key.startswith("text_decoder.") for key in around) or "cls_emb" in tensors:
        return "CoCa"
    if "logit_bias" in around or "text_model.head.weight" in around:
        return "SigLIP"
    if any(key.startswith(("mit.", "prompts_generator.")) for key in around):
        return "X-CLIP, for films"
    if "decoder.film_mul.weight" in around:
        return "CLIPSeg"
    return None


def _other_text_tower(tensors: dict[str, Stored]) -> str | None:
    """Which CLIP a text tower belongs to, if not to ViT-B/32, as far as it tells."""
    vocabulary, width = tensors["token_embedding.weight"].shape
    tokens = tensors["positional_embedding"].shape[0] if "positional_embedding" in tensors else _TOKENS
    layers = count(tensors, "transformer.resblocks.{}.ln_1.weight")
    projection = tensors.get("text_projection")
    if tokens != _TOKENS or "positional_embedding_res" in tensors:
        return f"of {tokens} tokens{', as LongCLIP' if tokens == 248 else ' instead of 77'}"
    if vocabulary > _VOCABULARY:
        return f"of {vocabulary:,} words, as those of many languages"
    if width != _WIDTH:
        return _WIDTHS.get(width, f"with a text tower {width} wide, where ViT-B/32's is {_WIDTH}")
    if vocabulary != _VOCABULARY:
        return f"of {vocabulary:,} words instead of {_VOCABULARY:,}"
    if layers != _LAYERS:
        return f"of {layers} layers"
    if projection is not None and projection.shape[-1:] != (_EMBEDDING,):
        return f"with codes {projection.shape[-1]} wide, as RN50's"
    return None


def _other_image_tower(around: dict[str, Stored], own: bool) -> str | None:
    """Which CLIP an image tower belongs to, if not to ViT-B/32."""
    if any(key.startswith("visual.trunk.") for key in around):
        names = [key.removeprefix("visual.trunk.") for key in around if key.startswith("visual.trunk.")]
        kinds = [kind for pattern, kind in _TRUNKS.items() if any(re.match(pattern, name) for name in names)]
        return kinds[0] if kinds else "with an image tower of timm"
    if any(key.startswith("image_encoder.") for key in around):
        return "MobileCLIP"
    if any(key.startswith(("visual.blocks.", "visual.patch_embed.")) for key in around):
        return "EVA"
    if any(key.startswith("visual.layer1.") for key in around):
        return "with a ResNet as its image tower: RN50, RN101 or larger"
    patches = around.get("visual.conv1.weight") or around.get("vision_model.embeddings.patch_embedding.weight")
    if patches is None or len(patches.shape) != 4:
        return None
    width, side = patches.shape[0], patches.shape[-1]
    if side != _PATCH:
        return _IMAGE_TOWERS.get((width, side), f"ViT with patches of {side} px instead of {_PATCH}")
    if not own and width != _IMAGE_WIDTH:
        return f"with an image tower {width} wide, where ViT-B/32's is {_IMAGE_WIDTH}"
    positions = around.get("visual.positional_embedding") or around.get(
        "vision_model.embeddings.position_embedding.weight"
    )
    if not own and positions is not None and positions.shape[0] != _POSITIONS:
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
