"""The bytes of a picture → a square of pixels."""

from __future__ import annotations

import contextlib
import io
import math
import threading
from functools import cache

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from .left_out import LeftOutError

MOST_BYTES = 1 << 28
MOST_PIXELS = 1 << 27
"""Of a picture's file and of the picture: beyond them it is left out."""

# They start other programs (Ghostscript, Windows' GDI), or Pillow knows them by name alone.
_NOT_READ = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"}
# Pictures from so many pixels on are decoded one at a time, so that cores don't multiply the memory.
_LARGE = 1 << 24
_one_large = threading.Lock()

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ACROSS = {_TURNS[orientation] for orientation in (5, 6, 7, 8)}


@cache
def formats() -> tuple[str, ...]:
    """Pillow's names of what is read: all that it reads without another program."""
    Image.init()
    return tuple(name for name in Image.ID if name not in _NOT_READ)


@cache
def endings() -> frozenset[str]:
    """How the names of pictures end, such as ".png"."""
    known = formats()
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in known)


def decoded(data: bytes, size: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture's square, uint8 [size, size, 3], and its own width and height, turned as it is meant to be seen.

    Its first frame, the middle square of it, resized as Invert Image does it. What is transparent is laid on white.
    Raises LeftOutError for what is no picture, damaged, or larger than MOST_PIXELS.
    """
    try:
        with Image.open(io.BytesIO(data), formats=formats()) as image:
            pixels = image.width * image.height
            if pixels > MOST_PIXELS:
                raise Image.DecompressionBombError
            with _one_large if pixels >= _LARGE else contextlib.nullcontext():
                return _square_of(image, size)
    except (LeftOutError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise LeftOutError(f"it has too many pixels, {MOST_PIXELS} are read at most: make it smaller") from error
    except UnidentifiedImageError as error:
        raise LeftOutError("it is no picture, or damaged") from error
    except Exception as error:  # Of a damaged file any of Pillow's readers may raise whatever it comes to.
        raise LeftOutError(f"it can't be read ({type(error).__name__}: {error})") from error


def square(picture: np.ndarray, size: int) -> np.ndarray:
    """The same of a picture uint8 [H, W, 3]."""
    return np.asarray(_middle(Image.fromarray(picture), picture.shape[1::-1], 1, size))


def _square_of(image: Image.Image, size: int) -> tuple[np.ndarray, tuple[int, int]]:
    width, height = shape = image.size
    # JPEG: decoded at a half, a quarter or an eighth where that is still twice as large as what is wanted.
    drafted = image.draft(None, (2 * size, 2 * size))
    scale = 1 if drafted is None else round(width / drafted[1][2])
    image.load()
    turn = _TURNS.get(_orientation(image) or 1)
    result = _middle(image, shape, scale, size)
    if turn is None:
        return np.asarray(result), shape
    return np.asarray(result.transpose(turn)), (height, width) if turn in _ACROSS else shape


def _orientation(image: Image.Image) -> int | None:
    """How the camera was held, as EXIF counts it."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except MemoryError:
        raise
    except Exception:  # The note of the camera is damaged, the picture is not.
        return None


def _middle(image: Image.Image, shape: tuple[int, int], scale: int, size: int) -> Image.Image:
    """The middle square, RGB [size, size], of a picture that had that shape (width, height) and lost scale - 1 of each
    scale pixels."""
    side = min(shape)
    box = [(length - side) // 2 / scale for length in shape]
    box += [start + side / scale for start in box]
    outer = [math.floor(value) for value in box[:2]] + [math.ceil(value) for value in box[2:]]
    if outer != [0, 0, *image.size]:
        image = image.crop((outer[0], outer[1], outer[2], outer[3]))
    image = _in_colour(image)
    left, top, right, bottom = (value - start for value, start in zip(box, outer[:2] * 2, strict=True))
    return image.resize((size, size), Image.Resampling.BILINEAR, (left, top, right, bottom))


def _in_colour(image: Image.Image) -> Image.Image:
    """RGB of any mode."""
    if image.mode.startswith("I"):  # Gray of 16 bits; Pillow gives it with 32, too.
        values = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        values = np.asarray(image)
        if not np.isfinite(values).all():
            raise LeftOutError("it has values that are no numbers (NaN or infinite)")
        values = values * 255 if values.max() <= 1 else values
        return Image.fromarray(values.clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("LA") if image.mode == "La" else image
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
