"""What becomes of pictures on their way to us: how they are lit, shrunk, enlarged and packed."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

_SIDES = (48, 64, 96, 128, 200)


@dataclass(frozen=True)
class Light:
    """What exposure and white balance do to a colour's channels c in [0, 1]: gain · c ^ power, and gray is all one."""

    gain: tuple[float, float, float]
    power: float
    gray: bool

    @classmethod
    def random(cls, stream: random.Random) -> Light:
        """More often than not as it is."""
        if stream.random() < 0.55:
            return AS_IT_IS
        exposure = stream.choice((stream.uniform(0.35, 1.0), stream.uniform(0.8, 1.25)))
        gain = tuple(exposure * stream.uniform(0.88, 1.12) for _ in range(3))
        return cls((gain[0], gain[1], gain[2]), stream.uniform(0.55, 1.5), stream.random() < 0.12)

    def of(self, channels: np.ndarray) -> np.ndarray:
        """[..., 3], as they come out."""
        if self.gray:
            channels = (channels @ np.array([0.299, 0.587, 0.114]))[..., None].repeat(3, -1)
        return (channels**self.power * np.array(self.gain)).clip(0, 1)


AS_IT_IS = Light((1.0, 1.0, 1.0), 1.0, False)


def drawn_side(size: int, rng: np.random.Generator) -> int:
    """At which side, px, a worn picture was drawn that is of `size` now."""
    return size if rng.random() < 0.6 else int(rng.choice(_SIDES))


def worn(picture: Image.Image, size: int, rng: np.random.Generator) -> Image.Image:
    """A square picture as it reaches us at this size: resampled, sometimes soft, sometimes packed as JPEG."""
    if picture.width != size:
        how = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[int(rng.integers(2))]
        picture = picture.resize((size, size), how)
    if rng.random() < 0.15:
        picture = picture.filter(ImageFilter.GaussianBlur(size / 256 * rng.uniform(0.5, 2)))
    if rng.random() < 0.4:
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=int(rng.integers(25, 96)))
        picture = Image.open(packed)
    return picture
