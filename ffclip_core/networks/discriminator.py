"""What tells real from drawn, pictures and codes. Only training uses them, so they are no parts of a family.

StyleGAN2's residual discriminator (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020,
section 4), and the latent discriminator of e4e (Tov et al., "Designing an Encoder for StyleGAN Image Manipulation",
2021).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...cuda_ops import fused_leaky_relu, upfirdn2d
from ...cuda_ops.style_table import accurate
from ..errors import InputError
from .architecture import Architecture, channels_to
from .construction import in_float32
from .layers import EqualLinear


@dataclass(frozen=True, kw_only=True)
class DiscriminatorArchitecture(Architecture):
    """size: side of the pictures in px, a power of two from 8 on. channels: feature channels by resolution, 4 to size,
    as a generator's. group: how many pictures of a batch are compared with each other."""

    size: int
    channels: Mapping[int, int]
    group: int = 4

    def __post_init__(self) -> None:
        if self.group < 1:
            raise ValueError(f"pictures are compared in groups of 1 or more, not {self.group}")
        object.__setattr__(self, "channels", channels_to(self.size, self.channels))


class EqualConv2d(nn.Module):
    """Convolution by W/√(in·k²) (equalised learning rate: ProGAN, section 4.1), then bias and fused leaky ReLU if
    `activate`. down: the picture is blurred by [1, 3, 3, 1] first and every second pixel left out."""

    blur: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, down: bool = False, activate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if activate else None
        self.scale, self.kernel, self.down = 1 / math.sqrt(in_channels * kernel**2), kernel, down
        if down:
            taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float32)
            self.register_buffer("blur", torch.outer(taps, taps) / 64, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] → [B, C', H, W], or half as high and wide."""
        weight = self.weight * self.scale
        if not self.down:
            x = F.conv2d(x, weight, padding=self.kernel // 2)
        elif self.kernel == 1:
            x = F.conv2d(upfirdn2d(x, self.blur, down=2, pad=(1, 1)), weight)
        else:
            x = F.conv2d(upfirdn2d(x, self.blur, pad=(2, 2)), weight, stride=2)
        return x if self.bias is None else fused_leaky_relu(x, self.bias.to(x.dtype)[:, None, None])


class ResidualDown(nn.Module):
    """Two convolutions beside one of 1×1, at half the resolution; divided by √2, so that variances stay."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = EqualConv2d(before, before, 3)
        self.conv2 = EqualConv2d(before, after, 3, down=True)
        self.skip = EqualConv2d(before, after, 1, down=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) * 0.5**0.5


class Discriminator(nn.Module):
    """Pictures → logits. Made by the fields of DiscriminatorArchitecture as keywords."""

    @in_float32
    def __init__(self, **hyper_parameters: Any) -> None:
        super().__init__()
        self.config = config = DiscriminatorArchitecture(**hyper_parameters)
        widths = [config.channels[resolution] for resolution in sorted(config.channels, reverse=True)]
        self.from_rgb = EqualConv2d(3, widths[0], 1)
        self.blocks = nn.Sequential(*(ResidualDown(*pair) for pair in zip(widths, widths[1:], strict=False)))
        self.conv = EqualConv2d(widths[-1] + 1, widths[-1], 3)
        self.hidden = EqualLinear(16 * widths[-1], widths[-1], activate=True)
        self.out = EqualLinear(widths[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """RGB [B, 3, size, size] in about [-1, 1] → logits [B], larger for what seems real, in float32 at least.

        Pictures beside each other in the batch are compared: processes that each take a slice of it compute the same
        where a slice is of whole groups. Raises InputError for pictures of another size.
        """
        size = self.config.size
        if x.ndim != 4 or x.shape[1:] != (3, size, size):
            raise InputError(
                f"The discriminator takes pictures of shape [batch, 3, {size}, {size}], not {list(x.shape)}."
            )
        x = self.blocks(self.from_rgb(x.contiguous(memory_format=torch.channels_last)))
        x = self.conv(torch.cat([x, spread_in_groups(x, self.config.group)], 1))
        return accurate(self.out(self.hidden(x.flatten(1)))[:, 0])


def spread_in_groups(x: Tensor, group: int) -> Tensor:
    """How unlike each other the features [B, C, H, W] of a group's pictures are, as one more channel [B, 1, H, W]: the
    standard deviation over the group, mean over all features (ProGAN, Karras et al. 2018, section 3).

    A group is of so many pictures that follow each other, or of the most below that which divide the batch.
    """
    count = max(n for n in range(1, min(group, len(x)) + 1) if len(x) % n == 0)
    variance = accurate(x).unflatten(0, (-1, count)).var(1, correction=0)
    spread = (variance + 1e-8).sqrt().mean((1, 2, 3)).to(x.dtype)
    return spread.repeat_interleave(count)[:, None, None, None].expand(-1, 1, *x.shape[2:])


@dataclass(frozen=True, kw_only=True)
class LatentDiscriminatorArchitecture(Architecture):
    """latent_dim: width of a code. width: of the layers between. layers: how many there are, the last one included."""

    latent_dim: int = 512
    width: int = 512
    layers: int = 4


class LatentDiscriminator(nn.Module):
    """Codes → logits of whether they are of W, each layer's code by itself. Made by the fields of
    LatentDiscriminatorArchitecture as keywords."""

    @in_float32
    def __init__(self, **hyper_parameters: Any) -> None:
        super().__init__()
        self.config = config = LatentDiscriminatorArchitecture(**hyper_parameters)
        widths = [config.latent_dim] + [config.width] * (config.layers - 1)
        hidden = (EqualLinear(*pair, activate=True) for pair in zip(widths, widths[1:], strict=False))
        self.layers = nn.Sequential(*hidden, EqualLinear(widths[-1], 1))

    def forward(self, w: Tensor) -> Tensor:
        """w [..., latent_dim] → logits [...], in float32 at least. Raises InputError for codes of another width."""
        if w.shape[-1:] != (self.config.latent_dim,):
            raise InputError(
                f"The latent discriminator takes codes of width {self.config.latent_dim}, not {list(w.shape)}."
            )
        return accurate(self.layers(w)[..., 0])
