"""FFCLIP's own files: one .safetensors per part, float16 or float32, its architecture in the header's metadata.

Metadata: format "ffclip", format_version (absent: 1), part (one of parts.KINDS), family (may be empty), and
architecture, the JSON object of the network's constructor arguments; for a converted file also source_sha256 and
source_layout.

The version is to rise when older packs can no longer read a file rightly; those refuse it by a sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from ..errors import CheckpointError
from .canonical import Flat
from .parts import KINDS, Network, Part, kind_of

NAME = "FFCLIP's own"
FORMAT = "ffclip"
VERSION = 1
"""What is written, and the newest that is read."""


def detect(file: Flat) -> bool:
    return file.contents.metadata.get("format") == FORMAT


def check_version(metadata: Mapping[str, str]) -> None:
    """Raise CheckpointError (half a sentence about the file) for a version of our format that can't be read here."""
    version = metadata.get("format_version", "1")
    if not re.fullmatch(r"[1-9][0-9]{0,5}", version):
        raise CheckpointError(
            f"is damaged: its header gives {version[:40]!r} as the version of its format, which is a whole number "
            f"such as {VERSION}; get the file again"
        )
    if int(version) > VERSION:
        raise CheckpointError(
            f"has version {version} of FFCLIP's file format, and this pack reads no version beyond {VERSION}: update "
            "the pack"
        )


def read(file: Flat) -> list[Part]:
    metadata = file.contents.metadata
    check_version(metadata)
    kind = metadata.get("part", "")
    if kind not in KINDS:
        raise CheckpointError(f"is damaged: its header names the unknown part {kind[:40]!r}; get the file again")
    try:
        architecture = json.loads(metadata["architecture"])
    except (KeyError, ValueError, RecursionError) as error:
        raise CheckpointError("is damaged: its header describes no network; get the file again") from error
    if not isinstance(architecture, dict):
        raise CheckpointError("is damaged: its header describes no network; get the file again")
    return [Part(kind, NAME, architecture, file.tensors, metadata.get("family") or None)]


def save_part(
    path: str | Path,
    network: Network,
    dtype: torch.dtype = torch.float16,
    more: Mapping[str, str] | None = None,
) -> None:
    """Write one part with its floating-point weights in dtype (float16 or float32); `more` goes into the metadata.

    Tensors with values beyond float16's range (a BatchNorm's variances can be) stay in float32.
    """
    kind = kind_of(network)
    tensors = {key: _stored(value, dtype).contiguous() for key, value in network.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "format_version": str(VERSION),
        "part": kind,
        "family": network.family or "",
        "architecture": json.dumps(network.architecture),
    }
    path = Path(path)
    path.touch()
    mode = path.stat().st_mode
    save_file(tensors, path, {**metadata, **(more or {})})
    path.chmod(mode)  # save_file lets only its owner read a new file.


def _stored(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    fits = not tensor.numel() or tensor.abs().max() <= torch.finfo(dtype).max
    return tensor.to(dtype) if fits else tensor.float()
