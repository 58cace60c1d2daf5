"""A picture of the alignment maps S: which layers each semantic modulation block found the text to speak about."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

CELL = 44
LEFT = 84
TOP = 84
RIGHT = 16
BOTTOM = 44
TITLE_SIZE = 16
LABEL_SIZE = 13
INK = (40, 40, 46)
FAINT = (120, 120, 130)
# From "does not matter" to "is all that matters". Lightness falls evenly, so it reads in grey as well.
RAMP = np.array([(250, 249, 245), (252, 210, 140), (240, 128, 84), (178, 50, 92), (74, 16, 92)], dtype=np.float64)


def alignment_picture(alignment: torch.Tensor, titles: Sequence[str]) -> torch.Tensor:
    """Draw one heat map per edit: a row per modulation block, a column per generator layer.

    alignment is [N, blocks, L]: the softmax over the L layers, so that a row adds up to 1; titles are the N prompts.
    Cells carry their share in per cent. Colours go by its square root, on the same scale in every picture: an even
    spread stays pale, and a single layer that takes all is darkest.
    Gives [N, H, W, 3] float32 in [0, 1].
    """
    drawn = [_draw(edit.numpy(), title) for edit, title in zip(alignment.double().cpu(), titles, strict=True)]
    return torch.from_numpy(np.stack(drawn).astype(np.float32) / 255)


def _draw(shares: np.ndarray, title: str) -> np.ndarray:
    blocks, layers = shares.shape
    picture = Image.new("RGB", (LEFT + layers * CELL + RIGHT, TOP + blocks * CELL + BOTTOM), "white")
    draw = ImageDraw.Draw(picture)
    title_font, label_font = ImageFont.load_default(TITLE_SIZE), ImageFont.load_default(LABEL_SIZE)

    draw.text((LEFT, 10), _fitted(title, title_font, layers * CELL), fill=INK, font=title_font)
    for first, last, name in _layer_groups(layers):
        left, right = LEFT + first * CELL, LEFT + (last + 1) * CELL
        draw.text(((left + right) / 2, 47), name, fill=FAINT, font=label_font, anchor="mm")
        draw.line((left + 3, 57, right - 4, 57), fill=FAINT)
    for layer in range(layers):
        draw.text((LEFT + (layer + 0.5) * CELL, 71), str(layer), fill=INK, font=label_font, anchor="mm")

    for block in range(blocks):
        top = TOP + block * CELL
        draw.text((LEFT - 10, top + CELL / 2), f"block {block + 1}", fill=INK, font=label_font, anchor="rm")
        for layer in range(layers):
            share = float(shares[block, layer])
            left = LEFT + layer * CELL
            level = math.sqrt(share)
            draw.rectangle((left + 1, top + 1, left + CELL - 2, top + CELL - 2), fill=_colour(level))
            draw.text(
                (left + CELL / 2, top + CELL / 2),
                f"{100 * share:.0f}",
                fill="white" if level > 0.6 else INK,
                font=label_font,
                anchor="mm",
            )
    caption = "per cent of each block's attention, by generator layer"
    draw.text((LEFT, TOP + blocks * CELL + 14), caption, fill=FAINT, font=label_font)
    return np.asarray(picture)


def _layer_groups(layers: int) -> list[tuple[int, int, str]]:
    """First and last layer of the coarse, medium and fine groups (StyleGAN's split at 8 px and at 32 px)."""
    groups = [(0, min(3, layers - 1), "coarse"), (4, min(7, layers - 1), "medium"), (8, layers - 1, "fine")]
    return [group for group in groups if group[0] <= group[1]]


def _colour(level: float) -> tuple[int, int, int]:
    position = min(max(level, 0.0), 1.0) * (len(RAMP) - 1)
    below = min(int(position), len(RAMP) - 2)
    red, green, blue = RAMP[below] + (position - below) * (RAMP[below + 1] - RAMP[below])
    return round(red), round(green), round(blue)


def _fitted(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
