"""CLIP's image tower, built by open_clip: picture → embedding (Radford et al., 2021).

A vision transformer, by default ViT-B/32's, or CLIP's residual network (ModifiedResNet); with OpenAI's names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.transformer import QuickGELU, VisionTransformer
from PIL import Image
from torch import Tensor, nn

from ...cuda_ops.style_table import accurate
from ..errors import InputError
from ..finite import require_pictures
from .architecture import Architecture
from .construction import in_float32
from .means import area_mean

TOGETHER = 64
"""Pictures that encode_pictures() takes at once: memory stays flat for any number."""
LARGEST_SCALE = 100.0
"""exp(logit_scale), beyond which CLIP's authors let none grow; all published ones reach it."""


@dataclass(frozen=True, kw_only=True)
class ImageEncoderArchitecture(Architecture):
    """The defaults are ViT-B/32's.

    embed_dim: width of an embedding. image_size: side of the pictures that the tower sees, in px. layers: of the
    transformer; four numbers are the residual blocks of the stages of a ModifiedResNet. width and heads: of the
    transformer, or of the residual network's stem and last pooling. patch_size: of the transformer's patches, in px.
    mean and std: of the colours in [0, 1] by which pictures were normalised in training.
    """

    embed_dim: int = 512
    image_size: int = 224
    patch_size: int = 32
    width: int = 768
    heads: int = 12
    layers: int | Sequence[int] = 12
    mean: Sequence[float] = (0.48145466, 0.4578275, 0.40821073)
    std: Sequence[float] = (0.26862954, 0.26130258, 0.27577711)


class ImageEncoder(nn.Module):
    """Pictures → embeddings. Made by the fields of ImageEncoderArchitecture as keywords.

    logit_scale: the logarithm of what CLIP multiplies cosines by; ln 100 where nobody says another.
    """

    logit_scale: Tensor

    @in_float32
    def __init__(self, *, family: str | None = None, **hyper_parameters: Any) -> None:
        super().__init__()
        self.config = config = ImageEncoderArchitecture(**hyper_parameters)
        self.embed_dim, self.image_size, self.family = config.embed_dim, config.image_size, family
        if len(config.mean) != 3 or len(config.std) != 3:
            raise ValueError("mean and std are of three colours")
        self.visual: VisionTransformer | ModifiedResNet
        if isinstance(config.layers, int):
            self.visual = VisionTransformer(
                image_size=config.image_size,
                patch_size=config.patch_size,
                width=config.width,
                layers=config.layers,
                heads=config.heads,
                mlp_ratio=4.0,
                output_dim=config.embed_dim,
                act_layer=QuickGELU,
            )
        else:
            if len(config.layers) != 4 or 32 * config.width % config.heads:
                raise ValueError("a residual network has four stages, and heads that divide 32 times its width")
            self.visual = ModifiedResNet(
                layers=list(config.layers),
                output_dim=config.embed_dim,
                heads=config.heads,
                image_size=config.image_size,
                width=config.width,
            )
        self.register_buffer("logit_scale", torch.full((), math.log(LARGEST_SCALE)))

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return self.config.to_json()

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, image_size, image_size], of the colours that the tower is to see → [B, embed_dim], not normalised, in
        float32 at least."""
        with x.device:  # For what PyTorch and open_clip make on the way, whatever the default device is.
            return accurate(self.visual(x))

    def encode(self, x: Tensor) -> Tensor:
        """RGB [B, 3, H, W] in [-1, 1], of any size → [B, embed_dim], not normalised, in float32 at least.

        As losses look at pictures (StyleCLIP's CLIP loss, Patashnik et al. 2021): brought to the tower's size by area
        means, each axis apart, then neither clamped nor normalised. Gradients reach x. Raises InputError for what are
        no pictures.
        """
        return self(self._seen(x))

    def features(self, x: Tensor) -> list[Tensor]:
        """RGB [B, 3, H, W] in [-1, 1] → maps [B, C, h, w] whose differences are a perceptual distance, from the stem on
        to three quarters of the tower's depth, of pictures as encode() sees them.

        Of a ModifiedResNet what the stem and the first three stages give; of a transformer its patches (before, and
        after a quarter, a half and three quarters of the layers) without the class token. Raises what encode() does.
        """
        x = self._seen(x)
        with x.device:  # As in forward().
            return self._stages(x) if isinstance(self.visual, ModifiedResNet) else self._token_maps(x)

    def encode_pictures(self, pictures: Iterable[np.ndarray]) -> Tensor:
        """8 bit RGB pictures [H, W, 3], each of any size → [P, embed_dim], not normalised, in float32 at least.

        As CLIP was trained, for labels, searches and statistics: PIL's bicubic filter brings the shorter side to the
        tower's, the middle is cut out, and mean and std of the colours are taken out. No gradients reach the pictures.
        Raises InputError for other arrays, and for none at all.
        """
        mean, std = self.logit_scale.new_tensor([self.config.mean, self.config.std])[:, None, :, None, None]
        left, found = iter(pictures), []
        while some := [self._cut(picture) for picture in islice(left, TOGETHER)]:
            x = torch.from_numpy(np.stack(some)).to(mean.device).permute(0, 3, 1, 2)
            found.append(self((x.to(mean.dtype) / 255 - mean) / std))
        if not found:
            raise InputError("There are no pictures: give at least one array [height, width, 3] of 8 bit numbers.")
        return torch.cat(found)

    def _seen(self, x: Tensor) -> Tensor:
        """[B, 3, H, W] as encode() gives it to the tower."""
        require_pictures(x, "The image encoder")
        return area_mean(x.to(self.logit_scale.dtype), self.image_size)

    def _stages(self, x: Tensor) -> list[Tensor]:
        tower = cast(ModifiedResNet, self.visual)
        maps = [tower.stem(x)]
        for stage in (tower.layer1, tower.layer2, tower.layer3):
            maps.append(stage(maps[-1]))
        return maps

    def _token_maps(self, x: Tensor) -> list[Tensor]:
        tower = cast(VisionTransformer, self.visual)
        side, blocks = self.image_size // self.config.patch_size, tower.transformer.resblocks
        wanted = {quarter * len(blocks) // 4 for quarter in range(4)}
        x = tower.conv1(x).flatten(2).transpose(1, 2)  # [B, patches, width]
        x = torch.cat([tower.class_embedding.to(x.dtype).expand(len(x), 1, -1), x], dim=1)
        x = tower.ln_pre(x + tower.positional_embedding.to(x.dtype))
        # Older versions of open_clip have the tokens first.
        batch_first = getattr(tower.transformer, "batch_first", False)
        maps = []
        for i, block in enumerate(blocks):
            if i in wanted:
                maps.append(x[:, 1:].transpose(1, 2).unflatten(2, (side, side)))
            if i == max(wanted):
                break
            x = block(x) if batch_first else block(x.transpose(0, 1)).transpose(0, 1)
        return maps

    def _cut(self, picture: np.ndarray) -> np.ndarray:
        """uint8 [image_size, image_size, 3]."""
        picture = np.asarray(picture)
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise InputError(
                "A picture is an array [height, width, 3] of 8 bit numbers (uint8), not "
                f"{list(picture.shape)} of {picture.dtype}."
            )
        height, width = picture.shape[:2]
        side, shorter = self.image_size, min(height, width)
        # The longer side is cut off to whole px, as torchvision does.
        rows, columns = side * height // shorter, side * width // shorter
        resized = Image.fromarray(picture).resize((columns, rows), Image.Resampling.BICUBIC)
        top, left = round((rows - side) / 2), round((columns - side) / 2)
        return np.asarray(resized)[top : top + side, left : left + side]
