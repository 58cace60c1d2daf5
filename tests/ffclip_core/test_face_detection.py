"""find_faces on photographs with known points (tests/data/photos), as people have them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from ffclip.ffclip_core import EMBEDDED, CheckpointError, Face, InputError, find_faces, save_part
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.dev.measure_faces import Photo, around, collage, compare, mirrored, moved, read, tilted
from ffclip.ffclip_core.faces import weights
from ffclip.ffclip_core.faces.detection import PRESENT, follow_faces
from ffclip.ffclip_core.families import ROOT
from golden import DATA
from torch import Tensor

READING = 9.0
"""In % of the eyes' distance: known points are read to 3 in the mean, a face's worst reading is three times that."""


@pytest.fixture(scope="module")
def photos() -> dict[str, Photo]:
    names = ("grace_hopper", "three_oranges", "seven_leaning", "ring_of_six")
    return dict(zip(names, read(DATA / "photos"), strict=True))


@pytest.fixture(scope="module")
def portrait(photos: dict[str, Photo]) -> Photo:
    """260 px wide."""
    return around(photos["grace_hopper"], photos["grace_hopper"].faces[0], 90)


def tensor(photo: Photo) -> Tensor:
    return torch.from_numpy(np.asarray(photo.picture, np.float32).copy() / 255)[None]


def require_found(photo: Photo, bound: float = READING) -> None:
    """All faces, each about where it is known to be, and nothing else."""
    errors, false = compare(photo)
    assert len(errors) == len(photo.faces)
    assert not false
    assert max(errors) < bound


@pytest.mark.parametrize("name", ["three_oranges", "seven_leaning", "ring_of_six"])
def test_each_face_of_a_photograph_is_found(photos: dict[str, Photo], name: str) -> None:
    require_found(photos[name])


@pytest.mark.parametrize("degrees", [90, 205])
def test_a_turned_picture_has_its_points_turned(portrait: Photo, degrees: float) -> None:
    require_found(tilted(portrait, degrees))


def test_a_mirrored_picture_has_left_on_the_left(portrait: Photo) -> None:
    require_found(mirrored(portrait))


def test_eleven_faces_from_left_to_right(photos: dict[str, Photo]) -> None:
    photo = next(collage([photos["grace_hopper"], photos["three_oranges"]]))
    assert len(photo.faces) == 11
    (faces,) = find_faces(tensor(photo))
    assert len(faces) == 11
    for points in photo.faces:
        assert min(error(face, points) for face in faces) < READING
    left = [face.box[0] for face in faces]
    assert left == sorted(left)


def test_a_face_of_20_px_and_one_that_the_border_cuts(photos: dict[str, Photo]) -> None:
    photo = photos["grace_hopper"]
    require_found(around(photo, photo.faces[0], 20), bound=2 * READING)
    require_found(around(photo, photo.faces[0], 90, cut=(0.25, 0)), bound=2 * READING)


def test_a_dark_gray_picture_in_half_precision_and_one_with_alpha(portrait: Photo) -> None:
    """In one channel and four; what is transparent is white."""
    usual = tensor(portrait)
    gray = usual.mean(-1, keepdim=True).mul(0.3).half()
    clear = torch.cat([usual, torch.ones_like(usual[..., :1])], dim=-1)
    clear[:, :40, :, :] = 0
    white = clear[..., :3].clone()
    white[:, :40] = 1
    for images in (gray.numpy(), clear):
        (faces,) = find_faces(images)
        assert len(faces) == 1
        assert error(faces[0], portrait.faces[0]) < READING
    (other,) = find_faces(white)[0]
    assert torch.equal(faces[0].points, other.points)


def test_pictures_of_a_batch_are_looked_at_each_for_itself(portrait: Photo) -> None:
    usual = tensor(portrait)
    empty, found = find_faces(torch.cat([torch.full_like(usual, 0.5), usual]))
    assert not empty
    (face,) = found
    assert face.points.dtype == torch.float64
    assert face.points.device.type == "cpu"
    assert PRESENT <= face.confidence <= 1
    left, top, right, bottom = face.box
    assert all(left < x < right and top < y < bottom for x, y in face.points.tolist())
    assert face.square is None


def error(face: Face, points: np.ndarray) -> float:
    """In % of the eyes' distance, without the nose."""
    apart = np.linalg.norm(face.points.numpy() - points, axis=1)[[0, 1, 3, 4]].mean()
    return float(100 * apart / np.linalg.norm(points[1] - points[0]))


def test_no_face(photos: dict[str, Photo]) -> None:
    hands = Photo(photos["three_oranges"].picture.crop((230, 180, 420, 400)), [])
    assert compare(hands) == ([], 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 8192), (8192, 1), (7, 31)])
def test_pictures_too_small_for_faces(size: tuple[int, int]) -> None:
    assert find_faces(torch.rand(1, *size, 3)) == [[]]


def test_a_large_picture_with_a_face_in_a_corner(portrait: Photo) -> None:
    photo = moved(portrait, np.array([[3.0, 0, 0], [0, 3, 0]]), (780, 780))
    images = torch.full((1, 6000, 8000, 1), 0.5, dtype=torch.float16)
    images[0, -photo.picture.height :, -photo.picture.width :, 0] = tensor(photo)[0].mean(-1)
    (faces,) = find_faces(images)
    assert len(faces) == 1
    offset = np.array([8000 - photo.picture.width, 6000 - photo.picture.height])
    assert error(faces[0], photo.faces[0] + offset) < READING


def test_what_are_no_pictures_is_said() -> None:
    with pytest.raises(InputError, match="images\\[None\\]"):
        find_faces(torch.rand(8, 8, 3))
    broken = torch.rand(2, 32, 32, 3)
    broken[1, 3, 4, 2] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        find_faces(broken)


def test_a_face_is_followed_through_the_next_frame(portrait: Photo) -> None:
    (before,) = find_faces(tensor(portrait))[0]
    known = Photo(portrait.picture, [before.points.numpy()])
    after = moved(known, np.array([[0.98, -0.05, 9], [0.05, 0.98, -4]]), portrait.picture.size)
    (face,) = follow_faces(tensor(after), [before])
    assert error(face, after.faces[0]) < 4  # Of two measurements, not of readings.
    assert face.confidence >= PRESENT
    (lost,) = follow_faces(torch.full((1, 200, 200, 3), 0.5), [before])
    assert lost.confidence < PRESENT
    assert follow_faces(tensor(after), []) == []
    with pytest.raises(InputError, match="one by one"):
        follow_faces(torch.rand(2, 32, 32, 3), [before])


@contextmanager
def strange_defaults() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"), torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
            yield
    finally:
        torch.set_default_dtype(torch.float32)


def test_torchs_defaults_are_neither_heeded_nor_changed(portrait: Photo) -> None:
    images = tensor(portrait).requires_grad_()
    (usual,) = find_faces(images)[0]
    before = (torch.get_num_threads(), torch.random.get_rng_state().tolist(), torch.is_grad_enabled())
    with strange_defaults():
        (strange,) = find_faces(images)[0]
        assert torch.get_default_dtype() == torch.float64
    assert torch.equal(usual.points, strange.points)
    assert not usual.points.requires_grad
    assert before == (torch.get_num_threads(), torch.random.get_rng_state().tolist(), torch.is_grad_enabled())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of models/faces that find_faces reads, with nothing kept."""
    for part in ("face_detector", "face_mesh"):
        (tmp_path / f"{part}.safetensors").write_bytes((ROOT / "faces" / f"{part}.safetensors").read_bytes())
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    monkeypatch.setattr(weights, "_kept", {})
    return tmp_path


@pytest.mark.parametrize("harm", ["gone", "cut", "text", "nan", "other"])
def test_weights_that_cannot_be_used_are_named_in_a_sentence(folder: Path, harm: str) -> None:
    path = folder / "face_mesh.safetensors"
    whole = path.read_bytes()
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif harm == "text":
        path.write_text("<html>404</html>")
    elif harm == "nan":
        network = read_parts(path)["face_mesh"].build()
        network.stem[0].weight[0, 0, 0, 0] = torch.nan  # pyright: ignore
        save_part(path, network)
    else:
        path.write_bytes((EMBEDDED / "modulator.safetensors").read_bytes())
    with pytest.raises(CheckpointError) as caught:
        find_faces(torch.rand(1, 16, 16, 3))
    assert "face_mesh.safetensors" in str(caught.value)
    path.write_bytes(whole)
    assert find_faces(torch.zeros(1, 16, 16, 3)) == [[]]  # A failure is not kept.


def test_threads_read_the_weights_once(folder: Path) -> None:
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(weights.networks(torch.device("cpu"))), daemon=True)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in found}) == 1
    assert len(found) == 4
