"""The body of ArcFace's IR-SE networks: residual blocks with squeeze-and-excitation (Deng et al., CVPR 2019).

The e4e encoder and the identity network have the same; parameters carry the names of published files.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

WIDTHS, BLOCKS = (64, 128, 256, 512), (3, 4, 14, 3)
"""Of the four stages of IR-SE50, each of which halves the resolution."""


class SqueezeExcite(nn.Module):
    """Channels scaled by a gate that is computed from their means (Hu et al. 2018)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean((2, 3), keepdim=True))

    def gate(self, mean: Tensor) -> Tensor:
        return self.fc2(self.fc1(mean).relu()).sigmoid()


class ResidualBlock(nn.Module):
    """IR-SE block; the shortcut is a strided 1×1 convolution where the width changes, plain subsampling where not."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.PReLU(after),
            nn.Conv2d(after, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            SqueezeExcite(after),
        )
        if before == after:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """[B, before, H, W] → [B, after, H / stride, W / stride]."""
        return self.res_layer(x) + self.shortcut_layer(x)


def input_layer(width: int) -> nn.Sequential:
    """[B, 3, H, W] → [B, width, H, W]."""
    return nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.PReLU(width))


def body(widths: Sequence[int], blocks: Sequence[int]) -> nn.Sequential:
    """[B, widths[0], H, W] → [B, widths[-1], H / 2ⁿ, W / 2ⁿ] by n stages of so many blocks."""
    layers: list[nn.Module] = []
    before = widths[0]
    for after, count in zip(widths, blocks, strict=True):
        for i in range(count):
            layers.append(ResidualBlock(before, after, stride=1 if i else 2))
            before = after
    return nn.Sequential(*layers)
