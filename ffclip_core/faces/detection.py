"""Find the faces of people in pictures: BlazeFace on tiles, then the face mesh on what it takes for faces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from torch import Tensor

from ..errors import InputError
from ..execution.precision import without_autocast
from ..networks.face_detector import TILE, FaceDetector
from ..networks.face_mesh import FaceMesh
from ..ordinary import ordinary_tensors
from ..pictures import _extremes, check_pictures
from .candidates import Candidate, candidates
from .face import Face
from .levels import Levels
from .meshes import AROUND, Measured, Square, measure, measure_moved, measure_well, square_of
from .weights import networks

PRESENT = 0.9
"""The least confidence of a face."""

_FINEST = 4
"""How many tiles the picture's longer side takes at the finest of the scales that are always looked at; more where it
is several times the shorter one, as in a panorama."""
_SMALL = 1 / 16
"""Of the longer side: where a face is smaller, or there is none, a finer scale is looked at too."""
_UPSCALED = 0.6
"""The least part of a finer scale's pixels that the picture has to have."""
_HYPOTHESES = 3
_SAME = 0.3
"""Intersection over union of candidates for one face."""
_TURN, _NEAR = 0.5, 0.6
"""Radians from which on, and intersection over union up to which, two candidates for one face are looked at both."""


def find_faces(images: Tensor | np.ndarray) -> list[list[Face]]:
    """Pictures [B, H, W, C], floats in [0, 1], alpha laid on white → for each its faces, from left to right.

    Faces are found upright, tilted, mirrored and upside down, from about 16 px and 1/60 of the picture's longer side
    on, also where the picture's border cuts them. The points are the middles of the openings of the eyes, the tip of
    the nose, and the corners of the mouth between the rims of the lips; box holds the face from forehead to chin;
    confidence, from 0.9 on, falls also where the face and its mirror image show different points. Computed in float32
    where the pictures are (CUDA) or on the CPU, one picture after the other. Raises InputError for what are no
    pictures, and CheckpointError where the networks' files are missing or damaged.
    """
    images = check_pictures(images)
    with _working(images) as (images, detector, mesh):
        return [_find(Levels(image), detector, mesh) for image in images]


def follow_faces(image: Tensor | np.ndarray, faces: Sequence[Face]) -> list[Face]:
    """The faces of the frame before in this one, [1, H, W, C]: by two looks at each, without looking for others.

    A face that is lost has a confidence below 0.9. Raises what find_faces does.
    """
    image = check_pictures(image)
    if len(image) != 1:
        raise InputError(f"Faces are followed from one frame to the next, not to {len(image)}: give frames one by one.")
    if not faces:
        return []
    with _working(image) as (images, _, mesh):
        levels = Levels(images[0])
        return [found.face() for found in measure_moved(levels, mesh, [square_of(face) for face in faces])]


@contextmanager
def _working(images: Tensor) -> Iterator[tuple[Tensor, FaceDetector, FaceMesh]]:
    """The pictures where they are worked on, and both networks there."""
    images = images.detach()
    if images.device.type not in ("cpu", "cuda"):
        images = images.cpu()
    with ordinary_tensors(), without_autocast(images.device):
        detector, mesh = networks(images.device)
        for image in images:
            _extremes(image, "pictures have")
        yield images, detector, mesh


def _find(levels: Levels, detector: FaceDetector, mesh: FaceMesh) -> list[Face]:
    longer, shorter = max(levels.height, levels.width), min(levels.height, levels.width)
    finest = _FINEST
    while 3 * finest * shorter <= _FINEST * longer and finest * 2 * TILE <= longer:
        finest *= 2
    scales = [2**i for i in range(finest.bit_length())]
    found = _measured(levels, mesh, candidates(levels, detector, scales))
    small = not found or min(_side(each) for each in found) < _SMALL * longer
    if small and longer >= _UPSCALED * 2 * finest * TILE:
        found = _apart(found + _measured(levels, mesh, candidates(levels, detector, [2 * finest])))
    return [each.face() for each in sorted(found, key=lambda each: each.mesh[:, 0].min())]


def _measured(levels: Levels, mesh: FaceMesh, tried: Sequence[Candidate]) -> list[Measured]:
    """The faces among the candidates. For each place the best candidate is looked at first, where that shows no face
    the next one of another turn or size."""
    waiting, found = _by_place(tried), []
    for attempt in range(_HYPOTHESES):
        waiting = [place for place in waiting if len(place) > attempt]
        squares = [_square(place[attempt]) for place in waiting]
        first = measure(levels, mesh, squares)
        second = measure_well(levels, mesh, [each.square() for each in first])
        present = [each.confidence >= PRESENT for each in second]
        found += [each for each, there in zip(second, present, strict=True) if there]
        waiting = [place for place, there in zip(waiting, present, strict=True) if not there]
    return _apart(found)


def _by_place(tried: Sequence[Candidate]) -> list[list[Candidate]]:
    """For each place the candidates that differ from those before, the best first."""
    places: list[list[Candidate]] = []
    for each in tried:
        place = next((place for place in places if _overlap(place[0], each) > _SAME), None)
        if place is None:
            places.append([each])
        elif len(place) < _HYPOTHESES and all(_differ(other, each) for other in place):
            place.append(each)
    return places


def _overlap(one: Candidate, other: Candidate) -> float:
    """Intersection over union of their squares, unturned."""
    sides = [
        min(a + one.side / 2, b + other.side / 2) - max(a - one.side / 2, b - other.side / 2)
        for a, b in zip(one.middle, other.middle, strict=True)
    ]
    common = max(sides[0], 0.0) * max(sides[1], 0.0)
    return common / max(one.side**2 + other.side**2 - common, 1e-9)


def _differ(one: Candidate, other: Candidate) -> bool:
    turn = abs((one.turn - other.turn + math.pi) % (2 * math.pi) - math.pi)
    return turn > _TURN or _overlap(one, other) < _NEAR


def _square(candidate: Candidate) -> Square:
    return Square(candidate.middle, AROUND * candidate.side, candidate.turn)


def _side(measured: Measured) -> float:
    return float(np.ptp(measured.mesh, axis=0).max())


def _apart(found: Sequence[Measured]) -> list[Measured]:
    """Without those whose middle lies in the box of a better one."""
    kept: list[Measured] = []
    for each in sorted(found, key=lambda each: -each.confidence):
        x, y = each.middle()
        if not any(_holds(other, x, y) for other in kept):
            kept.append(each)
    return kept


def _holds(measured: Measured, x: float, y: float) -> bool:
    (left, top), (right, bottom) = measured.mesh.min(0), measured.mesh.max(0)
    return left <= x <= right and top <= y <= bottom
