"""Faces are cut out by FFHQ's rule, exactly, whatever lies outside of the picture."""

from __future__ import annotations

import math

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import InputError, Placement, align
from ffclip.ffclip_core.faces.alignment import ffhq_square
from ffclip.ffclip_core.faces.face import Face
from ffclip.ffclip_core.faces.resampling import resample
from torch import Tensor

SAMPLED = golden.rounding(12 * 12, layers=3)
"""Each number of a crop is a sum of at most 12 by 12 of the picture's; weights and places are rounded too."""
POINTS = torch.tensor([[40.0, 50.0], [60.0, 50.0], [42.0, 75.0], [58.0, 75.0]], dtype=torch.float64)


def waves(height: int, width: int, length: float = 9.0) -> Tensor:
    """A picture without anything finer than so many px, known in every place."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return wave(x, y, length)[None]


def wave(x: Tensor, y: Tensor, length: float) -> Tensor:
    turn = 2 * math.pi / length
    return torch.stack([(turn * x).sin(), (turn * y).cos(), (turn * (x + y) / 2).sin()], -1).float() / 4 + 0.5


def turned(points: Tensor, degrees: float, about: tuple[float, float]) -> Tensor:
    turn = math.radians(degrees)
    matrix = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float64)
    middle = torch.tensor(about, dtype=torch.float64)
    return (points - middle) @ matrix.T + middle


def test_an_upright_face_by_hand() -> None:
    # Eyes 20 apart and 25 above the mouth: the half side is the larger of 2 · 20 and 1.8 · 25, 45, along the eyes.
    square = ffhq_square(POINTS)
    assert square.tolist() == [[5.0, 7.5], [5.0, 97.5], [95.0, 97.5], [95.0, 7.5]]


@pytest.mark.parametrize("degrees", [0.0, 17.0, 90.0, 180.0, -130.0])
def test_the_frame_turns_with_the_face(degrees: float) -> None:
    square = ffhq_square(turned(POINTS, degrees, (50, 60)))
    wanted = turned(ffhq_square(POINTS), degrees, (50, 60))
    assert golden.error(square, wanted) < golden.rounding(16, dtype=torch.float64)


@pytest.mark.parametrize("degrees", [0.0, 23.0])
@pytest.mark.parametrize("size", [32, 90, 256])
def test_each_pixel_of_the_crop_is_the_pictures_in_its_place(degrees: float, size: int) -> None:
    points = turned(POINTS, degrees, (50, 60)) + torch.tensor([40.0, 30.0])
    crop, placement = align(waves(200, 200), points, size)
    assert crop.shape == (1, size, size, 3)
    v, u = torch.meshgrid(*[(torch.arange(size, dtype=torch.float64) + 0.5) / size] * 2, indexing="ij")
    x, y = torch.einsum("ij,hwj->ihw", placement.matrix, torch.stack([u, v, torch.ones_like(u)], -1))
    error = (crop[0] - wave(x, y, 9.0)).abs().max()
    # Half a pixel beside would be 0.25 · 2π/9 · 0.5 = 0.087; a crop that is smaller softens waves of 3 px somewhat.
    assert error < (0.05 if size == 32 else 0.02)


def test_a_mirrored_square_gives_the_mirrored_crop() -> None:
    square = torch.tensor([[10, 20], [10, 120], [110, 120], [110, 20]], dtype=torch.float64)
    face = Face(points=torch.zeros(5, 2), box=(0, 0, 1, 1), confidence=1.0, square=square)
    mirrored = Face(points=torch.zeros(5, 2), box=(0, 0, 1, 1), confidence=1.0, square=square[[3, 2, 1, 0]])
    image = waves(150, 150)
    assert golden.error(align(image, mirrored, 64)[0], align(image, face, 64)[0].flip(2)) < SAMPLED


def test_a_placement_cuts_the_same_place_again() -> None:
    image = waves(150, 150)
    crop, placement = align(image, POINTS, 64)
    again, same = align(image, placement, 64)
    assert torch.equal(crop, again)
    assert torch.equal(placement.matrix, same.matrix)
    with pytest.raises(InputError, match=r"150×150 px, not of 90×80"):
        align(waves(80, 90), placement, 64)


def test_there_and_back_little_is_lost() -> None:
    image = waves(200, 200)
    crop, placement = align(image, turned(POINTS, 11, (50, 60)) + torch.tensor([40.0, 30.0]), 128)  # .7 px a pixel
    whole = torch.cat([placement.matrix, torch.tensor([[0, 0, 1]], dtype=torch.float64)])
    back = resample(crop.permute(0, 3, 1, 2), torch.linalg.inv(whole)[:2] * 128, (200, 200))[0].permute(1, 2, 0)
    y, x = torch.meshgrid(*[torch.arange(200, dtype=torch.float64) + 0.5] * 2, indexing="ij")
    u, v, _ = torch.einsum("ij,hwj->ihw", torch.linalg.inv(whole), torch.stack([x, y, torch.ones_like(x)], -1))
    inside = (u > 0.05) & (u < 0.95) & (v > 0.05) & (v < 0.95)
    error = (back - image[0])[inside].square().mean()
    assert 10 * math.log10(float(error)) < -50


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 7), (64, 64)])
def test_pictures_of_any_shape_give_a_crop(shape: tuple[int, int], channels: int) -> None:
    square = torch.tensor([[-9.0, -9.0], [-9.0, 40.0], [40.0, 40.0], [40.0, -9.0]], dtype=torch.float64)
    face = Face(points=torch.zeros(5, 2), box=(0, 0, 1, 1), confidence=1.0, square=square * min(1, max(shape) / 49))
    crop, _ = align(torch.rand(1, *shape, channels, generator=torch.Generator().manual_seed(0)), face, 48)
    assert crop.shape == (1, 48, 48, 3)
    assert 0 <= crop.min() <= crop.max() <= 1


def test_what_is_outside_shows_the_border_mirrored_and_no_black() -> None:
    image = torch.full((1, 100, 100, 3), 0.7)
    crop, _ = align(image, POINTS - torch.tensor([45.0, 40.0]), 64)
    assert golden.error(crop, torch.full_like(crop, 0.7)) < SAMPLED


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([[1, 2], [3, 4]], r"four points \[4, 2\]"),
        ([[float("nan"), 2], [3, 4], [1, 8], [3, 8]], "NaN"),
        ([[5, 5], [5, 5], [5, 5], [5, 5]], "give no frame"),
        ([[5000, 5000], [5020, 5000], [5002, 5025], [5018, 5025]], "is not one of a picture of 100×100 px"),
        ([[-1e6, 0], [1e6, 0], [-1e6, 1e6], [1e6, 1e6]], "is not one of a picture"),
        ("nobody", "four points in px"),
        (None, "four points in px"),
    ],
)
def test_points_that_are_no_face_are_refused_in_a_sentence(points: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        align(torch.rand(1, 100, 100, 3), points, 64)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "square",
    [
        torch.full((4, 2), float("nan")),
        torch.zeros(3, 2),
        torch.tensor([[0.0, 0], [0, 100], [20, 100], [20, 0]]),
        torch.zeros(4, 2),
    ],
)
def test_what_is_no_square_is_refused(square: Tensor) -> None:
    face = Face(points=torch.zeros(5, 2), box=(0, 0, 1, 1), confidence=1.0, square=square)
    with pytest.raises(InputError, match="square|is not one of a picture"):
        align(torch.rand(1, 100, 100, 3), face, 64)


@pytest.mark.parametrize("size", [0, 7, 8193, 64.0, True, "64"])
def test_sizes_that_are_none_are_refused(size: object) -> None:
    with pytest.raises(InputError, match="8 to 8192 px"):
        align(torch.rand(1, 100, 100, 3), POINTS, size)  # pyright: ignore[reportArgumentType]


def test_one_picture_at_a_time_as_array_too() -> None:
    image = np.random.default_rng(0).random((1, 90, 90, 3), np.float32)
    crop, placement = align(image, POINTS.tolist(), 64)
    assert isinstance(placement, Placement)
    assert crop.dtype == torch.float32
    with pytest.raises(InputError, match="one picture, not of 2"):
        align(np.concatenate([image, image]), POINTS, 64)
