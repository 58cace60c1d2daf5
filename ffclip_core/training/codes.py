"""The latent space of the embedded generator: every parameter of a drawing has a direction of its own in it.

W has far more dimensions than a drawing has parameters (of avatars: avatars/parameters.py). Each of them has a pair of
channels: what one channel has more than the other is the parameter. The generator sees nothing else, so generator and
encoder can be trained apart from each other, one from the codes, one towards them.

What the generator does not see serves the modulation blocks. They open with a normalisation over the layers
(PixelNorm), which would leave nothing but signs of a code that is the same in all layers; so every layer's code is
moved by a constant of its own, as large in one channel of a pair as in the other. And they end with a leaky ReLU, which
lets a change of the code hardly fall below zero; so a channel that rises says "more", its partner "less".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import InputError
from ..networks.generator import Generator
from ..networks.layers import EqualLinear

_OFFSET = 3.0


@dataclass(frozen=True)
class Codes:
    """mean and scale of the parameters [P]; orthonormal directions [P, D]; offsets of the layers [L, D]."""

    mean: Tensor
    scale: Tensor
    directions: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, parameters: Tensor, num_layers: int, latent_dim: int) -> Codes:
        """The space for drawings with these parameters [N, P]: codes have about zero mean and unit variance.

        Raises InputError where there are more parameters than pairs of channels.
        """
        spread = parameters.std(0).clamp_min(0.05)
        count = parameters.shape[1]
        if 2 * count > latent_dim:
            raise InputError(
                f"Drawings with {count} parameters need codes of {2 * count} numbers, but the text encoder's are "
                f"{latent_dim}: take fewer parameters."
            )
        stream = torch.Generator().manual_seed(0)
        signs = torch.where(torch.arange(num_layers) % 2 > 0, 1.0, -1.0)
        offsets = torch.ones(num_layers, latent_dim)
        for i in range(count):
            order = torch.randperm(num_layers, generator=stream)
            offsets[:, 2 * i : 2 * i + 2] = signs[order, None]
        directions = torch.zeros(count, latent_dim)
        directions[:, : 2 * count] = torch.eye(count).repeat_interleave(2, 1) * torch.tensor([1.0, -1.0]).repeat(count)
        return cls(
            mean=parameters.mean(0),
            # Rare variants are far from the mean, but less so than by their standard deviations.
            scale=spread.rsqrt() * (latent_dim / spread.sum()).sqrt(),
            directions=directions / 2**0.5,
            offsets=_OFFSET * offsets,
        )

    def to(self, device: torch.device) -> Codes:
        return Codes(*(part.to(device) for part in (self.mean, self.scale, self.directions, self.offsets)))

    def w(self, parameters: Tensor) -> Tensor:
        """Parameters [..., P] → w [..., D]."""
        return (parameters - self.mean) * self.scale @ self.directions

    def along(self, w: Tensor) -> Tensor:
        """What w [..., D] has along the directions, [..., P]."""
        return w @ self.directions.T

    @torch.no_grad()
    def restrict(self, generator: Generator) -> None:
        """Make the generator blind to everything outside the directions; its drawings of codes stay the same."""
        for layer in generator.modules():
            if isinstance(layer, EqualLinear) and not layer.activate:
                layer.weight.copy_(self.along(layer.weight) @ self.directions)
