"""The e4e encoder: picture → W+ code (Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", 2021).

An IR-SE body (ir_se.py), a feature pyramid over its last three stages, and one style head per layer: the first gives a
code for all layers, the others what their layer adds to it. Parameters carry the names of published e4e files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...cuda_ops.style_table import accurate
from ..errors import InputError
from ..finite import require_finite, require_numbers
from . import ir_se
from .architecture import Architecture
from .construction import in_float32
from .layers import EqualLinear

COARSE_HEADS, MEDIUM_HEADS = 3, 4
"""How many heads read the coarsest and the middle pyramid level; all others read the finest."""


class StyleHead(nn.Module):
    """Stride-2 convolutions down to one position, then a linear layer: [B, width, H, W] → [B, latent_dim]."""

    def __init__(self, width: int, latent_dim: int, downscales: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(downscales):
            convolution = nn.Conv2d(width, width, 3, 2, 1)
            nn.init.kaiming_normal_(convolution.weight, a=0.01)  # Codes have unit scale from the start.
            layers += [convolution, nn.LeakyReLU(0.01, inplace=True)]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(width, latent_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convs(x).mean((2, 3)))


@dataclass(frozen=True, kw_only=True)
class EncoderArchitecture(Architecture):
    """The defaults are the published size for square pictures.

    input_size: height and width. widths and blocks: channels and residual blocks of the body's four stages, each of
    which halves the resolution. pyramid_width: channels of the pyramid and the heads. deltas: whether the
    heads after the first code for what differs from its code (e4e), or for all (pSp, Richardson et al. 2021).
    """

    LATER = ("deltas",)

    num_layers: int = 18
    latent_dim: int = 512
    input_size: Sequence[int] = (256, 256)
    widths: Sequence[int] = ir_se.WIDTHS
    blocks: Sequence[int] = ir_se.BLOCKS
    pyramid_width: int = 512
    deltas: bool = True


class Encoder(nn.Module):
    """Pictures → W+ codes. Made by the fields of EncoderArchitecture as keywords."""

    latent_avg: Tensor

    @in_float32
    def __init__(self, *, family: str | None = None, **hyper_parameters: Any) -> None:
        super().__init__()
        self.config = config = EncoderArchitecture(**hyper_parameters)
        num_layers, latent_dim, input_size = config.num_layers, config.latent_dim, config.input_size
        widths, blocks, pyramid_width = tuple(config.widths), tuple(config.blocks), config.pyramid_width
        self.num_layers, self.latent_dim, self.family, self.deltas = num_layers, latent_dim, family, config.deltas
        self.input_size = (input_size[0], input_size[1])
        self.widths, self.blocks, self.pyramid_width = widths, blocks, pyramid_width
        self.input_layer = ir_se.input_layer(widths[0])
        self.body = ir_se.body(widths, blocks)
        self.latlayer1 = nn.Conv2d(widths[2], pyramid_width, 1)
        self.latlayer2 = nn.Conv2d(widths[1], pyramid_width, 1)
        self.top = nn.Identity() if widths[3] == pyramid_width else nn.Conv2d(widths[3], pyramid_width, 1)
        # The pyramid's levels have 1/16, 1/8 and 1/4 of the input's resolution.
        coarse = round(math.log2(max(input_size) // 16))
        self.styles = nn.ModuleList(
            StyleHead(pyramid_width, latent_dim, coarse + (i >= COARSE_HEADS) + (i >= COARSE_HEADS + MEDIUM_HEADS))
            for i in range(num_layers)
        )
        self.register_buffer("latent_avg", torch.zeros(num_layers, latent_dim))

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return self.config.to_json()

    def forward(self, x: Tensor) -> Tensor:
        """RGB [B, 3, *input_size] in [-1, 1] → w [B, L, latent_dim], latent_avg included, in float32 at least.

        Raises InputError for pictures of another size, and for NaN and infinity in them.
        """
        self.check(x)
        return self.codes(*self._stages(x.contiguous(memory_format=torch.channels_last)))

    def check(self, x: Tensor) -> None:
        """Raises what forward() does."""
        require_numbers(x, "The pictures")
        if x.ndim != 4 or x.shape[1:] != (3, *self.input_size):
            height, width = self.input_size
            raise InputError(
                f"The encoder takes pictures of shape [batch, 3, {height}, {width}], but was given {list(x.shape)}: "
                "resize them first (ffclip_core.pictures.prepare)."
            )
        require_finite(x, "The pictures", "picture", "channel", "row", "column")

    def _stages(self, x: Tensor) -> list[Tensor]:
        """What the body's last three stages give: 1/4, 1/8 and 1/16 of the input's resolution."""
        x = self.input_layer(x)
        stages, at = [], 0
        for count in self.blocks:
            x = self.body[at : at + count](x)
            stages.append(x)
            at += count
        return stages[1:]

    def codes(self, c1: Tensor, c2: Tensor, c3: Tensor) -> Tensor:
        """The pyramid and its heads."""
        levels = self.pyramid(c1, c2, c3)
        return self.join([head(level) for head, level in zip(self.styles, levels, strict=True)])

    def pyramid(self, c1: Tensor, c2: Tensor, c3: Tensor) -> list[Tensor]:
        """What each head reads."""
        c3 = self.top(c3)
        p2 = _upsample_add(c3, self.latlayer1(c2))
        p1 = _upsample_add(p2, self.latlayer2(c1))
        return ([c3] * COARSE_HEADS + [p2] * MEDIUM_HEADS + [p1] * self.num_layers)[: self.num_layers]

    def join(self, codes: Sequence[Tensor]) -> Tensor:
        """What the heads give, [B, latent_dim] each → w [B, L, latent_dim]."""
        first, *others = codes
        codes = [first, *(first + other if self.deltas else other for other in others)]
        return accurate(torch.stack(codes, dim=1)) + self.latent_avg


def _upsample_add(x: Tensor, lateral: Tensor) -> Tensor:
    return F.interpolate(x, size=lateral.shape[-2:], mode="bilinear", align_corners=True).add_(lateral)
