"""The block that both networks for faces are made of (Bazarevsky et al., "BlazeFace", 2019)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """Padded as TensorFlow's "SAME" does for pictures of an even size: the odd row is the last."""

    def forward(self, x: Tensor) -> Tensor:
        step, reach = self.stride[0], self.kernel_size[0]
        if step == 1:
            return F.conv2d(x, self.weight, self.bias, padding=reach // 2, groups=self.groups)
        around = reach - step
        before, after = around // 2, around - around // 2
        x = F.pad(x, (before, after, before, after))
        return F.conv2d(x, self.weight, self.bias, stride=step, groups=self.groups)


class BlazeBlock(nn.Module):
    """Depthwise and pointwise convolution; the shortcut, halved by its maxima, is added to the first channels."""

    def __init__(self, before: int, after: int, stride: int, activation: nn.Module) -> None:
        super().__init__()
        self.depthwise = SameConv2d(before, before, 3, stride, groups=before)
        self.pointwise = nn.Conv2d(before, after, 1)
        self.activation = activation
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """[B, before, H, W] → [B, after, H / stride, W / stride]."""
        shortcut = F.max_pool2d(x, 2) if self.stride == 2 else x
        x = self.pointwise(self.depthwise(x))
        x[:, : shortcut.shape[1]] += shortcut
        return self.activation(x)
