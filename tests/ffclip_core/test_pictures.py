"""Pictures in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import golden
import memory
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
    # PIL rounds to whole grey levels, once along each axis.
    assert golden.largest_error(to_images(prepare(source, size)), torch.from_numpy(wanted)[None]) < 1.01 / 255


def test_crop_takes_the_middle_and_letterbox_keeps_everything() -> None:
    wide = torch.zeros(1, 32, 96, 3)
    wide[:, :, 32:64] = 0.5
    wide[:, :, 64:] = 1
    cropped = prepare(wide, (32, 32))
    assert not cropped.any()
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


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_what_lies_out_of_range_is_clamped_before_anything_else(fit: str) -> None:
    """As Save Image does."""
    hdr = torch.rand(2, 20, 30, 3) * 4 - 1
    assert hdr.min() < 0 and hdr.max() > 1
    assert torch.equal(prepare(hdr, (16, 16), fit), prepare(hdr.clamp(0, 1), (16, 16), fit))
    glass = torch.cat([hdr, torch.rand(2, 20, 30, 1) * 4 - 1], -1)
    assert torch.equal(prepare(glass, (16, 16), fit), prepare(glass.clamp(0, 1), (16, 16), fit))
    mask = torch.rand(1, 20, 30) * 4 - 1
    assert torch.equal(prepare(hdr, (16, 16), fit, mask), prepare(hdr, (16, 16), fit, mask.clamp(0, 1)))
    kept = hdr.clone()
    prepare(hdr, (16, 16), fit, mask)
    assert torch.equal(hdr, kept), "a caller's picture is not written on"


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_bars_never_show_more_than_the_borders_have(fit: str) -> None:
    plain = torch.tensor([0.2, 0.5, 0.7]).expand(1, 10, 40, 3)
    x = to_images(prepare(plain, (64, 64), fit))
    assert golden.error(plain[:, :1, :1].expand_as(x), x) < golden.OPERATORS


@pytest.mark.parametrize(("shape", "rows", "columns"), [((40, 20), 64, 32), ((20, 40), 32, 64), ((2, 3), 43, 64)])
def test_a_letterboxed_picture_is_not_squashed(shape: tuple[int, int], rows: int, columns: int) -> None:
    image = torch.rand(1, *shape, 3)
    x = prepare(image, (64, 64), "letterbox")
    top, left = (64 - rows) // 2, (64 - columns) // 2
    assert torch.equal(x[:, :, top : top + rows, left : left + columns], prepare(image, (rows, columns)))


def test_a_picture_of_the_right_shape_has_no_bars() -> None:
    image = torch.rand(1, 30, 40, 3)
    assert torch.equal(prepare(image, (48, 64), "letterbox"), prepare(image, (48, 64)))


@pytest.mark.parametrize("shape", [(1, 100_000), (100_000, 1), (64, 9_000), (9_000, 64)])
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_memory_goes_by_the_picture_whatever_its_shape(shape: tuple[int, int], fit: str) -> None:
    image = torch.rand(1, *shape, 3)
    size, prepared = (256, 256), 3 * 256 * 256 * 4
    prepare(image[:, :2, :2], size, fit)  # What a first call takes for itself.
    before = memory.now()
    x = prepare(image, size, fit)
    assert x.shape == (1, 3, *size) and x.isfinite().all()
    # A few copies of the picture and of what is prepared, and what the system adds up late.
    assert memory.peak() - before <= 8 * (image.numel() * 4 + prepared) + 2**24


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("convert", "eps"),
    [
        (lambda x: x.double(), 0),
        (lambda x: x.half(), 2**-11),
        (lambda x: x.bfloat16(), 2**-8),
        (lambda x: x.numpy(), 0),
        (lambda x: x.double().numpy(), 0),
        (lambda x: x.half().numpy(), 2**-11),
        (lambda x: x.numpy().astype(">f4"), 0),
        (lambda x: x.numpy().astype(np.longdouble), 0),
        (lambda x: x.numpy()[::-1, ::-1][::-1, ::-1], 0),
        (lambda x: np.broadcast_to(x.numpy(), x.shape), 0),
        (lambda x: x.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0), 0),
    ],
)
@pytest.mark.filterwarnings("error")
def test_pictures_of_every_kind_of_floats(convert: Callable[[torch.Tensor], Any], eps: float, channels: int) -> None:
    image = torch.rand(2, 20, 30, channels)
    expected, found = prepare(image, (16, 16)), prepare(convert(image), (16, 16))
    assert found.dtype == torch.float32
    # What a channel loses by rounding, twice where alpha multiplies it; pixels are twice as far from the middle.
    assert (found - expected).abs().max() <= 8 * eps + 1e-6


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((1, 8, 8, 3), np.uint8), "floats from 0 to 1, not torch.uint8: divide bytes by 255"),
        (np.zeros((1, 8, 8, 3), object), "floats from 0 to 1, not object"),
        (torch.zeros(1, 8, 8, 3, dtype=torch.complex64), "not torch.complex64"),
        (torch.zeros(1, 8, 8, 3, dtype=torch.bool), "not torch.bool"),
        (np.zeros((8, 8, 3), np.float32), r"not \[8, 8, 3\]: give one picture as images\[None\]"),
        (torch.zeros(2, 8, 8), r"gray ones as images\[..., None\]"),
        (torch.full((1, 8, 8, 3), torch.inf), "no numbers"),
        (torch.full((1, 8, 8, 3), torch.nan, dtype=torch.float16), "no numbers"),
        (None, "not as NoneType"),
        (Image.new("RGB", (8, 8)), "a tensor or a NumPy array, not as Image"),
    ],
)
def test_what_else_is_no_picture_is_refused(images: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        prepare(images, (8, 8))


def test_what_would_be_cropped_off_is_looked_at_too() -> None:
    image = torch.zeros(1, 8, 80, 3)
    image[:, :, 0] = torch.nan
    with pytest.raises(InputError, match="no numbers"):
        prepare(image, (8, 8))


@pytest.mark.parametrize(
    "shape",
    [
        lambda mask: mask,
        lambda mask: mask[0],
        lambda mask: mask[:, None],
        lambda mask: mask[..., None],
        lambda mask: mask.expand(2, -1, -1),
        lambda mask: mask.expand(2, -1, -1)[:, None],
        lambda mask: mask.expand(2, -1, -1)[..., None],
        lambda mask: mask.bool(),
        lambda mask: mask.double(),
        lambda mask: mask.half(),
        lambda mask: mask.numpy(),
        lambda mask: mask[0].bool().numpy(),
    ],
)
@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_masks_in_every_shape_that_nodes_give(shape: Callable[[torch.Tensor], Any], fit: str) -> None:
    mask = torch.zeros(1, 12, 20)
    mask[:, :, 10:] = 1
    images = torch.zeros(2, 12, 20, 3)
    expected = prepare(images, (12, 12), fit, mask)
    assert expected.min() == -1 and expected.max() == 1
    assert golden.error(prepare(images, (12, 12), fit, shape(mask)), expected) < golden.OPERATORS


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_masks_of_another_size_are_resized_as_pictures_are(fit: str) -> None:
    images = torch.rand(2, 30, 40, 3)
    # Load Image gives a small empty mask where there is no transparency.
    assert torch.equal(prepare(images, (16, 16), fit, torch.zeros(1, 64, 64)), prepare(images, (16, 16), fit))
    white = torch.ones(2, 3, 16, 16)
    assert golden.error(prepare(images, (16, 16), fit, torch.ones(2, 7, 5)), white) < golden.OPERATORS
    # White on black comes out as the mask itself would as a picture, and a fine pattern as its mean.
    mask = torch.rand(1, 60, 80)
    small = torch.nn.functional.interpolate(mask[:, None], (30, 40), mode="bilinear", antialias=True)[0, 0, ..., None]
    expected = prepare(small.expand(1, -1, -1, 3), (16, 16), fit)
    found = prepare(torch.zeros(1, 30, 40, 3), (16, 16), fit, mask)
    assert golden.error(found, expected) < golden.OPERATORS


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (torch.zeros(3, 8, 8), r"shape \[3, 8, 8\], but goes with 2 pictures: connect one mask per picture"),
        (torch.zeros(8), r"shape \[8\]"),
        (torch.zeros(2, 8, 8, 3), r"shape \[2, 8, 8, 3\]"),
        (torch.zeros(1, 0, 8), "8×0 px"),
        (torch.full((1, 8, 8), torch.nan), "mask has values that are no numbers"),
        (torch.zeros(1, 8, 8, dtype=torch.uint8), "Masks hold floats from 0 to 1, not torch.uint8: divide bytes"),
        ([[0.0]], "Masks are given as a tensor or a NumPy array, not as list"),
    ],
)
def test_what_is_no_mask_is_refused(mask: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        prepare(torch.zeros(2, 8, 8, 3), (8, 8), mask=mask)
