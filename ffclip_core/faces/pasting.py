"""Putting an edit back: of the picture only what the edit changed.

    out = picture · (1 - M·(1 - g)) + M · W⁻¹(edited - g·inversion)

W⁻¹ carries the crop back. M, the mask, says where the edit changed anything. g says how alike the shapes of edited and
inversion are there: where they are the same, such as under another colour (g = 1), the difference is added, so all of
the picture's own detail stays; where they are others (g = 0), the edited crop takes the place, and no ghost stays. It
does so also close beside them where the inversion missed what the picture shows, such as the ends of hair that goes.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..pictures import blurred, check_mask, check_pictures
from .alignment import Placement, cut, seen
from .resampling import resample

MODES = ("auto", "add", "replace", "whole")
FEATHER = 0.03
"""Width of the mask's soft rim, in sides of the crop."""

_FINE = 256  # Px of the crop in which mask and shapes are looked at, at most.
_FROM, _TO = 0.03, 0.10  # By how much of [0, 1] an edit changes what is in the mask a little, and wholly.
_NOISE = 0.7 / 64  # Deviation of the blur, in sides of the crop, over which a change is a change.
_RIM = 0.04  # In sides of the crop: the mask ends towards its border.
_LEAST = 2 / 255
_BEYOND = 0.1  # The part of a side of the crop that is changed where an edit goes on beyond it.
_WINDOW = 1 / 21  # Deviation of the window, in sides of the crop, in which shapes are compared.
_OTHER, _SAME = 0.97, 0.999  # Correlations up to which shapes are others, and from which they are the same.
_MISSED, _LOST = 0.15, 0.30  # By how much of [0, 1] an inversion misses the picture a little, and wholly.
_BESIDE = 3 / 64  # Up to which distance from other shapes that counts, in sides of the crop.


def paste_back(
    image: Tensor | np.ndarray,
    inversion: Tensor | np.ndarray,
    edited: Tensor | np.ndarray,
    placement: Placement,
    mode: str = "auto",
    mask: Tensor | np.ndarray | None = None,
    feather: float = FEATHER,
) -> Tensor:
    """The picture [1, H, W, C] in [0, 1] with what was changed between two crops of it, [1, h, w, 3] in [0, 1], as
    [1, H, W, 3], or 4 with its alpha untouched, in the picture's type.

    inversion is the crop before the edit as the generator draws it (or the crop itself, where the edit was made of it
    without an inversion), edited is that after. mode "add" adds differences, which is right for colours; "replace" puts
    the edited crop where anything changed, which is right for shapes; "auto" decides between them in each place;
    "whole" puts all of the edited crop there. mask ([H, W] or [1, H, W], 1 where the edit may show) limits it further.
    feather: width of the mask's soft rim, 0 to 0.5 of the crop's side.

    Outside of what changed every pixel is the picture's own, bit for bit; so is the whole where inversion and edited
    are equal. Raises InputError for what does not go together.
    """
    return paste(image, inversion, edited, placement, mode, mask, feather)[0]


def paste(
    image: Tensor | np.ndarray,
    inversion: Tensor | np.ndarray,
    edited: Tensor | np.ndarray,
    placement: Placement,
    mode: str = "auto",
    mask: Tensor | np.ndarray | None = None,
    feather: float = FEATHER,
) -> tuple[Tensor, Tensor]:
    """paste_back() and the mask that it used, float32 [1, H, W] in [0, 1]."""
    image, before, after = check_pictures(image), check_pictures(inversion), check_pictures(edited)
    height, width = image.shape[1:3]
    if not isinstance(placement, Placement):
        raise InputError(f"The placement is what align() gives, not {type(placement).__name__}.")
    if (height, width) != placement.picture or len(image) != 1:
        raise InputError(
            f"The placement is of one picture of {placement.picture[1]}×{placement.picture[0]} px, not of "
            f"{len(image)} of {width}×{height}: give the picture that was aligned."
        )
    if len(before) != 1 or len(after) != 1 or before.shape[1] != before.shape[2] or after.shape[1] != after.shape[2]:
        raise InputError(
            f"The crops before and after the edit are one square picture each, not {list(before.shape)} and "
            f"{list(after.shape)}."
        )
    if not isinstance(mode, str) or mode not in MODES:
        raise InputError(f"A picture is put back by {', '.join(MODES)}, not {str(mode)[:80]!r}.")
    feather = check_feather(feather)
    allowed = None if mask is None else limits_of(mask, image)[0]

    result = image.detach().clone() if image.shape[3] > 1 else image.detach().repeat(1, 1, 1, 3)
    a, b = (seen(x.detach().to(image.device)) for x in (before, after))
    used = torch.zeros(1, height, width, dtype=torch.float32, device=image.device)
    paste_into(result, used, a, b, placement, mode, allowed, feather)
    return result, used


def check_feather(feather: object) -> float:
    """Raises InputError for what is no width of a rim."""
    number = isinstance(feather, (int, float, np.number)) and not isinstance(feather, bool)
    if not number or not 0 <= feather <= 0.5:  # type: ignore[operator]
        raise InputError(f"The feather is 0 to 0.5 of the crop's side, not {str(feather)[:80]!r}.")
    return float(feather)  # type: ignore[arg-type]


def paste_into(
    picture: Tensor,
    used: Tensor,
    a: Tensor,
    b: Tensor,
    placement: Placement,
    mode: str = "auto",
    allowed: Tensor | None = None,
    feather: float = FEATHER,
    crop: Tensor | None = None,
) -> None:
    """paste() into the picture [1, H, W, 3 or 4] itself, of checked arguments: crops [1, 3, h, w], allowed [1, H, W] in
    [0, 1]. The mask goes into `used` [1, H, W], where it is more than what is there. crop: the picture's own, [1, s, s,
    3], where it has been cut already."""
    if a.shape != b.shape:
        a = F.interpolate(a, size=b.shape[2:], mode="bicubic", antialias=True).clamp(0, 1)
    if torch.equal(a, b):
        return
    small = _small(a, b)
    if mode == "auto" and crop is None:
        crop = cut(picture, Placement(matrix=placement.matrix, size=small[0].shape[-1], picture=placement.picture))
    where, shapes = _where(*small, mode, feather, placement, crop)
    size = b.shape[-1]
    if where.shape[-1] != size:
        where, shapes = (
            F.interpolate(x, size=(size, size), mode="bilinear", align_corners=False) for x in (where, shapes)
        )
    columns, rows = (where[0, 0].amax(i).nonzero().flatten().tolist() for i in (0, 1))
    if not rows:
        return
    part = Placement(matrix=placement.matrix, size=size, picture=placement.picture)
    left, top, right, bottom = part.bounds(
        columns[0] / size, rows[0] / size, (columns[-1] + 1) / size, (rows[-1] + 1) / size
    )
    if right <= left or bottom <= top:
        return
    layers = torch.cat([where, where * (1 - shapes), where * (b - shapes * a)], 1)
    back = part.into_crop(left, top)
    layers = resample(layers, back, (bottom - top, right - left))

    m, change = layers[:, :1], layers[:, 2:]
    own = picture[:, top:bottom, left:right, :3]
    before = own.permute(0, 3, 1, 2).float().contiguous()
    least, most = torch.aminmax(before)
    plain = bool(least >= 0) and bool(most <= 1)
    look = before if plain and picture.shape[3] == 3 else seen(picture[:, top:bottom, left:right])
    change.addcmul_(layers[:, 1:2], look, value=-1)
    if allowed is not None:
        limit = allowed[:, None, top:bottom, left:right]
        change.mul_(limit)
        m = m * limit
    shown = m >= _LEAST
    put = change.add_(before)
    if plain:
        put.clamp_(0, 1)
    else:  # What lies beyond the screen's range, as in HDR pictures, is not cut to it by a faint change.
        put = torch.minimum(torch.maximum(put, before.clamp(max=0)), before.clamp(min=1))
    own.copy_(torch.where(shown.permute(0, 2, 3, 1), put.permute(0, 2, 3, 1).to(own.dtype), own))
    of_part = used[:, top:bottom, left:right]
    torch.maximum(of_part, (m.clamp(max=1) * shown)[:, 0], out=of_part)


def reaches(inversion: Tensor, edited: Tensor, placement: Placement) -> tuple[str, ...]:
    """The sides of a crop at which an edit, of crops [1, 3, h, h] in [0, 1], goes on beyond it, where the picture
    does too: "above", "below", "left", "right" as in the crop."""
    where = changed(*_small(inversion, edited), 0.0)[0, 0]
    edge = max(1, round(_RIM * len(where)))
    bands = {
        "above": where[:edge],
        "below": where[-edge:],
        "left": where[:, :edge],
        "right": where[:, -edge:],
    }
    corners, (height, width) = placement.corners(), placement.picture
    ends = {"above": (0, 3), "below": (1, 2), "left": (0, 1), "right": (2, 3)}
    found = []
    for side, band in bands.items():
        x, y = corners[list(ends[side])].mean(0).tolist()
        if 1 < x < width - 1 and 1 < y < height - 1 and float((band > 0.5).float().mean()) > _BEYOND:
            found.append(side)
    return tuple(found)


def difference_mask(inversion: Tensor | np.ndarray, edited: Tensor | np.ndarray, feather: float = FEATHER) -> Tensor:
    """Where an edit changed pictures [B, H, W, C] in [0, 1]: float32 [B, H, W] in [0, 1]. feather: see paste_back()."""
    feather = check_feather(feather)
    before, after = check_pictures(inversion), check_pictures(edited)
    if before.shape[1:3] != after.shape[1:3] or len({len(before), len(after), 1}) > 2:
        raise InputError(
            f"Pictures before and after an edit have one size, not {list(before.shape)} and {list(after.shape)}."
        )
    count = max(len(before), len(after))
    result = torch.empty(count, *before.shape[1:3], dtype=torch.float32, device=before.device)
    for i in range(count):
        a, b = (seen(x[i % len(x)][None].detach()) for x in (before, after))
        found = changed(*_small(a, b), feather)
        result[i] = F.interpolate(found, size=result.shape[1:], mode="bilinear", align_corners=False)[0, 0]
    return result.clamp_(0, 1)


def _where(
    a: Tensor, b: Tensor, mode: str, feather: float, placement: Placement, crop: Tensor | None
) -> tuple[Tensor, Tensor]:
    """M and g, [1, 1, h, w]; crop: for "auto"."""
    rim = _rim(a.shape[-1], placement).to(a.device)
    if mode == "whole":
        return rim, torch.zeros_like(rim)
    where = changed(a, b, feather)
    if crop is None or mode != "auto":
        return where * rim, torch.full_like(where, float(mode == "add"))
    shapes = _same_shapes(a, b)
    missed = _missed(crop, a, where * (1 - shapes))
    return torch.maximum(where, missed) * rim, shapes * (1 - missed)


def _missed(crop: Tensor, a: Tensor, others: Tensor) -> Tensor:
    """Where an inversion is far from its crop, close to where shapes are others: [1, 1, h, w] in [0, 1]."""
    size = a.shape[-1]
    pixel, reach = round(size / 64), round(_BESIDE * size)
    own = F.interpolate(seen(crop).to(a.device), size=(size, size), mode="bilinear", antialias=True)
    off = _smoothstep(blurred((own - a).abs().amax(1, keepdim=True), _NOISE * size), _MISSED, _LOST)
    missed = off * F.max_pool2d(others, 2 * reach + 1, 1, reach)
    return blurred(F.max_pool2d(missed, 2 * pixel + 1, 1, pixel), size / 64)


def _small(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    longer = max(a.shape[2:])
    if longer <= _FINE:
        return a, b
    size = [max(1, round(n * _FINE / longer)) for n in a.shape[2:]]
    return tuple(F.interpolate(x, size=size, mode="bilinear", antialias=True) for x in (a, b))  # type: ignore[return-value]


def changed(a: Tensor, b: Tensor, feather: float = FEATHER) -> Tensor:
    """Where pictures [B, 3, h, w] in [0, 1] differ: [B, 1, h, w] in [0, 1]."""
    size = max(a.shape[2:])
    difference = blurred((a - b).abs().amax(1, keepdim=True), _NOISE * size)
    where = _smoothstep(difference, _FROM, _TO)
    reach = round(feather * size)
    if not reach:
        return where
    return blurred(F.max_pool2d(where, 2 * reach + 1, 1, reach), reach / 2)


def _same_shapes(a: Tensor, b: Tensor) -> Tensor:
    """g by the normalised cross-correlation of what is bright and dark in a window about each place."""
    deviation = _WINDOW * a.shape[-1]
    a, b = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    means = blurred(torch.cat([a, b, a * a, b * b, a * b], 1), deviation)
    mean_a, mean_b, aa, bb, ab = means.split(1, 1)
    spread = (aa - mean_a**2).clamp(min=1e-6) * (bb - mean_b**2).clamp(min=1e-6)
    return _smoothstep((ab - mean_a * mean_b) / spread.sqrt(), _OTHER, _SAME)


def _rim(size: int, placement: Placement) -> Tensor:
    """1 within the crop, 0 at its border where the picture goes on beyond it: [1, 1, size, size]."""
    at = torch.arange(size, dtype=torch.float32, device="cpu") / max(1, size - 1)
    height, width = placement.picture
    top_left, bottom_left, bottom_right, top_right = placement.corners()
    rim = torch.ones(size, size, dtype=torch.float32, device="cpu")
    for start, end, away, across in (
        (top_left, top_right, at, True),
        (bottom_left, bottom_right, 1 - at, True),
        (top_left, bottom_left, at, False),
        (top_right, bottom_right, 1 - at, False),
    ):
        x, y = (start + at[:, None] * (end - start)).unbind(1)
        goes_on = (x > 1) & (x < width - 1) & (y > 1) & (y < height - 1)
        fall = torch.where(goes_on, _smoothstep(away, 0, _RIM)[:, None], 1.0)  # [away from this side, along it]
        rim *= fall if across else fall.T
    return rim[None, None]


def limits_of(mask: Tensor | np.ndarray, images: Tensor) -> list[Tensor]:
    """A user's masks (shapes: see check_mask) for each of the pictures [B, H, W, C], [1, H, W] in [0, 1]."""
    masks = check_mask(mask, len(images)).detach().to(images.device, torch.float32).clamp(0, 1)
    if masks.shape[1:] != images.shape[1:3]:
        masks = F.interpolate(masks[:, None], size=images.shape[1:3], mode="bilinear", antialias=True)[:, 0].clamp(0, 1)
    return [masks[i % len(masks)][None] for i in range(len(images))]


def _smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
