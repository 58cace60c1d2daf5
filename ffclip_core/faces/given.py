"""Faces whose points somebody else gives: a user by hand, or another face mesh."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .face import Face
from .meshes import five_points

_NOSE = 0.69
"""From the middle of the eyes to that of the mouth's corners, on 22 faces; so are the next four."""
_LEFT, _RIGHT, _ABOVE, _BELOW = 1.1, 1.1, 0.8, 1.75
"""Bounds of a face from the middle of its eyes, along them and down, in the larger of their distance and 0.9 times the
way to the mouth."""
_LEAST = 1.0
"""Px from one eye to the other, and to the mouth."""


def face_from_points(points: Tensor | np.ndarray | list[list[float]]) -> Face:
    """The face of four points [4, 2] (x and y in px), both eyes and then both corners of the mouth.

    Which eye and which corner comes first does not matter: the left ones are those that are left when the picture is
    turned so that the eyes are above the mouth. Nose and box are where they are on most faces; confidence is 1. Raises
    InputError for points that no face has.
    """
    four = _numbers(points, "The points of a face")
    if four.shape != (4, 2):
        raise InputError(
            f"The points of a face are both eyes, then both corners of the mouth, as [4, 2], not {list(four.shape)}."
        )
    eyes, corners = four[:2], four[2:]
    middle, mouth = eyes.mean(0), corners.mean(0)
    down, across = mouth - middle, eyes[1] - eyes[0]
    if min(np.linalg.norm(down), np.linalg.norm(across)) < _LEAST:
        raise InputError(
            f"The points {_told(four)} are no face: the eyes, and eyes and mouth, have to be {_LEAST:g} px apart at "
            "least."
        )
    turn = across[0] * down[1] - across[1] * down[0]
    if abs(turn) < 0.2 * np.linalg.norm(down) * np.linalg.norm(across):
        raise InputError(
            f"The points {_told(four)} are no face, since the mouth lies beside the eyes: give both eyes first, then "
            "both corners of the mouth."
        )
    if turn < 0:
        eyes, across = eyes[::-1], -across
    if (corners[1] - corners[0]) @ across < 0:
        corners = corners[::-1]
    five = np.stack([*eyes, middle + _NOSE * down, *corners])
    right = across - np.array([-down[1], down[0]])
    right /= np.linalg.norm(right)
    unit = max(float(np.linalg.norm(across)), 0.9 * float(np.linalg.norm(down)))
    below = np.array([-right[1], right[0]])
    rim = np.stack(
        [middle + unit * (x * right + y * below) for x in (-_LEFT, 0, _RIGHT) for y in (-_ABOVE, 0.4, _BELOW)]
    )
    rim = rim[[1, 3, 5, 7]]  # The middles of the sides: a face fills no corners.
    return _face(five, np.concatenate([rim, four]))


def faces_from_landmarks(landmarks: Tensor | np.ndarray) -> list[Face]:
    """The faces of MediaPipe's face mesh: [N, 468 or 478, 2 or 3], or one without N; x and y in px.

    From left to right; confidence is 1. Raises InputError for what is no such mesh.
    """
    meshes = _numbers(landmarks, "The landmarks of faces")
    meshes = meshes[None] if meshes.ndim == 2 else meshes
    if meshes.ndim != 3 or meshes.shape[1] not in (468, 478) or meshes.shape[2] not in (2, 3):
        raise InputError(
            "The landmarks of a face are MediaPipe's 468 or 478 points with x and y in px ([468, 2]), not "
            f"{list(meshes.shape)}."
        )
    for mesh in meshes:
        if np.ptp(mesh[:, :2], axis=0).max() < _LEAST:
            raise InputError(
                f"The landmarks of a face lie within {_LEAST:g} px: give them in px of the picture, not as parts of it."
            )
    found = [_face(five_points(mesh), mesh[:, :2]) for mesh in meshes]
    return sorted(found, key=lambda face: face.box[0])


def _face(five: np.ndarray, rim: np.ndarray) -> Face:
    (left, top), (right, bottom) = rim.min(0), rim.max(0)
    box = (float(left), float(top), float(right), float(bottom))
    return Face(points=torch.from_numpy(five), box=box, confidence=1.0)


def _numbers(values: object, what: str) -> np.ndarray:
    """float64, all finite."""
    try:
        numbers = np.array(values.detach().cpu().double().numpy() if isinstance(values, Tensor) else values, np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{what} are numbers, x and y in px: {str(error)[:200]}.") from error
    if not np.isfinite(numbers).all():
        raise InputError(f"{what} hold NaN or infinity: give x and y in px.")
    return numbers


def _told(points: np.ndarray) -> str:
    return ", ".join(f"({x:.0f}, {y:.0f})" for x, y in points)
