"""Which CLIP a file holds, if not ViT-B/32: by what the others measure, or have that it does not."""

from __future__ import annotations

import re

from .state_dict import count, dimension
from .stored import Stored

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
# Towers narrower than any that is published (TinyCLIP's are 256 wide, residual networks 64) are somebody's own.
_SMALLEST_WIDTH, _SMALLEST_STEM = 256, 64
# ViT-B/32. Others have a text tower of the same width, or an image tower.
_WIDTH, _EMBEDDING, _TOKENS, _VOCABULARY, _LAYERS = 512, 512, 77, 49408, 12
_PATCH, _IMAGE_WIDTH, _POSITIONS, _IMAGE_LAYERS = 32, 768, 50, 12


def other_clip(around: dict[str, Stored], text: dict[str, Stored], image: dict[str, Stored]) -> str | None:
    """In words; None for ViT-B/32 and for somebody's own, as far as the file tells.

    around: all of the CLIP by the file's names. text and image: its towers by OpenAI's names, the latter without
    "visual."; either may be missing.
    """
    own = _is_own(text, image)
    other = _other_kind(around, text) or _other_image_tower(around, image, own)
    return other or (None if own or not text else _other_text_tower(text))


def _is_own(text: dict[str, Stored], image: dict[str, Stored]) -> bool:
    if text:
        return dimension(text, "token_embedding.weight", 1) < _SMALLEST_WIDTH
    if "layer1.0.conv1.weight" in image:
        return dimension(image, "layer1.0.conv1.weight", 0) < _SMALLEST_STEM
    return dimension(image, "conv1.weight", 0) < _SMALLEST_WIDTH


def _other_kind(around: dict[str, Stored], text: dict[str, Stored]) -> str | None:
    """Which kin of CLIP a file holds, by what CLIP itself does not have."""
    if any(key.startswith("text_decoder.") for key in around) or "cls_emb" in text:
        return "CoCa"
    if "logit_bias" in around or "text_model.head.weight" in around:
        return "SigLIP"
    if any(key.startswith(("mit.", "prompts_generator.")) for key in around):
        return "X-CLIP, for films"
    if "decoder.film_mul.weight" in around:
        return "CLIPSeg"
    if not text and any(key.startswith(("text.", "text_model.")) for key in around):
        return "with another kind of text encoder"
    return None


def _other_text_tower(text: dict[str, Stored]) -> str | None:
    """Which CLIP a text tower belongs to, if not to ViT-B/32, as far as it tells."""
    vocabulary, width = text["token_embedding.weight"].shape
    tokens = text["positional_embedding"].shape[0] if "positional_embedding" in text else _TOKENS
    layers = count(text, "transformer.resblocks.{}.ln_1.weight")
    projection = text.get("text_projection")
    if tokens != _TOKENS or "positional_embedding_res" in text:
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


def _other_image_tower(around: dict[str, Stored], image: dict[str, Stored], own: bool) -> str | None:
    """Which CLIP an image tower belongs to, if not to ViT-B/32."""
    if any(key.startswith("visual.trunk.") for key in around):
        names = [key.removeprefix("visual.trunk.") for key in around if key.startswith("visual.trunk.")]
        kinds = [kind for pattern, kind in _TRUNKS.items() if any(re.match(pattern, name) for name in names)]
        return kinds[0] if kinds else "with an image tower of timm"
    if any(key.startswith("image_encoder.") for key in around):
        return "MobileCLIP"
    if any(key.startswith(("visual.blocks.", "visual.patch_embed.")) for key in around):
        return "EVA"
    if "layer1.0.conv1.weight" in image or any(key.startswith("visual.layer1.") for key in around):
        return None if own else "with a ResNet as its image tower: RN50, RN101 or larger"
    patches = image.get("conv1.weight") or around.get("visual.conv1.weight")
    if patches is None or len(patches.shape) != 4:
        return None
    width, side = patches.shape[0], patches.shape[-1]
    if side != _PATCH:
        return _IMAGE_TOWERS.get((width, side), f"ViT with patches of {side} px instead of {_PATCH}")
    if own:
        return None
    if width != _IMAGE_WIDTH:
        return f"with an image tower {width} wide, where ViT-B/32's is {_IMAGE_WIDTH}"
    positions = image.get("positional_embedding") or around.get("visual.positional_embedding")
    if positions is not None and positions.shape[0] != _POSITIONS:
        return "ViT-B/32 for larger pictures"
    layers = count(image, "transformer.resblocks.{}.ln_1.weight")
    return f"with an image tower of {layers} layers" if image and layers != _IMAGE_LAYERS else None
