"""The two networks that come with the pack in models/faces/: read when the first picture is looked at, then kept."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import cast

import torch

from ..checkpoints import build, read_parts
from ..families import ROOT
from ..networks.face_detector import FaceDetector
from ..networks.face_mesh import FaceMesh

FOLDER = ROOT / "faces"

_kept: dict[tuple[Path, torch.device], tuple[FaceDetector, FaceMesh]] = {}
_lock = threading.Lock()


def networks(device: torch.device) -> tuple[FaceDetector, FaceMesh]:
    """In float32, on this device. Raises CheckpointError, one sentence, for a file that is missing or not as it was."""
    with _lock:
        key = (FOLDER, device)
        if key not in _kept:
            detector, mesh = (_read(FOLDER / f"{part}.safetensors", part) for part in ("face_detector", "face_mesh"))
            _kept[key] = cast(FaceDetector, detector).to(device), cast(FaceMesh, mesh).to(device)
        return _kept[key]


def _read(path: Path, part: str) -> torch.nn.Module:
    return build(path, read_parts(path), part)
