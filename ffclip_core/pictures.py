"""Pictures as ComfyUI holds them ↔ pictures as the networks take them. The only place where this happens."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .errors import InputError

FITS = ("crop", "letterbox")
BLUR = 1 / 16
"""Standard deviation of the blur of a letterbox's bars, as a part of the picture's longer side."""


def prepare(
    images: Tensor | np.ndarray, size: tuple[int, int], fit: str = "crop", mask: Tensor | np.ndarray | None = None
) -> Tensor:
    """[B, H, W, C], floats in [0, 1] → float32 [B, 3, *size] in [-1, 1].

    images are a tensor or a NumPy array of any float type; what lies outside of [0, 1] is clamped, as Save Image does.
    C is 1 (gray), 3 (RGB) or 4 (RGB and alpha, laid on white). mask (shapes: see check_mask), 1 where a picture is
    transparent (ComfyUI keeps alpha apart so), is brought to the pictures' size and laid on white too. A picture of
    another shape than size (height, width) is cropped in the middle ("crop"), or keeps all its parts and gets bars
    that carry the colours of its borders on ("letterbox"); it is never squashed. It is resized by an antialiased
    bilinear filter, as PIL does. One picture is worked on at a time, so beside the result memory goes by the largest
    picture. Raises InputError for anything else, an empty batch too.
    """
    images = check_pictures(images)
    if fit not in FITS:
        raise InputError(f"A picture is fitted by {' or '.join(FITS)}, not '{fit}'.")
    masks = None if mask is None else check_mask(mask, len(images))
    result = torch.empty(len(images), 3, *size, dtype=torch.float32, device=images.device)
    for i, image in enumerate(images.split(1)):
        one = None if masks is None else masks[i % len(masks)][None]
        result[i : i + 1] = _prepare(image, size, fit, one)
    return result.mul_(2).sub_(1)


def check_pictures(images: Tensor | np.ndarray) -> Tensor:
    """The batch [B, H, W, C] as a tensor; raise InputError if it is none. Its numbers are looked at by prepare."""
    images = _tensor(images, "Pictures")
    if images.ndim != 4:
        raise InputError(
            f"A batch of pictures has the shape [batch, height, width, channels], not {list(images.shape)}: give one "
            "picture as images[None], gray ones as images[..., None]."
        )
    batch, height, width, channels = images.shape
    if batch == 0:
        raise InputError("The batch holds 0 pictures: connect at least one picture.")
    if height == 0 or width == 0:
        raise InputError(f"The pictures are {width}×{height} px in size: connect pictures that have pixels.")
    if channels not in (1, 3, 4):
        raise InputError(f"A picture has 1 (gray), 3 (RGB) or 4 (RGB and alpha) channels, not {channels}.")
    return images


def check_mask(mask: Tensor | np.ndarray, batch: int) -> Tensor:
    """The masks of so many pictures as [B or 1, h, w], floats or bool; raise InputError if they are none.

    Taken are [h, w], [B or 1, h, w], [B or 1, 1, h, w] and [B or 1, h, w, 1].
    """
    mask = _tensor(mask, "Masks")
    given = list(mask.shape)
    if mask.ndim == 2:
        mask = mask[None]
    elif mask.ndim == 4 and mask.shape[1] == 1:
        mask = mask[:, 0]
    elif mask.ndim == 4 and mask.shape[3] == 1:
        mask = mask[..., 0]
    if mask.ndim != 3 or len(mask) not in (1, batch):
        raise InputError(
            f"The mask has the shape {given}, but goes with {batch} pictures: connect one mask per picture, or one for "
            "all."
        )
    if not mask.numel():
        raise InputError(f"The mask is {mask.shape[2]}×{mask.shape[1]} px in size: connect one that has pixels.")
    _extremes(mask, "mask has")
    return mask


def to_images(x: Tensor, proportions: tuple[int, int] = (1, 1)) -> Tensor:
    """[B, 3, H, W] in about [-1, 1] → [B, H, W, 3] float32 in [0, 1].

    proportions, height to width: of the square that a generator for wider pictures draws, the middle rows alone are the
    picture (cars: 3 to 4).
    """
    rows = min(x.shape[-2], round(x.shape[-1] * proportions[0] / proportions[1]))
    top = (x.shape[-2] - rows) // 2
    x = x[:, :, top : top + rows]
    return rearrange(x.float().add(1).div(2).clamp(0, 1), "b c h w -> b h w c").contiguous()


def colours(image: Tensor) -> Tensor:
    """A picture or a part of one, [..., 1, 3 or 4] → float32 [..., 1 or 3] in [0, 1], alpha laid on white."""
    x = image.float().clamp(0, 1)
    return x[..., :3] * x[..., 3:] + (1 - x[..., 3:]) if x.shape[-1] == 4 else x


def _tensor(values: Tensor | np.ndarray, name: str) -> Tensor:
    """Floats, or a mask's bool, whoever holds them."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "f":
            values = np.require(values, np.float32, ["C", "W"])
        try:
            values = torch.from_numpy(values)
        except (TypeError, ValueError) as error:
            raise InputError(f"{name} hold floats from 0 to 1, not {values.dtype}.") from error
    if not isinstance(values, Tensor):
        raise InputError(f"{name} are given as a tensor or a NumPy array, not as {type(values).__name__}.")
    if not values.is_floating_point() and not (name == "Masks" and values.dtype == torch.bool):
        raise InputError(f"{name} hold floats from 0 to 1, not {values.dtype}: divide bytes by 255.")
    return values


def _extremes(values: Tensor, name: str) -> tuple[float, float]:
    """Least and greatest, which show NaN and infinity without a copy."""
    values = values.detach()
    if values.element_size() == 1:  # bool and float8, which cannot be compared.
        values = values.float()
    least, greatest = (float(value) for value in torch.aminmax(values))
    if not (math.isfinite(least) and math.isfinite(greatest)):
        raise InputError(f"The {name} values that are no numbers (NaN or infinite): look at the node before.")
    return least, greatest


def _in_range(values: Tensor, extremes: tuple[float, float]) -> Tensor:
    """float32, clamped to [0, 1]; a copy only where one is needed."""
    values = values.float()
    return values if extremes[0] >= 0 and extremes[1] <= 1 else values.clamp(0, 1)


def _prepare(image: Tensor, size: tuple[int, int], fit: str, mask: Tensor | None) -> Tensor:
    """[1, H, W, C] and mask [1, h, w] → [1, 3, *size] in [0, 1]."""
    extremes = _extremes(image, "pictures have")  # Of what is cut off too: it tells of a fault before.
    x = rearrange(image, "b h w c -> b c h w")
    height, width = x.shape[-2:]
    rows, columns = _middle(height, width, size) if fit == "crop" else (slice(None), slice(None))
    x = _in_range(x[:, :, rows, columns], extremes)
    if x.shape[1] == 4:
        alpha = x[:, 3:]
        x = x[:, :3] * alpha + (1 - alpha)
    if mask is not None and mask.any():
        clear = _in_range(mask[:, None].to(x.device), _extremes(mask, "mask has"))
        if clear.shape[-2:] != (height, width):
            clear = F.interpolate(clear, size=(height, width), mode="bilinear", antialias=True)
        clear = clear[:, :, rows, columns]
        x = x * (1 - clear) + clear
    x = _resize(x, size) if fit == "crop" else _letterbox(x, size)
    return x.expand(-1, 3, -1, -1)


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def _middle(height: int, width: int, size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the largest middle part that has the proportions of size."""
    rows = max(1, min(height, round(width * size[0] / size[1])))
    columns = max(1, min(width, round(height * size[1] / size[0])))
    top, left = (height - rows) // 2, (width - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def _letterbox(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The whole picture at the largest scale that fits, and around it the colours of its borders, blurred: an encoder
    takes plain bars for a part of what it sees. Nothing is ever larger than the picture or than size."""
    height, width = x.shape[-2:]
    rows = max(1, min(size[0], round(height * size[1] / width)))
    columns = max(1, min(size[1], round(width * size[0] / height)))
    x = _resize(x, (rows, columns))
    if (rows, columns) == size:
        return x
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    around = (left, size[1] - columns - left, top, size[0] - rows - top)
    result = blurred(F.pad(x, around, mode="replicate"), BLUR * max(size)).clamp(0, 1)
    result[:, :, top : top + rows, left : left + columns] = x
    return result


def blurred(x: Tensor, deviation: float) -> Tensor:
    """[B, C, H, W] by a Gaussian of this standard deviation in px along both axes, the borders carried on."""
    reach = math.ceil(3 * deviation)
    distances = torch.arange(-reach, reach + 1, dtype=torch.float32, device=x.device)
    weights = torch.exp(-0.5 * (distances / deviation) ** 2)
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 1, -1)
    x = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="replicate"), weights, groups=x.shape[1])
    return F.conv2d(F.pad(x, (0, 0, reach, reach), mode="replicate"), weights.transpose(2, 3), groups=x.shape[1])
