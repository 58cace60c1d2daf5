"""The latent space of the embedded generator: every parameter of a drawing has a direction of its own in it.

W has far more dimensions than a drawing has parameters (avatars.parameters). Their directions are orthonormal and
fixed, so generator and encoder can be trained apart from each other: one from the codes, one towards them.

In W+, every layer's code is moved by a constant vector outside these directions, which the generator does not see. The
modulation blocks open with a normalisation over the layers (PixelNorm), which would leave nothing but signs of
a code that is the same in all layers; beside the constant its values survive.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..generator import EqualLinear, Generator

LATENT_DIM = 256
_OFFSET = 1.5


@dataclass(frozen=True)
class Codes:
    """mean and scale of the parameters [P]; directions [P, D]; offsets of the layers [L, D]."""

    mean: Tensor
    scale: Tensor
    directions: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, parameters: Tensor, num_layers: int) -> Codes:
        """The space for drawings with these parameters [N, P]: codes have about zero mean and unit variance."""
        spread = parameters.std(0).clamp_min(0.05)
        count = parameters.shape[1]
        stream = torch.Generator().manual_seed(0)
        basis, _ = torch.linalg.qr(torch.randn(LATENT_DIM, LATENT_DIM, generator=stream, dtype=torch.float64))
        # Rare variants are far from the mean, but less so than by their standard deviations.
        return cls(
            mean=parameters.mean(0),
            scale=spread.rsqrt() * (LATENT_DIM / spread.sum()).sqrt(),
            directions=basis[:, :count].T.float(),
            offsets=basis[:, count : count + num_layers].T.float() * (_OFFSET * LATENT_DIM**0.5),
        )

    def w(self, parameters: Tensor) -> Tensor:
        """Parameters [B, P] → w [B, D]."""
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
