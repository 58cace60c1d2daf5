"""How well find_faces does on photographs with known points, as a table in Markdown:

python -m ffclip.ffclip_core.dev.measure_faces FOLDER [--only CONDITION]

FOLDER holds photographs and faces.json: {"name.jpg": {"faces": [{"points": [[x, y] × 5]}]}}, points and px as in
ffclip_core.faces.face.Face. A face counts as found where the mean of the found points is within 0.8 of the eyes'
distance of theirs. Errors are the mean distance of eyes and mouth corners from their places, in % of the eyes'
distance.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter

from ..faces.detection import find_faces

Points = np.ndarray
MEASURED = [0, 1, 3, 4]  # Not the nose, which two people point at in different places.
SIZES = (16, 20, 24, 32, 64, 128, 256, 400, 800)
COLLAGE = 11


@dataclass(frozen=True)
class Photo:
    """faces: the points [5, 2] of each in px. others: of faces that may be found or not."""

    picture: Image.Image
    faces: list[Points]
    others: tuple[Points, ...] = ()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="conditions whose name begins so")
    options = parser.parse_args()
    torch.set_num_threads(1)
    photos = read(options.folder)
    print("| condition | found | error, median | worst | false | s a picture |\n|---|---|---|---|---|---|")
    for name, make in CONDITIONS.items():
        if name.startswith(options.only):
            print(f"| {name} | {row(list(make(photos)))} |", flush=True)
    return 0


def read(folder: Path) -> list[Photo]:
    known = json.loads((folder / "faces.json").read_text(encoding="utf-8"))
    photos = []
    for name, entry in known.items():
        with Image.open(folder / name) as file:
            photos.append(Photo(file.convert("RGB"), [np.array(face["points"]) for face in entry["faces"]]))
    return photos


def row(photos: list[Photo]) -> str:
    """found of all, errors in %, false finds and seconds of processor time, as cells of a table."""
    errors: list[float] = []
    known = false = 0
    began = time.process_time()
    for photo in photos:
        found, more = compare(photo)
        errors += found
        known += len(photo.faces)
        false += more
    seconds = (time.process_time() - began) / len(photos)
    middle, worst = (f"{np.median(errors):.1f}", f"{max(errors):.1f}") if errors else ("–", "–")
    return f"{len(errors)}/{known} | {middle} | {worst} | {false} | {seconds:.2f}"


def compare(photo: Photo) -> tuple[list[float], int]:
    """Errors in % of the faces that were found, and how many were found that are none."""
    values = torch.from_numpy(np.asarray(photo.picture, np.float32).copy() / 255)[None]
    left = [face.points.numpy() for face in find_faces(values)[0]]
    errors = []
    for points in (*photo.faces, *photo.others):
        eyes = float(np.linalg.norm(points[1] - points[0]))
        near = [i for i, each in enumerate(left) if np.linalg.norm(each.mean(0) - points.mean(0)) < 0.8 * eyes]
        if near:
            i = min(near, key=lambda i: float(np.linalg.norm(left[i] - points)))
            error = 100 * float(np.linalg.norm(left.pop(i) - points, axis=1)[MEASURED].mean()) / eyes
            errors += [error] if any(points is each for each in photo.faces) else []
    return errors, len(left)


def moved(photo: Photo, matrix: np.ndarray, size: tuple[int, int]) -> Photo:
    """By [2, 3], px to px."""
    whole = np.vstack([matrix, [0, 0, 1]])
    back = np.linalg.inv(whole)
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    picture = photo.picture
    if scale < 1:  # Pillow's transform does not smooth what it shrinks.
        wide, high = (max(1, round(side * scale)) for side in picture.size)
        back = np.diag([wide / picture.width, high / picture.height, 1]) @ back
        picture = picture.resize((wide, high), Image.Resampling.LANCZOS)
    picture = picture.transform(size, Image.Transform.AFFINE, tuple(back[:2].ravel()), Image.Resampling.BICUBIC)
    faces, others = (
        [points @ matrix[:, :2].T + matrix[:, 2] for points in some] for some in (photo.faces, photo.others)
    )
    return Photo(picture, faces, tuple(others))


def mirrored(photo: Photo) -> Photo:
    matrix = np.array([[-1.0, 0, photo.picture.width], [0, 1, 0]])
    result = moved(photo, matrix, photo.picture.size)
    return Photo(result.picture, [points[[1, 0, 2, 4, 3]] for points in result.faces])


def tilted(photo: Photo, degrees: float) -> Photo:
    """Turned about the middle; the canvas grows."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    before = np.array(photo.picture.size, float)
    after = np.ceil(np.abs(turn) @ before)
    return moved(photo, np.column_stack([turn, after / 2 - turn @ before / 2]), (int(after[0]), int(after[1])))


def around(photo: Photo, points: Points, face: float, cut: tuple[float, float] = (0, 0)) -> Photo:
    """A picture of one face, 3.5 times as wide as it, the face so many px wide (2.2 distances of the eyes); cut off at
    a side, so much of its width or height: +x at the right, -y at the top."""
    middle = points[:2].mean(0) * 0.55 + points[3:].mean(0) * 0.45
    reach = 2.2 * max(
        np.linalg.norm(points[1] - points[0]), 0.9 * np.linalg.norm(points[:2].mean(0) - points[3:].mean(0))
    )
    scale = face / reach
    size = round(3.5 * face)
    offset = (
        size / 2
        - middle * scale
        + np.array(cut) * (size / 2 - face / 2 + np.abs(cut) * face) / np.maximum(np.abs(cut), 1e-9)
    )
    matrix = np.column_stack([np.eye(2) * scale, offset])
    others = tuple(each for each in photo.faces if each is not points)
    return moved(Photo(photo.picture, [points], others), matrix, (size, size))


def shaded(photo: Photo, change: Callable[[Image.Image], Image.Image]) -> Photo:
    return Photo(change(photo.picture), photo.faces, photo.others)


def _values(picture: Image.Image, change: Callable[[np.ndarray], np.ndarray]) -> Image.Image:
    values = np.asarray(picture, np.float64) / 255
    return Image.fromarray((change(values).clip(0, 1) * 255).round().astype(np.uint8))


def _jpeg(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=15)
    return Image.open(file).convert("RGB")


SHADES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "dark": lambda picture: _values(picture, lambda x: 0.25 * x),
    "bright": lambda picture: _values(picture, lambda x: 0.35 + 0.9 * x),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "faint": lambda picture: ImageEnhance.Contrast(picture).enhance(0.3),
    "JPEG": _jpeg,
    "noise": lambda picture: _values(picture, lambda x: x + np.random.default_rng(0).normal(0, 25 / 255, x.shape)),
}


def singles(photos: list[Photo]) -> Iterator[tuple[Photo, Points]]:
    """Each face that is about 80 px wide at least."""
    for photo in photos:
        for points in photo.faces:
            if np.linalg.norm(points[1] - points[0]) > 35:
                yield photo, points


def blurred(photos: list[Photo], part: float) -> Iterator[Photo]:
    for photo, points in singles(photos):
        yield shaded(around(photo, points, 200), lambda p: p.filter(ImageFilter.GaussianBlur(200 * part)))


def sizes(photos: list[Photo], *sides: int) -> Iterator[Photo]:
    return (around(photo, points, side) for side in sides for photo, points in singles(photos))


def cut(photos: list[Photo], part: float) -> Iterator[Photo]:
    for photo, points in singles(photos):
        for side in ((part, 0), (-part, 0), (0, -part), (0, part)):
            yield around(photo, points, 200, side)


def collage(photos: list[Photo], rows: int = 3, columns: int = 4, side: int = 120) -> Iterator[Photo]:
    """Eleven of the faces in one picture, in rows."""
    every = [(photo, points) for photo, points in singles(photos) if len(photo.faces) < 4]
    whole, faces = Image.new("RGB", (columns * 2 * side, rows * 2 * side), (90, 110, 130)), []
    for i in range(COLLAGE):
        photo, points = every[i % len(every)]
        one = around(photo, points, side * (0.6 if i % 3 else 0.8))
        x, y = i % columns * 2 * side, i // columns * 2 * side
        trimmed = (one.picture.width - 2 * side) // 2
        whole.paste(one.picture.crop((trimmed, trimmed, trimmed + 2 * side, trimmed + 2 * side)), (x, y))
        faces += [each + np.array([x, y]) - trimmed for each in one.faces]
    yield Photo(whole, faces)


def faceless(photos: list[Photo]) -> Iterator[Photo]:
    """What lies beside, above and below all the faces of a photograph."""
    for photo in photos:
        every = np.concatenate(photo.faces)
        margin = 2.2 * max(np.linalg.norm(each[1] - each[0]) for each in photo.faces)
        low, high = every.min(0) - margin, every.max(0) + margin
        width, height = photo.picture.size
        for box in (
            (0, 0, low[0], height),
            (high[0], 0, width, height),
            (0, 0, width, low[1]),
            (0, high[1], width, height),
        ):
            if box[2] - box[0] >= 60 and box[3] - box[1] >= 60:
                left, top, right, bottom = (round(each) for each in box)
                yield Photo(photo.picture.crop((left, top, right, bottom)), [])


CONDITIONS: dict[str, Callable[[list[Photo]], Iterator[Photo]]] = {
    "plain": lambda photos: iter(photos),
    "mirrored": lambda photos: (mirrored(photo) for photo in photos),
    "tilt 10, 20": lambda photos: (tilted(photo, by) for photo in photos for by in (-20, -10, 10, 20)),
    "tilt 40": lambda photos: (tilted(photo, by) for photo in photos for by in (-40, 40)),
    "tilt 60-180": lambda photos: (tilted(photo, by) for photo in photos for by in (60, 90, 130, 180, 240, 300)),
    **{
        name: lambda photos, change=change: (shaded(photo, change) for photo in photos)
        for name, change in SHADES.items()
    },
    **{f"face of {side} px": lambda photos, side=side: sizes(photos, side) for side in SIZES},
    "cut off by a quarter": lambda photos: cut(photos, 0.25),
    "cut off by two fifths": lambda photos: cut(photos, 0.4),
    "blurred, σ 2 % of the face": lambda photos: blurred(photos, 0.02),
    "blurred, σ 4 %": lambda photos: blurred(photos, 0.04),
    "blurred, σ 6 %": lambda photos: blurred(photos, 0.06),
    "eleven in one": collage,
    "no face": faceless,
}

if __name__ == "__main__":
    sys.exit(main())
