"""ArcFace's IR-SE50: face → a code of whose it is (Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face
Recognition", CVPR 2019), as StyleCLIP's and e4e's identity losses look at faces.

Parameters carry the names of the published file, model_ir_se50.pth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...cuda_ops.style_table import accurate
from ..finite import require_pictures
from . import ir_se
from .architecture import Architecture
from .construction import in_float32
from .means import adaptive_mean

FRAME = 256
"""Side of an aligned picture (FFHQ's frame) of which the face is cut out, in px."""
ROWS, COLUMNS = slice(35, 223), slice(32, 220)
"""The face in it."""


@dataclass(frozen=True, kw_only=True)
class IdentityArchitecture(Architecture):
    """The defaults are IR-SE50's. embed_dim: width of an embedding. input_size: side of the faces that it looks at, in
    px. widths and blocks: channels and residual blocks of the body's stages, each of which halves the resolution."""

    embed_dim: int = 512
    input_size: int = 112
    widths: Sequence[int] = ir_se.WIDTHS
    blocks: Sequence[int] = ir_se.BLOCKS


class Identity(nn.Module):
    """Pictures of faces → unit embeddings, whose products are 1 for the same face. Made by the fields of
    IdentityArchitecture as keywords."""

    @in_float32
    def __init__(self, *, family: str | None = None, **hyper_parameters: Any) -> None:
        super().__init__()
        self.config = config = IdentityArchitecture(**hyper_parameters)
        self.embed_dim, self.family = config.embed_dim, family
        last = config.widths[-1]
        side = config.input_size // 2 ** len(config.widths)
        self.input_layer = ir_se.input_layer(config.widths[0])
        self.body = ir_se.body(config.widths, config.blocks)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(last),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(last * side**2, config.embed_dim),
            nn.BatchNorm1d(config.embed_dim),
        )

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return self.config.to_json()

    def forward(self, x: Tensor) -> Tensor:
        """Faces cut out, RGB [B, 3, input_size, input_size] in [-1, 1] → [B, embed_dim], not normalised."""
        return self.output_layer(self.body(self.input_layer(x.contiguous(memory_format=torch.channels_last))))

    def embed(self, x: Tensor) -> Tensor:
        """Aligned RGB pictures [B, 3, H, W] of any size in [-1, 1] → [B, embed_dim] of length 1, in float32 at least.

        They are brought to 256² px by adaptive mean pooling, the face is cut out and pooled to input_size². Gradients
        reach x. Raises InputError for what are no pictures.
        """
        require_pictures(x, "The identity network")
        x = adaptive_mean(x.to(next(self.parameters()).dtype), FRAME)
        face = adaptive_mean(x[:, :, ROWS, COLUMNS], self.config.input_size)
        return F.normalize(accurate(self(face)))
