"""The embedded family's aligner finds its avatars in pictures as people have them."""

from __future__ import annotations

import random

import golden
import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core import EMBEDDED, InputError, load_aligner
from ffclip.ffclip_core.faces.drawn import CONFIDENT, find_drawn_faces
from ffclip.ffclip_core.faces.face import Face
from ffclip.ffclip_core.networks.aligner import Aligner
from ffclip.ffclip_core.training.avatars.alignment_report import corner_error
from ffclip.ffclip_core.training.avatars.avatar import sample
from ffclip.ffclip_core.training.avatars.framings import KINDS, Framing, busy, draw_framed, frame_of, gradient
from ffclip.ffclip_core.training.avatars.wide import FRAME_MIDDLE, POINTS
from ffclip.ffclip_core.training.drawings import TEST_SEEDS

# Of the frame's side. The encoder was trained on frames 2 % to 4 % off.
TYPICAL, WORST = 0.015, 0.05
LONG = {"long straight", "long wavy"}  # Hair whose left is easily told from its right.


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return load_aligner(EMBEDDED / "aligner.safetensors")


def picture(kind: str, number: int) -> tuple[Tensor, Framing]:
    framing = KINDS[kind](random.Random(f"test/{kind}/{number}"))
    return torch.from_numpy(draw_framed(sample(TEST_SEEDS + 1000 + number), framing))[None], framing


def one(found: list[list[Face]]) -> Face:
    ((face,),) = found
    return face


def square(face: Face) -> Tensor:
    assert face.square is not None
    return face.square


def side(face: Face) -> float:
    return float((square(face)[0] - square(face)[1]).norm())


def far(face: Face, other: Face) -> float:
    """In sides of the other."""
    return float((square(face) - square(other)).norm(dim=1).max()) / side(other)


@pytest.fixture(scope="module")
def seen(aligner: Aligner) -> dict[str, tuple[list[Face], Framing]]:
    """One avatar in every kind of picture."""
    pictures = {kind: picture(kind, number) for number, kind in enumerate(KINDS)}
    return {kind: (find_drawn_faces(image, aligner)[0], framing) for kind, (image, framing) in pictures.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_an_avatar_in_every_kind_of_picture(kind: str, seen: dict[str, tuple[list[Face], Framing]]) -> None:
    (face,), framing = seen[kind]
    assert corner_error(face, framing)[0] < WORST
    assert CONFIDENT <= face.confidence <= 1


def test_most_frames_are_far_closer(seen: dict[str, tuple[list[Face], Framing]]) -> None:
    errors = sorted(corner_error(faces[0], framing)[0] for faces, framing in seen.values())
    assert errors[len(errors) // 2] < TYPICAL, errors


def test_a_mirrored_avatar_is_told_from_others(aligner: Aligner) -> None:
    people = [n for n in range(60) if sample(TEST_SEEDS + n).values["hair"] in LONG][:6]
    for mirrored in (False, True):
        for number in people:
            framing = Framing(mirrored=mirrored, turn=10.0, behind=gradient(random.Random(number)))
            image = torch.from_numpy(draw_framed(sample(TEST_SEEDS + number), framing))[None]
            face = one(find_drawn_faces(image, aligner))
            assert corner_error(face, framing)[1], (number, mirrored)
            top_left, _, _, top_right = square(face)
            assert bool(top_left[0] > top_right[0]) == mirrored


def test_points_and_box_lie_on_the_face(aligner: Aligner) -> None:
    framing = Framing(turn=20.0, side=300.0, behind=gradient(random.Random(0)))
    face = one(find_drawn_faces(torch.from_numpy(draw_framed(sample(TEST_SEEDS), framing))[None], aligner))
    frame = frame_of(framing)
    scale = frame.axis / 112
    true = [frame.middle + scale * (complex(*point) - complex(*FRAME_MIDDLE)) for point in POINTS]
    found = face.points
    assert found.shape == (5, 2) and found.dtype == square(face).dtype == torch.float64
    assert np.abs([complex(*point) for point in found.tolist()] - np.array(true)).max() < WORST * 2 * abs(frame.axis)
    left, top, right, bottom = face.box
    assert (found[:, 0] > left).all() and (found[:, 0] < right).all()
    assert (found[:, 1] > top).all() and (found[:, 1] < bottom).all()


def test_nobody_is_found_where_nobody_is(aligner: Aligner) -> None:
    """Nor are shapes of their colours taken for faces, nor empty and noisy pictures, nor those of a pixel."""
    away = Framing(middle=(2000.0, 2000.0))
    stream = random.Random(0)
    pictures = [draw_framed(sample(0), Framing(middle=away.middle, behind=how(stream))) for how in (busy, gradient) * 3]
    rng = np.random.default_rng(0)
    pictures += [rng.random((96, 96, 3), np.float32), *(np.full((80, 60, 3), v, np.float32) for v in (0, 0.5, 1))]
    pictures += [np.ones((*shape, 3), np.float32) for shape in ((1, 1), (1, 700), (700, 1), (3, 2))]
    for number, each in enumerate(pictures):
        assert find_drawn_faces(each[None], aligner) == [[]], number


def test_several_from_left_to_right(aligner: Aligner) -> None:
    """Small ones beside large ones, each as if it were alone."""
    canvas = torch.full((1, 400, 900, 3), 0.9)
    truth = []
    for number, (left, top, size) in enumerate(((600, 90, 280), (20, 150, 120), (250, 20, 340))):
        framing = Framing(width=size, height=size, side=280.0, behind=gradient(random.Random(number)))
        canvas[0, top : top + size, left : left + size] = torch.from_numpy(draw_framed(sample(number), framing))
        truth.append((complex(left, top) + frame_of(framing).middle, size * 0.8))
    (faces,) = find_drawn_faces(canvas, aligner)
    assert len(faces) == 3
    for face, (middle, length) in zip(faces, sorted(truth, key=lambda each: each[0].real), strict=True):
        assert abs(complex(*square(face).mean(0).tolist()) - middle) < WORST * length
        assert abs(side(face) / length - 1) < WORST


@pytest.mark.parametrize("size", [(40, 32), (700, 300), (1500, 1300), (50, 700)])
def test_sizes(size: tuple[int, int], aligner: Aligner) -> None:
    height, width = size
    framing = Framing(width=width, height=height, side=250.0, behind="<rect width='1' height='1' fill='#b6e3f4'/>")
    face = one(find_drawn_faces(torch.from_numpy(draw_framed(sample(TEST_SEEDS + 7), framing))[None], aligner))
    assert corner_error(face, framing)[0] < WORST


def test_every_form_of_a_picture_gives_the_same(aligner: Aligner) -> None:
    image, _ = picture("whole, transparent", 0)
    assert image.shape[3] == 4
    face = one(find_drawn_faces(image, aligner))
    on_white = image[..., :3] * image[..., 3:] + 1 - image[..., 3:]
    others = [on_white, on_white.double(), on_white.numpy(), on_white * 1.0 + 0.0]
    for other in others:
        assert far(one(find_drawn_faces(other, aligner)), face) < golden.rounding(9 * 64, layers=30)
    for other in (on_white.half(), on_white.bfloat16(), on_white.mean(3, keepdim=True)):
        assert far(one(find_drawn_faces(other, aligner)), face) < WORST
    mirrored = one(find_drawn_faces(on_white.flip(2), aligner))
    width = image.shape[2]
    # What is seen mirrored is found mirrored.
    assert float(
        (square(mirrored).mean(0) - (torch.tensor([width, 0]) + square(face).mean(0) * torch.tensor([-1, 1]))).norm()
    ) < 0.02 * side(face)


def test_a_picture_alone_in_a_batch_and_again(aligner: Aligner) -> None:
    images = torch.cat([picture(kind, 1)[0] for kind in ("busy background", "mirrored", "tilted 8-25°")])
    kept, state = images.clone(), torch.get_rng_state()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        together = find_drawn_faces(images, aligner)
    assert torch.equal(images, kept) and torch.equal(torch.get_rng_state(), state)
    torch.set_default_dtype(torch.float64)
    try:
        alone = [find_drawn_faces(image[None], aligner)[0] for image in images]
    finally:
        torch.set_default_dtype(torch.float32)
    for faces, others in zip(together, alone, strict=True):
        assert len(faces) == len(others) == 1
        for face, other in zip(faces, others, strict=True):
            assert torch.equal(square(face), square(other)) and torch.equal(face.points, other.points)
            assert (face.box, face.confidence) == (other.box, other.confidence)
            assert not face.points.is_inference()


def test_what_is_no_picture_is_refused(aligner: Aligner) -> None:
    image, _ = picture("whole drawing", 0)
    broken = image.clone()
    broken[0, 3, 4, 1] = float("nan")
    for wrong, says in (
        (image[0], "has the shape"), (image[:0], "holds 0 pictures"), (broken, "nan"),
        ((image * 255).byte(), "divide bytes by 255"), ("picture", "not as str"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=says):
            find_drawn_faces(wrong, aligner)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="multiples of 16"):
        aligner(torch.zeros(1, 3, 90, 96))
