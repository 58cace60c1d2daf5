"""Pictures as nodes show and save them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image


def as_pil(image: torch.Tensor) -> Image.Image:
    """A picture [H, W, 1, 3 or 4] in [0, 1], without its alpha."""
    pixels = as_bytes(image[..., :3])
    return Image.fromarray(pixels.repeat(3, -1) if pixels.shape[-1] == 1 else pixels)


def as_bytes(image: torch.Tensor) -> np.ndarray:
    """[H, W, C] floats → uint8 [H, W, C] on the CPU; what lies outside of [0, 1] is clamped."""
    return image.float().clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
