"""Which of a generator's weights pivotal tuning changes, and generators that differ from another by these alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .execution.generator import FastGenerator
from .networks.generator import Generator
from .networks.layers import ModulatedConv2d

_TUNED = ("modulation.weight", "modulation.bias", "activate.bias", "noise.weight")


def tuned(network: Generator) -> list[str]:
    """The names of the weights that are tuned."""
    return [name for name, _ in network.named_parameters() if name.endswith(_TUNED) or name.startswith("to_rgb")]


def plain(generator: Generator) -> Generator:
    """The network as it is written, in float32; shares what is that already."""
    state = {
        # What ComfyUI moved in inference mode can't be differentiated through.
        name: value.float().clone() if value.is_inference() else value.float()
        for name, value in generator.state_dict().items()
    }
    return _filled(Generator, generator, state)


def with_weights(generator: FastGenerator, weights: Mapping[str, Tensor]) -> FastGenerator:
    """A generator with these weights in place of its own, which shares all others."""
    state = generator.state_dict()
    state.update({name: value.detach().to(state[name].dtype) for name, value in weights.items()})
    return _filled(FastGenerator, generator, state)


def _filled(kind: type[Any], generator: Generator, state: Mapping[str, Tensor]) -> Any:
    with torch.device("meta"):
        made = kind(**vars(generator.config), family=generator.family)
    made.requires_grad_(False)  # Before: what was made in inference mode can't be asked for gradients.
    made.load_state_dict(state, assign=True)
    if kind is FastGenerator:
        for new, old in zip(made.modules(), generator.modules(), strict=True):
            if isinstance(new, ModulatedConv2d) and isinstance(old, ModulatedConv2d):
                new.precision = old.precision
    return made.eval()
