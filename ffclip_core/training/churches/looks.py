"""What colours look like in a picture, which may be lit in any way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..colours import rgb
from ..wear import look_of
from .church import Church


def seen_colour(church: Church, colour: str, asked: bool) -> np.ndarray:
    """What a colour looks like in the picture: channels in [0, 1]. One that was asked for is not gray in a gray
    picture."""
    light = look_of(church).light
    return replace(light, gray=light.gray and not asked).of(np.array(rgb(colour)))
