"""Faces whose points somebody else gives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from ffclip.ffclip_core import InputError
from ffclip.ffclip_core.faces.given import face_from_points, faces_from_landmarks
from ffclip.ffclip_core.faces.meshes import FIVE

EYES, CORNERS = np.array([[40.0, 50.0], [80.0, 50.0]]), np.array([[45.0, 90.0], [75.0, 90.0]])


@pytest.mark.parametrize("degrees", range(0, 360, 45))
def test_four_points_in_either_order_of_each_pair_are_the_same_face(degrees: float) -> None:
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    eyes, corners = (EYES @ turn.T + 300, CORNERS @ turn.T + 300)
    for i, j in itertools.product((1, -1), repeat=2):
        face = face_from_points(np.concatenate([eyes[::i], corners[::j]]))
        assert np.array_equal(face.points.numpy()[[0, 1, 3, 4]], np.concatenate([eyes, corners]))
        nose = (face.points.numpy()[2] - 300) @ turn
        assert nose[0] == pytest.approx(60)
        assert 50 < nose[1] < 90
        left, top, right, bottom = face.box
        assert all(left <= x <= right and top <= y <= bottom for x, y in face.points.tolist())
        assert 65 < max(right - left, bottom - top) < 140
        assert face.confidence == 1


@pytest.mark.parametrize(
    "points",
    [
        [[1, 2], [3, 4], [5, 6]],
        [[1, 2], [1, 2], [5, 6], [7, 8]],
        [[0, 0], [10, 0], [0, 0], [10, 0]],
        [[0, 0], [10, 0], [20, 0], [30, 0]],
        [[0, 0], [10, 0], [math.nan, 10], [10, 10]],
        [[0, 0], [10, 0], [math.inf, 10], [-math.inf, 10]],
        [["a", 0], [10, 0], [0, 10], [10, 10]],
        [[0, 0], [10]],
        None,
    ],
)
def test_points_that_no_face_has_are_refused_in_a_sentence(points: object) -> None:
    with pytest.raises(InputError, match=r"^The points"):
        face_from_points(points)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("shape", [(2, 468, 2), (2, 478, 3)])
def test_landmarks_give_the_means_of_their_parts(shape: tuple[int, ...]) -> None:
    meshes = torch.rand(shape, generator=torch.Generator("cpu").manual_seed(0)) * 100
    meshes[0] += 300  # The first lies right of the second.
    faces = faces_from_landmarks(meshes)
    assert [face.box[0] > 200 for face in faces] == [False, True]
    for face, mesh in zip(faces, reversed(meshes), strict=True):
        expected = torch.stack([mesh[list(part), :2].double().mean(0) for part in FIVE])
        assert torch.allclose(face.points, expected)
    (alone,) = faces_from_landmarks(meshes[1].numpy())
    assert torch.allclose(alone.points, faces[0].points)
    assert faces_from_landmarks(meshes[:0]) == []


@pytest.mark.parametrize("landmarks", [np.zeros((468, 4)), np.zeros((68, 2)), np.zeros((2, 468, 2)), ["a"], [0.0]])
def test_other_landmarks_are_refused_in_a_sentence(landmarks: object) -> None:
    with pytest.raises(InputError, match=r"^The landmarks"):
        faces_from_landmarks(landmarks)  # pyright: ignore[reportArgumentType]
