"""Every kind of picture → a square of RGB, and what is none is said to be none."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from ffclip.ffclip_core import pictures
from ffclip.ffclip_core.training.sources.decoding import MOST_PIXELS, decoded, endings, square
from ffclip.ffclip_core.training.sources.left_out import LeftOutError
from PIL import Image

RNG = np.random.default_rng(0)
COLOURED = RNG.integers(0, 256, (40, 60, 3), np.uint8)


def saved(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def shown(data: bytes, size: int = 40) -> np.ndarray:
    """By its middle square at its own size, unless another is asked for."""
    return decoded(data, size)[0].astype(int)


@pytest.mark.parametrize(("height", "width"), [(40, 60), (60, 40), (33, 33), (7, 90), (16, 17)])
@pytest.mark.parametrize("size", [16, 64])
def test_it_is_what_invert_image_would_see(height: int, width: int, size: int) -> None:
    picture = RNG.integers(0, 256, (height, width, 3), np.uint8)
    wanted = pictures.prepare(torch.from_numpy(picture)[None] / 255, (size, size))
    wanted = pictures.to_images(wanted)[0].mul(255).numpy()
    found = shown(saved(picture), size)
    # Pillow rounds to whole numbers after each of its two passes, and its weights to 22 bits.
    assert np.abs(found - wanted).max() <= 1.01
    assert np.array_equal(found, square(picture, size))


GRAY = COLOURED[..., 0]
DEEP = RNG.integers(0, 65536, (40, 40), np.uint16)
KINDS = {
    "gray": (saved(GRAY), GRAY[:, 10:50]),
    "black and white": (saved(Image.fromarray(GRAY > 99)), 255 * (GRAY[:, 10:50] > 99)),
    "16 bit": (saved(DEEP), DEEP / 257),
    "16 bit TIFF, big endian": (saved(Image.frombytes("I;16B", (40, 40), DEEP.astype(">u2").tobytes()), "TIFF"), None),
    "32 bit numbers": (saved(Image.fromarray(DEEP.astype(np.int32)), "TIFF"), DEEP / 257),
    "floats to one": (saved(Image.fromarray((DEEP / 65535).astype(np.float32)), "TIFF"), DEEP / 257),
    "floats to 255": (saved(Image.fromarray((DEEP / 257).astype(np.float32)), "TIFF"), DEEP / 257),
    "WebP": (saved(COLOURED, "WEBP", lossless=True), COLOURED[:, 10:50]),
    "BMP": (saved(COLOURED, "BMP"), COLOURED[:, 10:50]),
    "CMYK": (saved(Image.fromarray(COLOURED).convert("CMYK"), "TIFF"), COLOURED[:, 10:50]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_becomes_rgb(kind: str) -> None:
    data, wanted = KINDS[kind]
    wanted = DEEP / 257 if wanted is None else wanted
    wanted = wanted if wanted.ndim == 3 else wanted[..., None].repeat(3, 2)
    assert np.abs(shown(data) - wanted).max() < 0.51


def test_what_is_transparent_is_laid_on_white() -> None:
    alpha = RNG.integers(0, 256, (40, 60, 1), np.uint8)
    wanted = COLOURED * (alpha / 255) + 255 - alpha
    assert np.abs(shown(saved(np.concatenate([COLOURED, alpha], 2))) - wanted[:, 10:50]).max() <= 1
    gray = Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(alpha[..., 0])])
    wanted = GRAY * (alpha[..., 0] / 255) + 255 - alpha[..., 0]
    assert np.abs(shown(saved(gray))[..., 0] - wanted[:, 10:50]).max() <= 1
    few = Image.fromarray(COLOURED).quantize(8)
    colours = np.asarray(few.convert("RGB"))
    found = shown(saved(few, transparency=3))
    clear = np.asarray(few)[:, 10:50] == 3
    assert clear.any() and (found[clear] == 255).all()
    assert np.array_equal(found[~clear], colours[:, 10:50][~clear])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_as_the_camera_was_held(kind: str, orientation: int) -> None:
    corners = np.zeros((40, 60, 3), np.uint8)
    corners[:20, :30], corners[:20, 30:], corners[20:, :30] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    found, size = decoded(saved(corners, kind, exif=exif, **options), 40)
    # The corners left and right above, left and right below.
    upright = {1: "rgb ", 2: "gr b", 3: " bgr", 4: "b rg", 5: "rbg ", 6: "br g", 7: " gbr", 8: "g rb"}
    seen = found[[5, 5, 35, 35], [5, 35, 5, 35]].astype(int)
    named = "".join("rgb"[pixel.argmax()] if pixel.max() > 200 else " " for pixel in seen)
    assert named == upright[orientation]
    assert size == ((60, 40) if orientation < 5 else (40, 60))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_note_of_the_camera_is_passed_over() -> None:
    data = saved(COLOURED, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + 40 * b"\xff")
    assert np.array_equal(shown(data), shown(saved(COLOURED, "JPEG")))


def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same() -> None:
    small = Image.fromarray(RNG.integers(0, 256, (12, 9, 3), np.uint8))
    large = np.asarray(small.resize((901, 1203), Image.Resampling.BICUBIC))
    by_jpeg, whole = shown(saved(large, "JPEG", quality=95), 32), square(large, 32).astype(int)
    assert np.abs(by_jpeg - whole).mean() < 1
    # Not shifted: against the same picture moved by one pixel of the square the difference is far greater.
    assert np.abs(by_jpeg - np.roll(whole, 1, 1))[:, 1:].mean() > 4 * np.abs(by_jpeg - whole).mean()


def test_of_an_animation_the_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (shown(data) == (255, 0, 0)).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1)])
def test_the_smallest_pictures_are_enlarged(shape: tuple[int, int]) -> None:
    assert (shown(saved(np.full((*shape, 3), 77, np.uint8)), 16) == 77).all()


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_a_picture_of_too_many_pixels_is_not_decoded(side: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(LeftOutError, match=f"too many pixels, {MOST_PIXELS} are read at most: make it smaller"):
            decoded(claiming(side, side), 8)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no picture, or damaged"),
        (b"<html></html>", "no picture, or damaged"),
        (saved(COLOURED)[:200], "can't be read"),
        (saved(COLOURED, "JPEG")[:700], "can't be read"),
        (claiming(50, 50), "can't be read"),
        (saved(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"), "no numbers"),
        # Ghostscript would draw it, and run the programs in it.
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n", "no picture"),
    ],
)
def test_what_is_damaged_or_no_picture_is_said_to_be(data: bytes, reason: str) -> None:
    with pytest.raises(LeftOutError, match=reason) as caught:
        decoded(data, 8)
    assert "\n" not in str(caught.value) and "0x" not in str(caught.value)


def test_names_of_pictures() -> None:
    assert {".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".bmp"} <= endings()
    assert {".eps", ".txt", ".pdf", ".mpg"}.isdisjoint(endings())
