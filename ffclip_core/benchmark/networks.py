"""Networks of the published sizes, with random weights, and what they take."""

from __future__ import annotations

import torch
from torch import Tensor

from ..execution.encoder import FastEncoder
from ..execution.generator import FastGenerator
from ..execution.precision import has_bfloat16
from ..networks.modulation import Modulator
from ..networks.text_encoder import TextEncoder

SIZE = 1024
"""px: the largest published generator."""
CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
PROMPTS = ["Purple hair", "Bald", "Man aged 80", "Surprise"]
RMS = 0.5


def lower(device: torch.device) -> list[torch.dtype]:
    """The number formats besides float32 that are worth it."""
    return [torch.float16] * (device.type == "cuda") + [torch.bfloat16] * has_bfloat16(device)


def name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def plain_generator(size: int) -> FastGenerator:
    """With weights as its constructor makes them."""
    return FastGenerator(size=size, channels={side: count for side, count in CHANNELS.items() if side <= size}).eval()


def generator(size: int) -> FastGenerator:
    """Random weights, as spread as those of trained networks, for pictures as spread as real ones in [-1, 1]."""
    torch.manual_seed(0)
    spreads = {"modulation.weight": 0.6, "noise.weight": 0.05, "activate.bias": 0.2, "modulation.bias": 0.1}
    with torch.inference_mode(False), torch.no_grad():
        generator = plain_generator(size)
        for key, value in generator.state_dict().items():
            for ending, spread in spreads.items():
                if key.endswith(ending):
                    value.normal_(std=spread).add_(ending == "modulation.bias")
            if key.startswith("noises."):
                value.normal_()
        rms = generator(codes(generator, 4)).square().mean().sqrt()
        for layer in (generator.to_rgb1, *generator.to_rgbs):
            layer.conv.weight.mul_(RMS / rms)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
    return generator.eval().requires_grad_(False)


def codes(generator: FastGenerator, batch: int) -> Tensor:
    shape = (batch, generator.num_layers, generator.latent_dim)
    return 0.55 * torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(generator.latent_avg.device)


def encoder() -> FastEncoder:
    """e4e, in the order in which it is loaded from a file."""
    torch.manual_seed(0)
    return FastEncoder().eval().requires_grad_(False).to(memory_format=torch.channels_last)  # pyright: ignore


def modulator() -> Modulator:
    torch.manual_seed(0)
    return Modulator().eval().requires_grad_(False)


def text_encoder() -> TextEncoder:
    torch.manual_seed(0)
    return TextEncoder().eval().requires_grad_(False)
