"""FFCLIP's four semantic modulation blocks: W+ code and text embedding → change of the code.

Zhu et al., "One Model to Edit Them All: Free-Form Text-Driven Image Manipulation with Semantic Modulations", NeurIPS
2022, sections 3.2 (alignment) and 3.3 (injection), in the exact form that the released weights need. Parameters carry
the names of published files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InputError
from ..finite import require_finite, require_numbers
from .architecture import Architecture
from .construction import in_float32

TOGETHER = 16
"""Codes that are taken through the blocks together: each needs a text-latent map, D × D, in every block."""


@dataclass(frozen=True)
class Modulation:
    """delta: Δw [B, L, D] float32. alignment: S of every block [B, blocks, L] float32, rows that sum to 1."""

    delta: Tensor
    alignment: Tensor


class LatentAttention(nn.Module):
    """The translation T: every channel of the latent's mean is moved by a text-latent map over the channels."""

    def __init__(self, num_layers: int, dim: int) -> None:
        super().__init__()
        self.q_matrix = nn.Linear(dim, dim, bias=False)
        self.k_matrix = nn.Linear(1, num_layers, bias=False)
        self.v_matrix = nn.Linear(dim, dim, bias=False)

    def forward(self, n: Tensor, e: Tensor) -> Tensor:
        """n [B, L, D], e [B, D] → T [B, 1, D]. As the mean over layers comes last, one vector-matrix product does."""
        dim, dtype = n.shape[-1], n.dtype
        keys = self.k_matrix.weight[:, 0].to(dtype)
        s = torch.einsum("l,bld->bd", keys, _linear(self.q_matrix, n)) / math.sqrt(dim)
        attention = torch.softmax(e[:, :, None] * s[:, None, :], dim=-1)
        values = _linear(self.v_matrix, n).mean(1, keepdim=True)
        return F.layer_norm(values @ attention, (dim,), eps=1e-5)


class ModulationBlock(nn.Module):
    """Semantic alignment and injection."""

    def __init__(self, num_layers: int, dim: int) -> None:
        super().__init__()
        self.q_matrix = nn.Linear(dim, dim, bias=False)
        self.k_matrix = nn.Linear(dim, dim, bias=False)
        self.v_matrix = nn.Linear(dim, dim, bias=False)
        self.attention_layer = LatentAttention(num_layers, dim)
        self.gamma_ = _injector(dim)
        self.beta_ = _injector(dim)

    def forward(self, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, L, D], e [B, D] → the block's output [B, L, D] and S [B, L], both in x's dtype."""
        n = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)  # Over the layers, as the weights were trained.
        q = _linear(self.q_matrix, e)
        s = torch.softmax(torch.einsum("bld,bd->bl", _linear(self.k_matrix, n), q), dim=1)
        h = s[:, :, None] * _linear(self.v_matrix, n) + self.attention_layer(n, e)
        h = F.layer_norm(h, h.shape[-1:], eps=1e-5)
        gamma, beta = _inject(self.gamma_, e)[:, None], _inject(self.beta_, e)[:, None]
        return F.leaky_relu(h * (1 + gamma) + beta, 0.01), s


@dataclass(frozen=True, kw_only=True)
class ModulatorArchitecture(Architecture):
    """num_layers: L. latent_dim: D. The defaults are the published size."""

    num_layers: int = 18
    latent_dim: int = 512
    num_blocks: int = 4


class Modulator(nn.Module):
    """The chain of modulation blocks. The text embedding is as wide as the latent code (text_dim = latent_dim).

    Made by the fields of ModulatorArchitecture as keywords.
    """

    @in_float32
    def __init__(self, *, family: str | None = None, **hyper_parameters: Any) -> None:
        super().__init__()
        self.config = config = ModulatorArchitecture(**hyper_parameters)
        self.num_layers, self.latent_dim, self.num_blocks = config.num_layers, config.latent_dim, config.num_blocks
        self.family = family
        self.att_mapper = nn.Module()
        self.att_mapper.att_mapper = nn.ModuleList(
            ModulationBlock(config.num_layers, config.latent_dim) for _ in range(config.num_blocks)
        )

    @property
    def blocks(self) -> list[ModulationBlock]:
        """The blocks in their order."""
        return list(cast("nn.ModuleList", self.att_mapper.att_mapper))  # pyright: ignore[reportReturnType]

    @property
    def text_dim(self) -> int:
        return self.latent_dim

    @property
    def architecture(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON can hold them."""
        return self.config.to_json()

    def forward(self, w: Tensor, e: Tensor) -> Tensor:
        """The delta of `modulate`."""
        return self.modulate(w, e).delta

    def modulate(self, w: Tensor, e: Tensor, dtype: torch.dtype = torch.float64) -> Modulation:
        """w [B, L, D], latent_avg included, and raw text embeddings e [B, D] or [B, 1, D] → Δw and the maps S.

        Computes in float64: in float32 the chain of normalisations loses up to 1e-2 (training may give another dtype).
        Memory stays flat for any B. Raises InputError for other shapes, and for NaN and infinity.
        """
        require_numbers(w, "The codes")
        require_numbers(e, "The embeddings")
        if e.ndim == 3 and e.shape[1] == 1:
            e = e[:, 0]
        if w.ndim != 3 or w.shape[1:] != (self.num_layers, self.latent_dim):
            raise InputError(
                f"The modulator takes codes of shape [batch, {self.num_layers}, {self.latent_dim}], but was given "
                f"{list(w.shape)}: invert with the encoder of the same family."
            )
        if e.shape != (len(w), self.text_dim):
            raise InputError(
                f"The modulator takes one text embedding of {self.text_dim} values per code ({len(w)} codes), but was "
                f"given {list(e.shape)}: encode the prompt with the text encoder of the same family."
            )
        require_finite(w, "The codes", "picture", "layer", "channel")
        require_finite(e, "The text embeddings", "prompt", "channel")
        pairs = zip(w.split(TOGETHER), e.split(TOGETHER), strict=True)
        pieces = [self._modulate(x.to(dtype), text.to(dtype)) for x, text in pairs]
        delta, alignment = (torch.cat(results) for results in zip(*pieces, strict=True))
        return Modulation(delta, alignment)

    def _modulate(self, x: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        alignment = []
        for block in self.blocks:
            x, s = block(x, e)
            alignment.append(s)
        return x.float(), torch.stack(alignment, dim=1).float()


def _injector(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(dim, dim), nn.LayerNorm(dim), nn.LeakyReLU(0.01), nn.Linear(dim, dim))


def _inject(layers: nn.Sequential, e: Tensor) -> Tensor:
    first, last, norm = layers[0], layers[3], cast(nn.LayerNorm, layers[1])
    weight, bias = norm.weight.to(e.dtype), norm.bias.to(e.dtype)
    return _linear(
        last, F.leaky_relu(F.layer_norm(_linear(first, e), norm.normalized_shape, weight, bias, norm.eps), 0.01)
    )


def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    """The layer in the dtype of x, whatever its weights are stored in."""
    layer = cast(nn.Linear, layer)
    return F.linear(x, layer.weight.to(x.dtype), None if layer.bias is None else layer.bias.to(x.dtype))
