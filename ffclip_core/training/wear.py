"""What becomes of pictures on their way to us: how they are lit, shrunk, enlarged and packed."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

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


class Chooses(Protocol):
    def stream(self, choice: str) -> random.Random:
        """The random numbers that this choice is made from."""
        ...


@dataclass(frozen=True)
class Look:
    """plain: nothing is done to the drawing; otherwise the seed says what."""

    plain: bool
    seed: int

    def rng(self, choice: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, *choice.encode()])

    @cached_property
    def light(self) -> Light:
        return AS_IT_IS if self.plain else Light.random(random.Random(f"{self.seed}/light"))


def look_of(thing: Chooses) -> Look:
    """Half of all pictures are plain."""
    stream = thing.stream("look")
    return Look(stream.random() < 0.5, stream.randrange(2**32))


def wear(look: Look, draw: Callable[[int], np.ndarray], size: int) -> np.ndarray:
    """What draw(size) gives, uint8 [size, size, 3], as it reaches us."""
    if look.plain:
        return draw(size)
    rng = look.rng("picture")
    drawn = draw(drawn_side(size, rng)).astype(np.float32) / 255
    return np.asarray(worn(Image.fromarray((255 * look.light.of(drawn)).round().astype(np.uint8)), size, rng))


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
