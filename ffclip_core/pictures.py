"""Pictures as ComfyUI holds them ↔ pictures as the networks take them. The only place where this happens."""

from __future__ import annotations

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .errors import InputError

FITS = ("crop", "letterbox")


def prepare(images: Tensor, size: tuple[int, int], fit: str = "crop", mask: Tensor | None = None) -> Tensor:
    """[B, H, W, C], floats in [0, 1] → [B, 3, *size] in [-1, 1].

    C is 1 (gray), 3 (RGB) or 4 (RGB and alpha, laid on white). mask [B or 1, h, w], 1 where a picture is transparent
    (ComfyUI keeps alpha apart so), is brought to the pictures' size and laid on white too. A picture of another shape
    than size (height, width) is cropped in the middle ("crop") or gets white bars ("letterbox"), never squashed; then
    it is resized by an antialiased bilinear filter, as PIL does. Raises InputError for anything else, an empty batch
    too.
    """
    if images.ndim != 4:
        raise InputError(
            f"A batch of pictures has the shape [batch, height, width, channels], not {list(images.shape)}."
        )
    batch, height, width, channels = images.shape
    if batch == 0:
        raise InputError("The batch holds 0 pictures: connect at least one picture.")
    if height == 0 or width == 0:
        raise InputError(f"The pictures are {width}×{height} px in size: connect pictures that have pixels.")
    if channels not in (1, 3, 4):
        raise InputError(f"A picture has 1 (gray), 3 (RGB) or 4 (RGB and alpha) channels, not {channels}.")
    if not images.is_floating_point():
        raise InputError(f"Pictures hold floats from 0 to 1, not {images.dtype}: divide bytes by 255.")
    if not images.isfinite().all():
        raise InputError("The pictures have values that are no numbers (NaN or infinite): look at the node before.")
    if fit not in FITS:
        raise InputError(f"A picture is fitted by {' or '.join(FITS)}, not '{fit}'.")
    x = rearrange(images.float(), "b h w c -> b c h w")
    if channels == 4:
        alpha = x[:, 3:]
        x = x[:, :3] * alpha + (1 - alpha)
    x = x.expand(-1, 3, -1, -1)
    if mask is not None:
        check_mask(mask, batch)
        clear = _transparency(mask, (height, width)).to(x)
        x = x * (1 - clear) + clear
    x = _crop(x, size) if fit == "crop" else _letterbox(x, size)
    x = F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
    return x.clamp(0, 1) * 2 - 1


def check_mask(mask: Tensor, batch: int) -> None:
    """Raise InputError unless the mask [B or 1, h, w] goes with this many pictures."""
    if mask.ndim != 3 or len(mask) not in (1, batch):
        raise InputError(
            f"The mask has the shape {list(mask.shape)}, but goes with {batch} pictures: connect one mask per picture, "
            "or one for all."
        )
    if not mask.isfinite().all():
        raise InputError("The mask has values that are no numbers (NaN or infinite): look at the node before.")


def _transparency(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, h, w] → [B, 1, *size]."""
    mask = mask[:, None].float()
    return mask if mask.shape[-2:] == size else F.interpolate(mask, size=size, mode="bilinear", antialias=True)


def to_images(x: Tensor, proportions: tuple[int, int] = (1, 1)) -> Tensor:
    """[B, 3, H, W] in about [-1, 1] → [B, H, W, 3] float32 in [0, 1].

    proportions, height to width: of the square that a generator for wider pictures draws, the middle rows alone are the
    picture (cars: 3 to 4).
    """
    rows = min(x.shape[-2], round(x.shape[-1] * proportions[0] / proportions[1]))
    top = (x.shape[-2] - rows) // 2
    x = x[:, :, top : top + rows]
    return rearrange(x.float().add(1).div(2).clamp(0, 1), "b c h w -> b h w c").contiguous()


def _crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest middle part that has the proportions of size."""
    height, width = x.shape[-2:]
    keep_height = max(1, min(height, round(width * size[0] / size[1])))
    keep_width = max(1, min(width, round(height * size[1] / size[0])))
    top, left = (height - keep_height) // 2, (width - keep_width) // 2
    return x[:, :, top : top + keep_height, left : left + keep_width]


def _letterbox(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The whole picture with white bars that give it the proportions of size."""
    height, width = x.shape[-2:]
    more_height = max(0, round(width * size[0] / size[1]) - height)
    more_width = max(0, round(height * size[1] / size[0]) - width)
    left, top = more_width // 2, more_height // 2
    return F.pad(x, (left, more_width - left, top, more_height - top), value=1.0)
