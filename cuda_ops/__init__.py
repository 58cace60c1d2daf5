"""StyleGAN2's two special operators, in plain PyTorch: every device, any dtype, differentiable."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["fused_leaky_relu", "upfirdn2d"]


def upfirdn2d(
    x: Tensor, kernel: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] | tuple[int, int, int, int] = (0, 0)
) -> Tensor:
    """Upsample by inserting zeros, pad, filter, downsample (StyleGAN, Karras et al. 2019; MATHS.md section 2).

    x [B, C, H, W]; kernel [kh, kw] is applied as a convolution, that is, flipped; pad is (before, after) on both axes
    or (left, right, top, bottom) and crops where it is negative. Returns [B, C, H', W'] with
    H' = (H·up + top + bottom − kh) // down + 1.
    """
    if len(pad) == 2:
        pad = (*pad, *pad)
    batch, channels, height, width = x.shape
    if up > 1:
        spread = x.new_zeros(batch, channels, height, up, width, up)
        spread[:, :, :, 0, :, 0] = x
        x = spread.view(batch, channels, height * up, width * up)
    weight = kernel.flip(0, 1).to(x.dtype).expand(channels, 1, -1, -1)
    if len(set(pad)) == 1 and pad[0] >= 0:
        return F.conv2d(x, weight, stride=down, padding=pad[0], groups=channels)
    return F.conv2d(F.pad(x, pad), weight, stride=down, groups=channels)


def fused_leaky_relu(x: Tensor, bias: Tensor, scale: Tensor | None = None, slope: float = 0.2) -> Tensor:
    """√2·leaky_relu(x·scale + bias), the gain folded into scale and bias.

    bias and scale (default 1) broadcast to x.
    """
    gain = 2**0.5
    if scale is None:
        return F.leaky_relu(torch.add(bias * gain, x, alpha=gain), slope)
    return F.leaky_relu(torch.addcmul(bias * gain, x, scale * gain), slope)
