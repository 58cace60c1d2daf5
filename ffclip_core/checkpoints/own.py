"""FFCLIP's own files: one .safetensors per part, float16 or float32, its architecture in the header's metadata.

Metadata: format "ffclip", part ("generator", "encoder", "modulator", "text_encoder"), family (may be empty), and
architecture, the JSON object of the network's constructor arguments.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ..encoder import Encoder
from ..errors import CheckpointError
from ..generator import Generator
from ..modulation import Modulator
from ..text_encoder import TextEncoder

FORMAT = "ffclip"
PARTS: dict[str, type[Generator | Encoder | Modulator | TextEncoder]] = {
    "generator": Generator,
    "encoder": Encoder,
    "modulator": Modulator,
    "text_encoder": TextEncoder,
}
# No network of this kind has a number in its architecture, or a count of parameters, beyond these.
_LARGEST_NUMBER = 200_000
_LARGEST_NETWORK = 2_000_000_000

# Numbers in an architecture that say how often something is there; beyond 64 each has a tensor at least.
_COUNTS = ("num_layers", "num_blocks", "num_mapping_layers", "layers")

Part = TypeVar("Part", bound=nn.Module)


def load_generator(path: str | Path) -> Generator:
    """Read a StyleGAN2 generator: eval(), float32, on the CPU. Raises CheckpointError if the file holds none."""
    return _load(path, "generator", Generator)


def load_encoder(path: str | Path) -> Encoder:
    """Read an e4e encoder: eval(), float32, on the CPU. Raises CheckpointError if the file holds none."""
    return _load(path, "encoder", Encoder)


def load_modulator(path: str | Path) -> Modulator:
    """Read semantic modulation blocks: eval(), float32, on the CPU. Raises CheckpointError if the file holds none."""
    return _load(path, "modulator", Modulator)


def load_text_encoder(path: str | Path) -> TextEncoder:
    """Read a CLIP text tower: eval(), float32, on the CPU. Raises CheckpointError if the file holds none."""
    return _load(path, "text_encoder", TextEncoder)


def save_part(
    path: str | Path, network: Generator | Encoder | Modulator | TextEncoder, dtype: torch.dtype = torch.float16
) -> None:
    """Write one part with its floating-point weights in dtype (float16 or float32).

    Tensors with values beyond float16's range (a BatchNorm's variances can be) stay in float32.
    """
    part = next(name for name, kind in PARTS.items() if isinstance(network, kind))
    tensors = {key: _stored(value, dtype).contiguous() for key, value in network.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "part": part,
        "family": network.family or "",
        "architecture": json.dumps(network.architecture),
    }
    save_file(tensors, path, metadata)


def _stored(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    fits = not tensor.numel() or tensor.abs().max() <= torch.finfo(dtype).max
    return tensor.to(dtype) if fits else tensor.float()


def _load(path: str | Path, part: str, kind: type[Part]) -> Part:
    path = Path(path)
    tensors, metadata = _read(path, part)
    if metadata.get("part") != part:
        raise CheckpointError(
            f"{path.name} holds the part {str(metadata.get('part'))[:40]!r} of a model, not the {_words(part)}: choose "
            "another file."
        )
    network = _build(path, kind, metadata, len(tensors))
    problem = _mismatch(network.state_dict(), tensors)
    if problem:
        raise CheckpointError(f"{path.name} is damaged: {problem}; get the file again.")
    # Copies: the weights must not depend on a file that may be replaced while they are in use.
    dtypes = {key: value.dtype for key, value in network.state_dict().items()}
    network.load_state_dict({key: value.to(dtypes[key], copy=True) for key, value in tensors.items()}, assign=True)
    return network.eval()


def _read(path: Path, part: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    if not _is_file(path):
        raise CheckpointError(f"There is no file {path}: check the name, or put the {_words(part)} there.")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path.name} is a .safetensors file, but not one of FFCLIP's parts: choose the file of the "
                    f"{_words(part)}."
                )
            return {key: file.get_tensor(key) for key in file.keys()}, metadata  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path.name} {_what_it_is(path)}.") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # A name that no file can have.
        return False


def _what_it_is(path: Path) -> str:
    """What a file is that is no readable .safetensors, and the way out."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        return f"can't be read ({error.strerror}): look at its permissions"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start:
        return "is empty: download it again"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")):
        return "is a web page saved under a model's name: download the file itself, not the page about it"
    if text.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer, not the model: fetch the real file with 'git lfs pull' or download it"
    if start.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "is a PyTorch or pickle file, which FFCLIP does not read yet (nothing in it was run): use a .safetensors"
    return f"is no model file, or an incomplete one ({path.stat().st_size:,} bytes): download it again"


def _build(path: Path, kind: type[Part], metadata: dict[str, str], tensors: int) -> Part:
    """The network that the metadata describes, without memory for its weights yet (on the meta device)."""
    try:
        arguments = json.loads(metadata["architecture"])
        if not isinstance(arguments, dict) or any(_too_large(value) for value in arguments.values()):
            raise ValueError("a value is out of range")
        counts = [arguments.get(name, 0) for name in _COUNTS] + [sum(arguments.get("blocks", []))]
        if max(counts) > max(tensors, 64):
            raise ValueError(f"{max(counts)} layers, but {tensors} tensors")
        if "channels" in arguments:
            arguments["channels"] = {int(size): count for size, count in arguments["channels"].items()}
        with torch.device("meta"):
            network = kind(**arguments, family=metadata.get("family") or None)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        RuntimeError,
        ArithmeticError,
        AssertionError,
    ) as error:
        raise CheckpointError(
            f"{path.name} is damaged: its header describes no network that can be built ({error}); get the file again."
        ) from error
    if sum(parameter.numel() for parameter in network.parameters()) > _LARGEST_NETWORK:
        raise CheckpointError(f"{path.name} is damaged: its header describes an impossibly large network.")
    return network


def _too_large(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return len(value) > 64 or any(_too_large(item) for item in value)
    return not isinstance(value, int) or not 0 < value <= _LARGEST_NUMBER


def _mismatch(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> str | None:
    missing, surplus = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing:
        return f"it lacks the tensor '{min(missing)}'"
    if surplus:
        return f"it has a tensor '{min(surplus)}' that its header does not describe"
    for key, tensor in expected.items():
        if tensor.shape != found[key].shape:
            return f"'{key}' has the shape {list(found[key].shape)} instead of {list(tensor.shape)}"
        if found[key].is_floating_point() != tensor.is_floating_point():
            return f"'{key}' is stored as {found[key].dtype}"
        if not found[key].to(tensor.dtype).isfinite().all():
            return f"'{key}' has values that are no numbers (NaN or infinite)"
    return None


def _words(part: str) -> str:
    return part.replace("_", " ")
