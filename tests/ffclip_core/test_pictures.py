"""Pictures in and out."""

from __future__ import annotations

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import InputError
from ffclip.ffclip_core.pictures import prepare, to_images
from PIL import Image


@pytest.mark.parametrize(("width", "height", "size"), [(345, 345, (256, 256)), (400, 300, (192, 256))])
def test_resizing_is_pils(width: int, height: int, size: tuple[int, int]) -> None:
    source = golden.picture("resize_in")[:, :height, :width]
    picture = Image.fromarray((source[0] * 255).round().byte().numpy())
    wanted = np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR), np.float32) / 255
    assert golden.difference(to_images(prepare(source, size)), torch.from_numpy(wanted)[None]) < 1.01 / 255


def test_crop_takes_the_middle_and_letterbox_keeps_everything() -> None:
    wide = torch.zeros(1, 32, 96, 3)
    wide[:, :, 32:64] = 0.5
    wide[:, :, 64:] = 1
    cropped = prepare(wide, (32, 32))
    assert torch.allclose(cropped, torch.zeros(1, 3, 32, 32))
    boxed = to_images(prepare(wide, (96, 96), "letterbox"))
    assert torch.equal(boxed[:, 32:64], wide)
    for bar in (boxed[:, :32], boxed[:, 64:]):  # The colours of the border, which run into each other.
        assert torch.allclose(bar[:, :, [8, 48, 88]], wide[:, :, [8, 48, 88]], atol=1e-2)
        assert 0 < bar[:, :, 31].min() and bar[:, :, 31].max() < 0.5
    tall = wide.transpose(1, 2)
    assert torch.equal(prepare(tall, (32, 32)), cropped.transpose(2, 3))


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2), (63, 65), (1000, 700)])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_every_shape_gives_the_size_and_stays_in_range(shape: tuple[int, int], fit: str) -> None:
    x = prepare(torch.rand(1, *shape, 3), (48, 64), fit)
    assert x.shape == (1, 3, 48, 64) and -1 <= x.min() and x.max() <= 1


def test_alpha_lies_on_white_and_gray_becomes_rgb() -> None:
    glass = torch.zeros(1, 8, 8, 4)
    glass[:, :, :4, 3] = 1
    x = to_images(prepare(glass, (8, 8)))
    assert torch.equal(x[:, :, :4], torch.zeros(1, 8, 4, 3)) and torch.equal(x[:, :, 4:], torch.ones(1, 8, 4, 3))
    gray = torch.full((2, 8, 8, 1), 0.25)
    assert torch.equal(to_images(prepare(gray, (8, 8))), torch.full((2, 8, 8, 3), 0.25))


def test_a_mask_says_what_is_transparent() -> None:
    mask = torch.zeros(1, 8, 8)
    mask[:, :, 4:] = 1
    x = to_images(prepare(torch.zeros(2, 8, 8, 3), (8, 8), mask=mask))
    assert torch.equal(x[:, :, :4], torch.zeros(2, 8, 4, 3)) and torch.equal(x[:, :, 4:], torch.ones(2, 8, 4, 3))
    # Load Image gives a small empty mask where there is no transparency.
    assert torch.equal(prepare(torch.zeros(1, 8, 8, 3), (8, 8), mask=torch.zeros(1, 2, 2)), -torch.ones(1, 3, 8, 8))
    with pytest.raises(InputError, match="goes with 2 pictures"):
        prepare(torch.zeros(2, 8, 8, 3), (8, 8), mask=torch.zeros(3, 8, 8))


@pytest.mark.parametrize(
    ("images", "fit", "says"),
    [
        (torch.zeros(0, 8, 8, 3), "crop", "0 pictures"),
        (torch.zeros(1, 8, 8, 2), "crop", "channels, not 2"),
        (torch.zeros(8, 8, 3), "crop", r"not \[8, 8, 3\]"),
        (torch.zeros(1, 0, 8, 3), "crop", "8×0 px"),
        (torch.zeros(1, 8, 8, 3), "squash", "not 'squash'"),
        (torch.zeros(1, 8, 8, 3, dtype=torch.uint8), "crop", "floats from 0 to 1, not torch.uint8"),
        (torch.full((1, 8, 8, 3), torch.nan), "crop", "no numbers"),
    ],
)
def test_what_is_no_picture_is_refused(images: torch.Tensor, fit: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        prepare(images, (8, 8), fit)


def test_pictures_leave_in_range() -> None:
    assert torch.equal(
        to_images(torch.tensor([-3.0, -1, 0, 1, 7]).expand(1, 3, 1, 5))[0, 0, :, 0], torch.tensor([0, 0, 0.5, 1, 1])
    )
