"""Of a picture only what an edit changed is other, bit for bit, and where it is there is neither ghost nor seam."""

from __future__ import annotations

import golden
import pytest
import torch
from ffclip.ffclip_core import Face, InputError, Placement, align, paste_back
from ffclip.ffclip_core.faces.pasting import MODES, difference_mask, paste, reaches
from torch import Tensor

SQUARE = [[70.0, 90.0], [110.0, 90.0], [75.0, 130.0], [105.0, 130.0]]


def picture(height: int = 240, width: int = 200, channels: int = 3) -> Tensor:
    """Large soft shapes and fine detail."""
    stream = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, channels, 6, 5, generator=stream)
    x = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0.1, 0.9)
    return (x + 0.05 * torch.rand(x.shape, generator=stream)).permute(0, 2, 3, 1)


def edited_crop(size: int = 64) -> tuple[Tensor, Tensor, Tensor, Placement]:
    """A picture, a soft inversion of its crop, that with a disc in another colour, and the placement."""
    image = picture()
    crop, placement = align(image, SQUARE, size)
    before = torch.nn.functional.avg_pool2d(crop.permute(0, 3, 1, 2), 5, 1, 2, count_include_pad=False)
    at = (torch.arange(size) + 0.5) / size - 0.5
    disc = ((at[:, None] ** 2 + at**2).sqrt() < 0.2).float()
    after = before * (1 - 0.6 * disc) + 0.6 * disc * torch.tensor([0.9, 0.1, 0.6])[:, None, None]
    return image, before.permute(0, 2, 3, 1), after.permute(0, 2, 3, 1), placement


@pytest.mark.parametrize("mode", MODES)
def test_without_an_edit_the_picture_is_its_own_bit_for_bit(mode: str) -> None:
    image, before, _, placement = edited_crop()
    assert torch.equal(paste_back(image, before, before.clone(), placement, mode), image)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [64, 200])
def test_outside_of_the_mask_every_pixel_is_its_own(mode: str, size: int) -> None:
    image, before, after, placement = edited_crop(size)
    result, mask = paste(image, before, after, placement, mode)
    assert torch.equal(result[mask == 0], image[mask == 0])
    assert 0 < (mask > 0).float().mean() < 0.6
    assert mask.max() <= 1
    left, top, right, bottom = placement.bounds()
    outside = torch.ones(1, *placement.picture, dtype=torch.bool)
    outside[:, top:bottom, left:right] = False
    assert not mask[outside].any()


def test_added_differences_are_the_edit_and_keep_the_pictures_detail() -> None:
    image, before, after, placement = edited_crop()
    result = paste_back(image, before, after, placement, "add")
    x, y = placement.corners().mean(0).round().int().tolist()
    part = (slice(None), slice(y - 8, y + 8), slice(x - 8, x + 8))
    change = (result - image)[part]
    wanted = (after - before)[:, 27:37, 27:37]
    assert float((change.mean((1, 2)) - wanted.mean((1, 2))).norm() / wanted.mean((1, 2)).norm()) < 0.1
    detail = [float((x[part][:, 1:] - x[part][:, :-1]).std()) for x in (image, result)]
    assert detail[1] > 0.95 * detail[0]


def test_replaced_parts_show_the_edit_alone() -> None:
    image, before, after, placement = edited_crop()
    after = torch.where((after - before).abs().amax(-1, keepdim=True) > 0, torch.tensor([0.2, 0.4, 0.9]), after)
    result, mask = paste(image, before, after, placement, "replace")
    whole = mask > 0.999
    assert whole.sum() > 500
    x, y = placement.corners().mean(0).round().int().tolist()
    shown = result[0, y - 5 : y + 5, x - 5 : x + 5]
    # One colour, so that Lanczos' weights, whose sum is 1, give it again.
    assert golden.error(shown, torch.tensor([0.2, 0.4, 0.9]).expand_as(shown)) < golden.rounding(12 * 12, layers=3)


def test_what_the_inversion_missed_of_a_shape_goes_with_it() -> None:
    """Hair that is longer than its inversion, and is to go, leaves no ends; what else the inversion missed stays."""
    places = (torch.arange(128) + 0.5) / 128
    away = ((places[:, None] - 0.5) ** 2 + (places - 0.5) ** 2).sqrt()[..., None]
    gray, dark = torch.full((1, 128, 128, 3), 0.6), torch.tensor([0.1, 0.1, 0.2])
    image, inversion = (torch.where(away < reach, dark, gray) for reach in (0.25, 0.2))
    image[:, 4:16, 4:16] = dark
    square = torch.tensor([[0, 0], [0, 128], [128, 128], [128, 0]], dtype=torch.float64)
    face = Face(points=square[:1].expand(5, 2), box=(0, 0, 128, 128), confidence=1, square=square)
    result = paste_back(image, inversion, gray, align(image, face, 128)[1])
    ghost = (result - gray)[0].abs().amax(-1)
    assert ghost[32:96, 32:96].max() < 0.25 * (gray - dark).max()
    assert torch.equal(result[:, :20, :20], image[:, :20, :20])


def test_there_is_no_seam_at_the_masks_rim() -> None:
    image, before, after, placement = edited_crop()
    result, mask = paste(image, before, after, placement)

    def steps(x: Tensor) -> Tensor:
        across = (x[:, :-1, 1:] - x[:, :-1, :-1]).abs().mean(-1)
        return across + (x[:, 1:, :-1] - x[:, :-1, :-1]).abs().mean(-1)

    rim = ((mask > 0) & (mask < 0.05))[:, :-1, :-1]
    assert rim.sum() > 200
    assert steps(result)[rim].mean() < 1.1 * steps(image)[rim].mean()


def test_a_users_mask_limits_the_edit() -> None:
    image, before, after, placement = edited_crop()
    allowed = torch.zeros(1, *placement.picture)
    allowed[:, :, : placement.picture[1] // 2] = 1
    result, mask = paste(image, before, after, placement, mask=allowed)
    assert mask[allowed > 0].any()
    assert torch.equal(result[allowed == 0], image[allowed == 0])
    small, _ = paste(image, before, after, placement, mask=torch.zeros(10, 10))
    assert torch.equal(small, image)


def test_alpha_stays_and_gray_becomes_colour() -> None:
    image, before, after, placement = edited_crop()
    alpha = torch.rand(1, *placement.picture, 1, generator=torch.Generator().manual_seed(2))
    with_alpha = torch.cat([image, alpha], -1)
    result = paste_back(with_alpha, before, after, placement)
    assert torch.equal(result[..., 3:], alpha)
    assert not torch.equal(result[..., :3], image)
    gray = paste_back(image[..., :1], before, after, placement)
    assert gray.shape == image.shape
    assert not torch.equal(gray[..., 0], gray[..., 1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_pictures_type_stays(dtype: torch.dtype) -> None:
    _, before, after, placement = edited_crop()
    image = torch.rand(1, 240, 200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).to(dtype)
    result, mask = paste(image, before, after, placement)
    assert result.dtype == dtype
    assert torch.equal(result[mask == 0], image[mask == 0])


def test_values_beyond_the_screen_stay_outside_of_the_mask() -> None:
    image, before, after, placement = edited_crop()
    bright = image * 3 - 0.5
    result, mask = paste(bright, before, after, placement)
    assert torch.equal(result[mask == 0], bright[mask == 0])
    faint = (mask > 0) & (mask < 0.05)
    assert faint.any()
    assert (result - bright)[faint].abs().max() < 0.1


def test_the_edit_reaches_the_border_where_it_is_the_pictures_own() -> None:
    image = picture(100, 100)
    square = torch.tensor([[0, 0], [0, 100], [100, 100], [100, 0]], dtype=torch.float64)
    crop, placement = align(
        image, Face(points=square[:1].expand(5, 2), box=(0, 0, 1, 1), confidence=1, square=square), 64
    )
    _, mask = paste(image, crop, 1 - crop, placement, "whole")
    assert mask.min() > 0.999
    inner = Face(points=square[:1].expand(5, 2), box=(0, 0, 1, 1), confidence=1, square=square / 2 + 20)
    crop, placement = align(image, inner, 64)
    _, mask = paste(image, crop, 1 - crop, placement, "whole")
    assert mask[0, 20, 20:70].max() < 0.1 < mask[0, 45, 45]


def test_what_goes_on_beyond_the_crop_is_noticed() -> None:
    _, before, _, placement = edited_crop()
    x = before.permute(0, 3, 1, 2)
    below = x.clone()
    below[:, :, 40:, 16:48] = 1 - below[:, :, 40:, 16:48]
    assert reaches(x, below, placement) == ("below",)
    assert reaches(x, x, placement) == ()


def test_the_difference_mask_of_a_batch() -> None:
    _, before, after, _ = edited_crop()
    masks = difference_mask(before, torch.cat([before, after]))
    assert masks.shape == (2, 64, 64)
    assert not masks[0].any()
    assert masks[1, 32, 32] > 0.999
    assert masks[1, 0, 0] == 0
    with pytest.raises(InputError, match="have one size"):
        difference_mask(before, after[:, :50])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mode": "blend"}, "auto, add, replace, whole, not 'blend'"),
        ({"feather": 2.0}, "0 to 0.5"),
        ({"image": torch.rand(1, 9, 9, 3)}, "200×240 px, not of 1 of 9×9"),
        ({"placement": None}, "what align"),
        ({"edited": torch.rand(1, 64, 32, 3)}, "one square picture each"),
        ({"edited": torch.rand(2, 64, 64, 3)}, "one square picture each"),
        ({"mask": torch.rand(3, 4, 4)}, "one mask per picture"),
    ],
)
def test_what_does_not_go_together_is_said(change: dict, told: str) -> None:
    image, before, after, placement = edited_crop()
    with pytest.raises(InputError, match=told):
        paste_back(**{"image": image, "inversion": before, "edited": after, "placement": placement} | change)
