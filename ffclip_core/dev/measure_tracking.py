"""How steady a face's crop is through a pan with noise, as a table in Markdown and a plot:

python -m ffclip.ffclip_core.dev.measure_tracking PHOTO [--plot PNG]

A window of 640×480 moves over the photograph (or the avatar `mia`, pasted on grey, without one) by 4 px a frame, and
stops after two thirds; each frame has noise of its own, σ 6 of 255. Jitter is the root mean square of what the crop's
middle (but for 12 frames about the stop), and its half axis, move from frame to frame beside the true motion. Off is
the largest distance of the middle from where it is, about the stop and at both ends.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from ..editor import Editor
from ..faces.tracking import Tracks
from ..faces.video import follow
from ..families import EMBEDDED

FRAMES, STOP, STEP, NOISE = 90, 60, 4.0, 6 / 255
WINDOW = (640, 480)
ABOUT_STOP = 12
"""Frames before and after the stop in which the middle has a motion of its own, whose error is given by itself."""
SMOOTHINGS = (0.0, 0.5, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Steadiness:
    """In px: jitter of middle and half axis, the middle's distance about the stop and at both ends; and how far the
    middle is off in each frame along the pan."""

    middle: float
    axis: float
    at_stop: float
    at_ends: float
    off: np.ndarray


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path, nargs="?", help="of one face; without it, an avatar")
    parser.add_argument("--width", type=float, default=311, help="of the face's square in px (311)")
    parser.add_argument("--plot", type=Path, help="a PNG of how far the middle is off, frame by frame")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tracks = tracks_of_pan(options.photo, options.width)
    rows = {smoothing: steadiness(tracks, smoothing) for smoothing in SMOOTHINGS}
    plain = rows[0.0]
    print("| smoothing | middle, px a step | size and turn, px a step | off at the stop, px | off at the ends, px |")
    print("|---|---|---|---|---|")
    for smoothing, row in rows.items():
        less = [f" (1/{before / now:.1f})" if smoothing else "" for before, now in zip(
            (plain.middle, plain.axis), (row.middle, row.axis), strict=True)]  # fmt: skip
        print(
            f"| {smoothing:g} | {row.middle:.3f}{less[0]} | {row.axis:.3f}{less[1]} | {row.at_stop:.1f} "
            f"| {row.at_ends:.1f} |"
        )
    if options.plot:
        plot({f"smoothing {smoothing:g}": rows[smoothing].off for smoothing in (0.0, 1.0, 3.0)}).save(options.plot)
    return 0


def tracks_of_pan(photo: Path | None, width: float = 311, frames: int = FRAMES, stop: int = STOP) -> Tracks:
    """The tracks of a pan over a photograph, or over the embedded family's avatar where there is none, its face's
    square scaled to so many px."""
    editor = Editor.of_family("avatars")
    if photo is None:
        with Image.open(EMBEDDED / "samples" / "mia.png") as file:
            picture, side = file.convert("RGB"), float(file.width)
        aligner = editor.aligner
    else:
        with Image.open(photo) as file:
            picture = file.convert("RGB")
        aligner = "faces"
        still = follow("faces", [torch.from_numpy(np.asarray(picture, np.float32) / 255)[None]])
        ((sight, *_),) = still.chosen(smoothing=0)
        side = 2 * abs(sight.axis)
    return follow(aligner, pan(picture, width / side, frames, stop))


def pan(picture: Image.Image, scale: float, frames: int = FRAMES, stop: int = STOP) -> Iterator[torch.Tensor]:
    """A window over the picture, at so many px for one of the picture's, the picture in its middle half way."""
    noise = np.random.default_rng(0)
    high, wide = WINDOW[1], WINDOW[0]
    for shift in shifts(frames, stop):
        left = (picture.width * scale - wide) / 2 - shift + STEP * stop / 2
        top = (picture.height * scale - high) / 2 - shift / 4 + STEP * stop / 8
        back = (1 / scale, 0, left / scale, 0, 1 / scale, top / scale)
        window = picture.transform(
            WINDOW, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC, fillcolor=(150, 150, 150)
        )
        values = np.asarray(window, np.float32) / 255
        values = np.clip(values + noise.normal(0, NOISE, values.shape), 0, 1).astype(np.float32)
        yield torch.from_numpy(values)[None]


def shifts(frames: int, stop: int) -> np.ndarray:
    """How far the pan has come, px to the right; a quarter of it downwards."""
    return STEP * np.minimum(np.arange(frames), stop)


def steadiness(tracks: Tracks, smoothing: float, stop: int = STOP) -> Steadiness:
    """Of tracks of a pan."""
    true = shifts(tracks.frames, stop) * (1 + 0.25j)
    plain, smooth = ([sight for (sight,) in tracks.chosen("largest", s)] for s in (0.0, smoothing))
    offset = np.mean([sight.middle for sight in plain] - true)
    off = np.array([sight.middle for sight in smooth]) - true - offset
    axes = np.array([sight.axis for sight in smooth])
    steady = np.abs(np.arange(tracks.frames - 1) - stop + 0.5) > ABOUT_STOP
    return Steadiness(
        middle=_rms(np.diff(off)[steady]),
        axis=_rms(np.diff(axes)),
        at_stop=float(np.abs(off[stop - 4 : stop + 5]).max(initial=0)),
        at_ends=float(np.abs(np.concatenate([off[:4], off[-4:]])).max()),
        off=off,
    )


def plot(lines: dict[str, np.ndarray]) -> Image.Image:
    """How far each is off along the pan: one panel for each, px upwards, frames to the right."""
    wide, high, margin = 640, 130, 34
    picture = Image.new("RGB", (wide, high * len(lines)), "white")
    draw = ImageDraw.Draw(picture)
    reach = max(2.0, max(float(np.abs(np.real(off)).max()) for off in lines.values()))
    for i, (name, off) in enumerate(lines.items()):
        middle, unit = high * i + high / 2 + 6, (high / 2 - 12) / reach
        across = (wide - margin - 8) / (len(off) - 1)
        for px in (-2, 0, 2):
            draw.line([(margin, middle - px * unit), (wide - 8, middle - px * unit)], fill="#ccc" if px else "#888")
            draw.text((4, middle - px * unit - 6), f"{px:+d} px" if px else "0", fill="#555")
        draw.text((margin + 4, high * i + 2), f"{name}: px off along the pan, frame by frame", fill="#222")
        places = [(margin + across * t, middle - float(value) * unit) for t, value in enumerate(np.real(off))]
        draw.line(places, fill="#1565c0", width=2)
    return picture


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(values) ** 2)))


if __name__ == "__main__":
    sys.exit(main())
