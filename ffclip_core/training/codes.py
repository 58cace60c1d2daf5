"""The latent space of the embedded generator: every parameter of a drawing has a direction of its own in it.

W has far more dimensions than a drawing has parameters (of avatars: avatars/parameters.py). Each of them has a pair of
channels: what one channel has more than the other is the parameter. The generator sees nothing else, so generator and
encoder can be trained apart from each other, one from the codes, one towards them.

In W+ each layer has the parameters of its scale alone, and the generator's layer sees no others: where things lie is
said to coarse layers, which colours they have to fine ones, and edits, gates and mixtures of codes can keep them apart.

What the generator does not see serves the modulation blocks. They open with a normalisation over the layers
(PixelNorm), which would leave nothing but signs of a code that is the same in all layers; so every layer's code is
moved by a constant of its own, as large in one channel of a pair as in the other. And they end with a leaky ReLU, which
lets a change of the code hardly fall below zero; so a channel that rises says "more", its partner "less".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ..editing import layer_gates
from ..errors import InputError
from ..networks.generator import Generator
from ..networks.layers import EqualLinear

SCALES = ("coarse", "medium", "fine")
ALL = " ".join(SCALES)
_OFFSET = 3.0


@dataclass(frozen=True)
class Codes:
    """mean and scale of the parameters [P]; orthonormal directions [P, D]; offsets of the layers [L, D]; which layers
    see which parameters, 1 or 0 [L, P]."""

    mean: Tensor
    scale: Tensor
    directions: Tensor
    offsets: Tensor
    seen: Tensor

    @classmethod
    def of(cls, parameters: Tensor, num_layers: int, latent_dim: int, scales: Sequence[str]) -> Codes:
        """The space for drawings with these parameters [N, P]: codes have about zero mean and unit variance.

        scales: which layers see each parameter, some words of SCALES. Raises InputError where there are more parameters
        than pairs of channels, or one that no layer sees.
        """
        spread = parameters.std(0).clamp_min(0.05)
        count = parameters.shape[1]
        if 2 * count > latent_dim:
            raise InputError(
                f"Drawings with {count} parameters need codes of {2 * count} numbers, but the text encoder's are "
                f"{latent_dim}: take fewer parameters."
            )
        gates = {
            scale: layer_gates(num_layers, **{other: float(other == scale) for other in SCALES}) for scale in SCALES
        }
        seen = torch.stack(
            [sum((gates[scale] for scale in said.split()), torch.zeros(num_layers)) for said in scales], 1
        )
        if (blind := (seen == 0).all(0)).any():
            said = scales[int(blind.int().argmax())]
            raise InputError(f"Of {num_layers} layers none is {said}, but a parameter is for these alone: draw larger.")
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
            seen=seen,
        )

    def to(self, device: torch.device) -> Codes:
        return Codes(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def w(self, parameters: Tensor) -> Tensor:
        """Parameters [..., P] → w [..., D], of which each layer sees a part."""
        return (parameters - self.mean) * self.scale @ self.directions

    def layers(self, parameters: Tensor) -> Tensor:
        """Parameters [..., P] → code [..., L, D]: of w in each layer what that layer sees."""
        return ((parameters - self.mean) * self.scale)[..., None, :] * self.seen @ self.directions

    def along(self, w: Tensor) -> Tensor:
        """What w [..., D] has along the directions, [..., P]."""
        return w @ self.directions.T

    @torch.no_grad()
    def restrict(self, generator: Generator) -> None:
        """Make the generator's layers blind to all that they need not see; its drawings of codes stay the same."""
        for affines, seen in zip(affine_layers(generator), self.seen, strict=True):
            for affine in affines:
                affine.weight.copy_(self.along(affine.weight) * seen @ self.directions)


def affine_layers(generator: Generator) -> list[list[EqualLinear]]:
    """By W+ layer those that make styles of it."""
    found: list[list[EqualLinear]] = [[] for _ in range(generator.num_layers)]
    for i, layer in enumerate([generator.conv1, *generator.convs]):
        found[i].append(layer.conv.modulation)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    for j, layer in enumerate([generator.to_rgb1, *generator.to_rgbs]):
        found[2 * j + 1].append(layer.conv.modulation)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    return found
