"""Avatars in pictures as people have them, drawn as they are (not put together from pixels), to measure aligners on."""

from __future__ import annotations

import cmath
import io
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from PIL import Image, ImageFilter

from ...faces.alignment import Placement
from ...faces.drawn import Frame
from . import colours
from .avatar import Avatar
from .drawing import art, background, rasterise
from .vocabulary import SIZE
from .whole import SIDE
from .wide import FRAME_HALF, FRAME_MIDDLE


@dataclass(frozen=True)
class Framing:
    """middle: the place in the art's units that lies in the picture's middle; side: the picture's shorter side in these
    units; turn: of the person, in degrees clockwise. behind: what is drawn behind it, and cut: the mask's white, both
    SVG in a square from 0 to 1. worn: what happens to the pixels then, in order."""

    middle: tuple[float, float] = FRAME_MIDDLE
    side: float = 2 * FRAME_HALF
    turn: float = 0.0
    mirrored: bool = False
    width: int = 256
    height: int = 256
    behind: str = ""
    cut: str = ""
    transparent: bool = False
    worn: tuple[Callable[[Image.Image], Image.Image], ...] = field(default=())


def frame_of(framing: Framing) -> Frame:
    """Where the encoder's frame lies in the picture, px."""
    scale = min(framing.width, framing.height) / framing.side
    turn = cmath.exp(1j * math.radians(framing.turn))
    away = complex(FRAME_MIDDLE[0] - framing.middle[0], FRAME_MIDDLE[1] - framing.middle[1])
    away = -away.conjugate() if framing.mirrored else away
    return Frame(complex(framing.width, framing.height) / 2 + away * scale * turn, FRAME_HALF * scale * turn)


def true_placement(framing: Framing) -> Placement:
    """Where the person's frame lies in a picture; mirrored pictures have mirrored frames."""
    frame, sign = frame_of(framing), -1 if framing.mirrored else 1
    corner = frame.at(complex(-sign, -1))
    columns = [frame.axis * 2 * sign, frame.axis * 2j, corner]
    matrix = torch.tensor([[z.real for z in columns], [z.imag for z in columns]], dtype=torch.float64)
    return Placement(matrix=matrix, size=SIZE, picture=(framing.height, framing.width))


def draw_framed(avatar: Avatar | None, framing: Framing) -> np.ndarray:
    """The picture, float32 [H, W, 3 or 4] in [0, 1]; None: of nobody, just what is behind."""
    width, height = framing.width, framing.height
    frame, sign = frame_of(framing), -1 if framing.mirrored else 1
    a = frame.axis / FRAME_HALF
    left, top = (sign * FRAME_MIDDLE[0], FRAME_MIDDLE[1])
    e = frame.middle - a * complex(left, top)
    defs, body = art(avatar) if avatar else ("", "")
    matrix = f"{a.real * sign} {a.imag * sign} {-a.imag} {a.real} {e.real} {e.imag}"
    square = f'<g transform="scale({width} {height})">'
    masked = 'mask="url(#cut)"' if framing.cut else ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><defs>{defs}'
        f'<mask id="cut" maskUnits="userSpaceOnUse" x="0" y="0" width="{width}" height="{height}">{square}'
        f"{framing.cut}</g></mask></defs>"
        f'<g {masked}>{square}{framing.behind}</g><g transform="matrix({matrix})">{body}</g></g></svg>'
    )
    picture = Image.fromarray(rasterise(svg, width, height))
    if not framing.transparent:
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        picture = ground.convert("RGB")
    for wear in framing.worn:
        picture = wear(picture)
    return np.asarray(picture, np.float32) / 255


def _flat(stream: random.Random) -> str:
    return f'<rect width="1" height="1" fill="{colours.random_colour(stream)}"/>'


def gradient(stream: random.Random) -> str:
    *shades, angle = background(stream)
    stops = "".join(f'<stop offset="{i}" stop-color="{shade}"/>' for i, shade in enumerate(shades))
    return (
        f'<linearGradient id="ground" gradientTransform="rotate({angle} .5 .5)">{stops}</linearGradient>'
        '<rect width="1" height="1" fill="url(#ground)"/>'
    )


def busy(stream: random.Random) -> str:
    """Stripes, discs and boxes."""
    shapes = [_flat(stream)]
    turn, wide = stream.uniform(0, 180), stream.uniform(0.03, 0.12)
    if stream.random() < 0.5:
        shade = colours.random_colour(stream)
        shapes += [
            f'<rect x="{i * wide * 2 - 0.6}" y="-.6" width="{wide}" height="2.2" fill="{shade}" '
            f'transform="rotate({turn} .5 .5)"/>'
            for i in range(int(1.1 / wide))
        ]
    for _ in range(stream.randint(5, 25)):
        x, y, reach, shade = stream.random(), stream.random(), stream.uniform(0.02, 0.2), _any(stream)
        if stream.random() < 0.5:
            shapes.append(f'<circle cx="{x}" cy="{y}" r="{reach}" fill="{shade}"/>')
        else:
            shapes.append(
                f'<rect x="{x}" y="{y}" width="{reach}" height="{stream.uniform(0.02, 0.3)}" fill="{shade}" '
                f'transform="rotate({stream.uniform(0, 90)} {x} {y})"/>'
            )
    return "".join(shapes)


def _any(stream: random.Random) -> str:
    return colours.as_hex([stream.random() for _ in range(3)])


CIRCLE = '<circle cx=".5" cy=".5" r=".5" fill="white"/>'


def _whole(stream: random.Random) -> Framing:
    return Framing(middle=(SIDE / 2, SIDE / 2), side=SIDE, behind=_flat(stream))


def _ordinary(stream: random.Random) -> Framing:
    return Framing(behind=gradient(stream))


def _as_trained(stream: random.Random) -> Framing:
    """As drawing.crop and drawing.rotation vary it."""
    x, y = (middle + stream.uniform(-5, 5) for middle in FRAME_MIDDLE)
    framing = replace(_ordinary(stream), middle=(x, y), side=2 * FRAME_HALF + stream.uniform(-8, 8))
    return _sized(replace(framing, turn=stream.uniform(-5, 5)), 64)


def _shifted(stream: random.Random) -> Framing:
    x, y = (FRAME_MIDDLE[i] + stream.choice((-1, 1)) * stream.uniform(0.05, 0.12) * 2 * FRAME_HALF for i in (0, 1))
    return replace(_ordinary(stream), middle=(x, y))


def _off_centre(stream: random.Random) -> Framing:
    side = 2 * FRAME_HALF * stream.uniform(1.5, 3)
    room = side / 2 - FRAME_HALF
    x, y = (middle + stream.uniform(-room, room) for middle in FRAME_MIDDLE)
    return replace(_ordinary(stream), middle=(x, y), side=side, width=400, height=400)


def _badge(stream: random.Random) -> Framing:
    """As avataaars' own site draws it: before a disc, which cuts off the shoulders."""
    disc = f'<circle cx=".5" cy=".5714" r=".4286" fill="{_any(stream)}"/>'
    cut = '<rect width="1" height=".5714" fill="white"/><circle cx=".5" cy=".5714" r=".4286" fill="white"/>'
    return replace(_whole(stream), behind=disc, cut=cut)


def _oblong(stream: random.Random) -> Framing:
    width, height = stream.choice(((256, 400), (400, 256), (256, 320), (480, 256)))
    return replace(_ordinary(stream), width=width, height=height, side=2 * FRAME_HALF * stream.uniform(0.9, 1.2))


def _sized(framing: Framing, size: int) -> Framing:
    return replace(framing, width=size, height=size)


def _jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def wear(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.convert("RGB").save(file, "JPEG", quality=quality)
        return Image.open(file)

    return wear


def _soft(share: float) -> Callable[[Image.Image], Image.Image]:
    def wear(picture: Image.Image) -> Image.Image:
        small = picture.resize([max(24, round(n * share)) for n in picture.size], Image.Resampling.BILINEAR)
        return small.resize(picture.size, Image.Resampling.BILINEAR).filter(ImageFilter.GaussianBlur(0.7))

    return wear


def _light(gain: float, power: float) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: picture.point([min(255, round(255 * gain * (i / 255) ** power)) for i in range(256)] * 3)


def _gray(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("RGB")


def _worn(*how: Callable[[Image.Image], Image.Image]) -> Callable[[random.Random], Framing]:
    return lambda stream: replace(_ordinary(stream), worn=how)


def _all_at_once(stream: random.Random) -> Framing:
    side = 2 * FRAME_HALF * stream.uniform(0.8, 1.3)
    x, y = (middle + stream.uniform(-0.12, 0.12) * side for middle in FRAME_MIDDLE)
    size, worn = stream.choice((64, 128, 256, 640)), [_jpeg(stream.randint(40, 95))]
    if stream.random() < 0.3:
        worn.insert(0, _light(stream.uniform(0.5, 1.2), stream.uniform(0.6, 1.6)))
    return Framing(
        middle=(x, y), side=side, turn=stream.uniform(-25, 25), mirrored=stream.random() < 0.5, width=size, height=size,
        behind=stream.choice((_flat, gradient, busy))(stream), cut=stream.choice(("", "", CIRCLE)), worn=tuple(worn),
    )  # fmt: skip


KINDS: Mapping[str, Callable[[random.Random], Framing]] = {
    "as in the encoder's training": _as_trained,
    "whole drawing": _whole,
    "whole, on white": lambda stream: replace(_whole(stream), behind=""),
    "whole, transparent": lambda stream: replace(_whole(stream), behind="", transparent=True),
    "cut to a circle": lambda stream: replace(_whole(stream), cut=CIRCLE),
    "cut to a circle, on black": lambda stream: replace(
        _whole(stream), cut=CIRCLE, transparent=True, worn=(lambda picture: _on(picture, "black"),)
    ),
    "avataaars' own disc": _badge,
    "rounded corners": lambda stream: replace(
        _whole(stream),
        cut=f'<rect width="1" height="1" rx="{stream.uniform(0.1, 0.3)}" fill="white"/>',
        transparent=True,
    ),
    "shifted 5-12 %": _shifted,
    "looser 10-30 %": lambda stream: replace(_ordinary(stream), side=2 * FRAME_HALF * stream.uniform(1.1, 1.3)),
    "tighter 10-30 %": lambda stream: replace(_ordinary(stream), side=2 * FRAME_HALF * stream.uniform(0.7, 0.9)),
    "off-centre in a larger picture": _off_centre,
    "tilted 8-25°": lambda stream: replace(_ordinary(stream), turn=stream.choice((-1, 1)) * stream.uniform(8, 25)),
    "mirrored": lambda stream: replace(_ordinary(stream), mirrored=True),
    "busy background": lambda stream: replace(_ordinary(stream), behind=busy(stream)),
    "dark": lambda stream: replace(_ordinary(stream), worn=(_light(stream.uniform(0.35, 0.6), 1.0),)),
    "bright": lambda stream: replace(_ordinary(stream), worn=(_light(1.1, stream.uniform(0.4, 0.7)),)),
    "gray": _worn(_gray),
    "JPEG 30-95": lambda stream: replace(_ordinary(stream), worn=(_jpeg(stream.randint(30, 95)),)),
    "soft": lambda stream: replace(_ordinary(stream), worn=(_soft(stream.uniform(0.12, 0.4)),)),
    "32 px": lambda stream: _sized(_ordinary(stream), 32),
    "1,000 px": lambda stream: _sized(_whole(stream), 1000),
    "not square": _oblong,
    "all at once": _all_at_once,
}
"""What is measured, by its name in tables: from a stream of random numbers to the framing of a picture."""


def _on(picture: Image.Image, colour: str) -> Image.Image:
    ground = Image.new("RGBA", picture.size, colour)
    ground.alpha_composite(picture)
    return ground.convert("RGB")
