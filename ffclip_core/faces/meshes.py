"""A face's points, measured by the face mesh in squares that are turned with the face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..networks.face_mesh import SIZE, FaceMesh
from .face import Face
from .levels import Levels

AROUND = 1.5
"""The side of the square that the network is given, in those of the face's box."""

_AT_ONCE = 16
_LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
_RIGHT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
_NOSE = (1,)
_LEFT_CORNER, _RIGHT_CORNER = (61, 78), (291, 308)
FIVE = (_LEFT_EYE, _RIGHT_EYE, _NOSE, _LEFT_CORNER, _RIGHT_CORNER)
"""The points of the mesh whose means are the eyes, the nose and the mouth's corners, left first as in the upright
picture. The rims of the lips (61, 291) alone are 12 % too wide."""
_MIRRORED = [1, 0, 2, 4, 3]
_DISAGREEMENT = 0.2
"""Of the eyes' distance. What is no face looks like one to the network often enough, but its points are others in the
mirror: by 0.07 to 0.4, those of faces by 0.01 to 0.06. So 0.065 takes a tenth off the confidence."""
_MOVED = 0.4


@dataclass(frozen=True)
class Square:
    """middle and side in px; turn of its right half axis in radians, clockwise to the eye."""

    middle: tuple[float, float]
    side: float
    turn: float


@dataclass(frozen=True)
class Measured:
    """points of the mesh [468, 2] and the five of a face [5, 2], in px of the picture; confidence in [0, 1]."""

    mesh: np.ndarray
    five: np.ndarray
    confidence: float

    def square(self) -> Square:
        """The square around the mesh, turned upright, which is looked at next."""
        turn = _turn(self.five)
        axis = np.array([math.cos(turn), math.sin(turn)])
        across, down = self.mesh @ axis, self.mesh @ np.array([-axis[1], axis[0]])
        x, y = (across.min() + across.max()) / 2, (down.min() + down.max()) / 2
        middle = (float(x * axis[0] - y * axis[1]), float(x * axis[1] + y * axis[0]))
        return Square(middle, AROUND * float(max(np.ptp(across), np.ptp(down))), turn)

    def middle(self) -> tuple[float, float]:
        (left, top), (right, bottom) = self.mesh.min(0), self.mesh.max(0)
        return float(left + right) / 2, float(top + bottom) / 2

    def face(self) -> Face:
        left, top = self.mesh.min(0)
        right, bottom = self.mesh.max(0)
        return Face(
            points=torch.from_numpy(self.five.copy()),
            box=(float(left), float(top), float(right), float(bottom)),
            confidence=self.confidence,
        )


def five_points(mesh: np.ndarray) -> np.ndarray:
    """[468 or 478, at least 2] → [5, 2]."""
    return np.stack([mesh[list(each), :2].mean(0) for each in FIVE])


def square_of(face: Face) -> Square:
    """What to look at for a face that is about there."""
    left, top, right, bottom = face.box
    turn = _turn(face.points.detach().cpu().double().numpy())
    return Square(((left + right) / 2, (top + bottom) / 2), AROUND * max(right - left, bottom - top), turn)


def measure(levels: Levels, mesh: FaceMesh, squares: Sequence[Square]) -> list[Measured]:
    """One look at each square."""
    points, presence = _look(levels, mesh, squares, mirrored=False)
    return [Measured(p, five_points(p), q) for p, q in zip(points, presence, strict=True)]


def measure_well(levels: Levels, mesh: FaceMesh, squares: Sequence[Square]) -> list[Measured]:
    """The mean of a look at each square and of one at its mirror image: one alone sits to a side. Where the two say
    different things, there is hardly a face."""
    looks = [_look(levels, mesh, squares, mirrored) for mirrored in (False, True)]
    return [_agreed(p, o, (q + r) / 2) for p, q, o, r in zip(*looks[0], *looks[1], strict=True)]


def measure_moved(levels: Levels, mesh: FaceMesh, squares: Sequence[Square]) -> list[Measured]:
    """Of faces that were there a moment ago: a look at the mirror image of each square, then one at the square that it
    shows, which counts. How far they are apart says less here, since the faces have moved between."""
    first = [
        Measured(p, five_points(p)[_MIRRORED], q) for p, q in zip(*_look(levels, mesh, squares, True), strict=True)
    ]
    second = measure(levels, mesh, [each.square() for each in first])
    return [
        Measured(each.mesh, each.five, each.confidence * _agreement(before.five, each.five, _MOVED))
        for before, each in zip(first, second, strict=True)
    ]


def _agreed(mesh: np.ndarray, other: np.ndarray, presence: float) -> Measured:
    one, two = five_points(mesh), five_points(other)[_MIRRORED]
    return Measured(mesh, (one + two) / 2, presence * _agreement(one, two, _DISAGREEMENT))


def _agreement(one: np.ndarray, other: np.ndarray, tolerance: float) -> float:
    """Of two measurements of five points, in (0, 1]. tolerance in the eyes' distance."""
    eyes = max(float(np.linalg.norm(one[1] - one[0] + other[1] - other[0])) / 2, 1e-6)
    apart = float(np.linalg.norm(one - other, axis=1).mean()) / eyes
    return math.exp(-((apart / tolerance) ** 2))


def _turn(five: np.ndarray) -> float:
    x, y = five[1] - five[0]
    return math.atan2(y, x)


def _look(
    levels: Levels, mesh: FaceMesh, squares: Sequence[Square], mirrored: bool
) -> tuple[list[np.ndarray], list[float]]:
    """The meshes [468, 2] in px of the picture, and their presences."""
    points, presence = [], []
    for i in range(0, len(squares), _AT_ONCE):
        some = squares[i : i + _AT_ONCE]
        views = [levels.square(square.middle, square.side, square.turn, SIZE, mirrored) for square in some]
        found = mesh(torch.cat(views))
        for square, numbers in zip(some, found.points.cpu().double().numpy(), strict=True):
            points.append(_in_picture(numbers[:, :2], square, mirrored))
        presence += found.presence.double().sigmoid().tolist()
    return points, presence


def _in_picture(points: np.ndarray, square: Square, mirrored: bool) -> np.ndarray:
    across, down = ((points - SIZE / 2) * (square.side / SIZE)).T
    if mirrored:
        across = -across
    cosine, sine = math.cos(square.turn), math.sin(square.turn)
    x = square.middle[0] + across * cosine - down * sine
    y = square.middle[1] + across * sine + down * cosine
    return np.stack([x, y], axis=1)
