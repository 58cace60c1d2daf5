"""The networks for faces give what Google's files give: tests/data/face_networks.safetensors holds the outputs of
TensorFlow Lite's own interpreter for those files and seeded noise."""

from __future__ import annotations

import golden
import numpy as np
import torch
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.families import ROOT, broken_families, installed_families
from ffclip.ffclip_core.networks.face_detector import FaceDetector
from ffclip.ffclip_core.networks.face_mesh import FaceMesh

WIDEST = 9 * 128
"""Terms of the longest sum."""


def noise(low: float, side: int) -> torch.Tensor:
    numbers = np.random.RandomState(0).uniform(low, 1, (1, side, side, 3)).astype(np.float32)
    return torch.from_numpy(numbers).permute(0, 3, 1, 2)


def test_the_detector_is_googles() -> None:
    detector = read_parts(ROOT / "faces" / "face_detector.safetensors")["face_detector"].build()
    assert isinstance(detector, FaceDetector)
    expected = golden.tensors("face_networks")
    score, box, points = detector(noise(-1, 128))
    # The file counts from the anchors: middles of 16 × 16 cells twice and of 8 × 8 cells six times.
    anchors = torch.tensor(
        [[(i + 0.5) * cell for i in (x, y)] for cell, n, times in ((8, 16, 2), (16, 8, 6)) for y in range(n)
         for x in range(n) for _ in range(times)]
    )  # fmt: skip
    found = torch.cat([box[..., :2] - anchors, box[..., 2:], (points - anchors[:, None]).flatten(-2)], dim=-1)
    bound = golden.rounding(WIDEST, layers=len(detector.fine) + len(detector.coarse))
    assert golden.error(score, expected["classificators"][..., 0]) < bound
    assert golden.error(found, expected["regressors"]) < bound


def test_the_mesh_is_googles() -> None:
    mesh = read_parts(ROOT / "faces" / "face_mesh.safetensors")["face_mesh"].build()
    assert isinstance(mesh, FaceMesh)
    expected = golden.tensors("face_networks")
    points, presence = mesh(noise(0, 192))
    bound = golden.rounding(WIDEST, layers=len(mesh.trunk) + len(mesh.points))
    assert golden.error(points, expected["landmarks"].reshape(1, 468, 3)) < bound
    assert golden.error(presence, expected["presence"]) < bound


def test_their_folder_is_no_family() -> None:
    assert "faces" not in {family.folder.name for family in installed_families()}
    assert not broken_families()
