"""Pictures as nodes show them while they run and after it."""

from __future__ import annotations

import torch
from PIL import Image


def as_pil(image: torch.Tensor) -> Image.Image:
    """A picture [H, W, 1, 3 or 4] in [0, 1], without its alpha."""
    pixels = image[..., :3].float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(pixels.expand(-1, -1, 3).contiguous().cpu().numpy())
