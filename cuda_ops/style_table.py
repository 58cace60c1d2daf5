"""What all modulated convolutions of a generator need of w, laid out for one pass over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor


class ConvolutionShape(NamedTuple):
    inputs: int
    outputs: int
    layer: int
    gain: float
    demodulate: bool


@dataclass(frozen=True, eq=False)
class StyleTable:
    """The affine layers (w → style) and weight energies of N convolutions, float32 and on one device.

    affine: one [D, C_in] after the other, flat; bias: [ΣC_in]; energy: one gain²·Σ_k W² [C_in, C_out] after the other,
    flat, of those that demodulate; layout int64 [N, 7] and gains [N]: the same as `shapes`, for a kernel. A row of
    layout is the offsets into affine, bias and energy, C_in, C_out (0: no demodulation), the layer of w, and the
    offset among all demodulations.
    """

    affine: Tensor
    bias: Tensor
    energy: Tensor
    layout: Tensor
    gains: Tensor
    shapes: tuple[ConvolutionShape, ...]
    latent: int

    @classmethod
    def build(cls, convolutions: Sequence[tuple[Tensor, Tensor, Tensor, float, int, bool]]) -> StyleTable:
        """A table of one tuple a convolution: affine weight [C_in, D] times its equalised scale, affine bias [C_in],
        weight [C_out, C_in, k, k], gain, the index of its layer of w, and whether it demodulates.

        Gradients reach the weights where they ask for them. Raises ValueError for an empty list, or weights and
        biases whose shapes do not belong together.
        """
        if not convolutions:
            raise ValueError("A table of styles needs at least one convolution.")
        latent = convolutions[0][0].shape[1]
        affines, biases, energies, shapes, layout = [], [], [], [], []
        offsets = [0, 0, 0, 0]  # into affine, bias, energy and the demodulations
        for affine, bias, weight, gain, layer, demodulate in convolutions:
            outputs, inputs = weight.shape[:2]
            if affine.shape != (inputs, latent) or bias.shape != (inputs,):
                raise ValueError(
                    f"A convolution of {inputs} channels takes an affine layer of {[inputs, latent]} and {[inputs]}, "
                    f"not {list(affine.shape)} and {list(bias.shape)}."
                )
            affines.append(accurate(affine).T.reshape(-1))
            biases.append(accurate(bias))
            if demodulate:
                energies.append((accurate(weight).square().sum((2, 3)).T * gain**2).reshape(-1))
            shapes.append(ConvolutionShape(inputs, outputs, layer, float(gain), demodulate))
            layout.append([*offsets[:3], inputs, outputs if demodulate else 0, layer, offsets[3]])
            steps = (inputs * latent, inputs, inputs * outputs * demodulate, outputs * demodulate)
            offsets = [offset + step for offset, step in zip(offsets, steps, strict=True)]
        device = affines[0].device
        return cls(
            affine=torch.cat(affines),
            bias=torch.cat(biases),
            energy=torch.cat(energies) if energies else torch.empty(0, device=device, dtype=torch.float32),
            layout=torch.tensor(layout, device=device, dtype=torch.int64),
            gains=torch.tensor([shape.gain for shape in shapes], device=device, dtype=torch.float32),
            shapes=tuple(shapes),
            latent=latent,
        )

    def to(self, device: torch.device | str) -> StyleTable:
        """The same table on another device."""
        tensors = ("affine", "bias", "energy", "layout", "gains")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})

    @cached_property
    def last_layer(self) -> int:
        return max(shape.layer for shape in self.shapes)

    @cached_property
    def widest(self) -> int:
        """The longest vector in it."""
        return max(self.latent, *(max(shape.inputs, shape.outputs) for shape in self.shapes))

    def convolutions(self) -> Iterator[tuple[ConvolutionShape, Tensor, Tensor, Tensor | None]]:
        """Each convolution's shape, affine weight [D, C_in], bias [C_in], and energy [C_in, C_out] or None."""
        affines = self.affine.split([shape.inputs * self.latent for shape in self.shapes])
        biases = self.bias.split([shape.inputs for shape in self.shapes])
        energies = iter(self.energy.split([s.inputs * s.outputs for s in self.shapes if s.demodulate]))
        for shape, affine, bias in zip(self.shapes, affines, biases, strict=True):
            energy = next(energies).view(shape.inputs, shape.outputs) if shape.demodulate else None
            yield shape, affine.view(self.latent, shape.inputs), bias, energy


def accurate(tensor: Tensor) -> Tensor:
    """In float32 at least."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
