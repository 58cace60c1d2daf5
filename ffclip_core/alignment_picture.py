"""A picture of the alignment maps S: which layers each semantic modulation block found the text to speak about."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from .finite import require_finite

CELL = 44
LEFT = 84
TOP = 84
RIGHT = 16
BOTTOM = 44
TITLE_SIZE = 16
LABEL_SIZE = 13
LONGEST_TITLE = 200
"""Characters; no heat map is wide enough for more, and laying out letters takes time."""
# What Windows, macOS and Linux come with. Pillow's own font has English letters only.
SYSTEM_FONTS = (
    *("arial.ttf", "msyh.ttc", "msgothic.ttc", "malgun.ttf"),
    *("Arial Unicode.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc"),
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "wqy-microhei.ttc"),
)
INK = (40, 40, 46)
FAINT = (120, 120, 130)
# From "does not matter" to "is all that matters". Lightness falls evenly, so it reads in grey as well.
RAMP = np.array([(250, 249, 245), (252, 210, 140), (240, 128, 84), (178, 50, 92), (74, 16, 92)], dtype=np.float64)


def alignment_picture(alignment: torch.Tensor, titles: Sequence[str]) -> torch.Tensor:
    """Draw one heat map per edit: a row per modulation block, a column per generator layer.

    alignment is [N, blocks, L]: the softmax over the L layers, so that a row adds up to 1; titles are the N prompts.
    Cells carry their share in per cent. Colours go by its square root, on the same scale in every picture: an even
    spread stays pale, and a single layer that takes all is darkest.
    A title is one line: what is too long loses its middle, and letters that no font here has are written as their code
    points (\\u7d2b). Gives [N, H, W, 3] float32 in [0, 1]. Raises InputError for NaN and infinity.
    """
    require_finite(alignment, "The alignment maps", "edit", "block", "layer")
    height, width = _size(*alignment.shape[1:])
    pictures = torch.empty(len(alignment), height, width, 3, dtype=torch.float32, device="cpu")
    for picture, edit, title in zip(pictures, alignment.detach().double().cpu(), titles, strict=True):
        picture.copy_(torch.from_numpy(_draw(edit.numpy(), title)))
    return pictures.div_(255)


def _size(blocks: int, layers: int) -> tuple[int, int]:
    return TOP + blocks * CELL + BOTTOM, LEFT + layers * CELL + RIGHT


def _draw(shares: np.ndarray, title: str) -> np.ndarray:
    blocks, layers = shares.shape
    height, width = _size(blocks, layers)
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    label_font = ImageFont.load_default(LABEL_SIZE)

    line, title_font = _legible(title)
    draw.text((LEFT, 10), _fitted(line, title_font, layers * CELL), fill=INK, font=title_font)
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
    return np.array(picture)


def _layer_groups(layers: int) -> list[tuple[int, int, str]]:
    """First and last layer of the coarse, medium and fine groups (StyleGAN's split at 8 px and at 32 px)."""
    groups = [(0, min(3, layers - 1), "coarse"), (4, min(7, layers - 1), "medium"), (8, layers - 1, "fine")]
    return [group for group in groups if group[0] <= group[1]]


def _colour(level: float) -> tuple[int, int, int]:
    position = min(max(level, 0.0), 1.0) * (len(RAMP) - 1)
    below = min(int(position), len(RAMP) - 2)
    red, green, blue = RAMP[below] + (position - below) * (RAMP[below + 1] - RAMP[below])
    return round(red), round(green), round(blue)


Font: TypeAlias = "ImageFont.ImageFont | ImageFont.FreeTypeFont"


def _legible(title: str) -> tuple[str, Font]:
    """A title in one line that a font has all letters of, and this font."""
    if len(title) > LONGEST_TITLE:
        title = title[: LONGEST_TITLE // 2] + "…" + title[-LONGEST_TITLE // 2 :]
    title = " ".join(title.split())
    fonts = _fonts()
    foreign = [letter for letter in title if not _has(fonts[0], letter)]
    if foreign and all(_stands_alone(letter) for letter in foreign):
        for font in fonts[1:]:
            if all(_has(font, letter) for letter in title):
                return title, font
    return "".join(letter if _has(fonts[0], letter) else _spelled(letter) for letter in title), fonts[0]


@cache
def _fonts() -> list[Font]:
    """Pillow's own, and those of SYSTEM_FONTS that are there."""
    fonts: list[Font] = [ImageFont.load_default(TITLE_SIZE)]
    for name in SYSTEM_FONTS:
        try:
            fonts.append(ImageFont.truetype(name, TITLE_SIZE, layout_engine=ImageFont.Layout.BASIC))
        except (OSError, ImportError):
            continue
    return fonts


@lru_cache(maxsize=10_000)
def _has(font: Font, letter: str) -> bool:
    """Whether the letter is none that the font draws a box for, as for one that no font has."""
    if letter == " ":
        return True
    if not letter.isprintable():  # Also half an emoji, which Pillow fails at.
        return False
    return _glyph(font, letter) != _glyph(font, "\uffff")


def _glyph(font: Font, letter: str) -> bytes:
    picture = Image.new("L", (3 * TITLE_SIZE, 2 * TITLE_SIZE))
    try:
        ImageDraw.Draw(picture).text((0, 0), letter, fill=255, font=font)
    except UnicodeEncodeError:  # Of a Pillow without FreeType, whose only font has 256 letters.
        pass
    return picture.tobytes()


def _stands_alone(letter: str) -> bool:
    """Whether letters as this one are drawn one after the other from left to right, as a basic layout does: no Arabic,
    Hebrew or Indic ones, no accents that stand on another letter."""
    return (
        letter.isprintable()
        and unicodedata.bidirectional(letter) not in ("R", "AL", "AN", "NSM", "BN")
        and unicodedata.category(letter) not in ("Mn", "Mc", "Me")
        and not 0x0900 <= ord(letter) < 0x1100
    )


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _fitted(text: str, font: Font, width: float) -> str:
    """The text, without its middle where it is wider: prompts in a row differ at their ends more often."""
    if font.getlength(text) <= width:
        return text
    fits, wider = 0, len(text)  # letters that are left, by halving
    while wider - fits > 1:
        middle = (fits + wider) // 2
        if font.getlength(_shortened(text, middle)) <= width:
            fits = middle
        else:
            wider = middle
    return _shortened(text, fits)


def _shortened(text: str, letters: int) -> str:
    end = letters // 3
    return text[: letters - end] + "…" + text[len(text) - end :]
