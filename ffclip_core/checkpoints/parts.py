"""A part of a model family as a file holds it, and the network that is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from ..errors import CheckpointError, FFCLIPError
from ..execution.encoder import FastEncoder
from ..execution.generator import FastGenerator
from ..networks.aligner import Aligner
from ..networks.encoder import Encoder
from ..networks.face_detector import FaceDetector
from ..networks.face_mesh import FaceMesh
from ..networks.generator import Generator
from ..networks.identity import Identity
from ..networks.modulation import Modulator
from .stored import Stored

if TYPE_CHECKING:
    from ..networks.image_encoder import ImageEncoder
    from ..networks.text_encoder import TextEncoder

Network: TypeAlias = (
    "Generator | Encoder | Modulator | TextEncoder | ImageEncoder | Aligner | Identity | FaceDetector | FaceMesh"
)
KINDS = (
    *("generator", "encoder", "modulator", "text_encoder", "image_encoder", "aligner", "identity"),
    *("face_detector", "face_mesh"),
)
_CLASSES: dict[str, type[Network]] = {
    "generator": FastGenerator,
    "encoder": FastEncoder,
    "modulator": Modulator,
    "aligner": Aligner,
    "identity": Identity,
    "face_detector": FaceDetector,
    "face_mesh": FaceMesh,
}
# No network of this kind has a number in its architecture, or a count of parameters, beyond these.
_LARGEST_NUMBER = 200_000
_LARGEST_NETWORK = 2_000_000_000
# Numbers in an architecture that say how often something is there; beyond 64 each has a tensor at least.
_COUNTS = ("num_layers", "num_blocks", "num_mapping_layers", "layers", "blocks")
_WORDS = {"identity": "identity network (ArcFace, which tells faces apart)"}
"""Of kinds whose names do not tell a user what they are."""


def network_class(kind: str) -> type[Network]:
    """What is made of a part of one of KINDS."""
    if kind not in ("text_encoder", "image_encoder"):
        return _CLASSES[kind]
    try:
        from ..networks.image_encoder import ImageEncoder  # Late: open_clip takes seconds to import.
        from ..networks.text_encoder import TextEncoder
    except Exception as error:  # Whatever a broken installation raises (torchvision's is a RuntimeError).
        raise FFCLIPError(
            f"The {words(kind)} needs open_clip, which can't be loaded here ({type(error).__name__}: "
            f"{str(error)[:200]}): python -m pip install open_clip_torch, with the Python that runs this."
        ) from error
    return TextEncoder if kind == "text_encoder" else ImageEncoder


def kind_of(network: Network) -> str:
    """Which of KINDS it is, drawn or computed fast or not."""
    bases = {**_CLASSES, "generator": Generator, "encoder": Encoder}
    kind = next((kind for kind, base in bases.items() if isinstance(network, base)), None)
    if kind is None:  # It came with open_clip.
        kind = "text_encoder" if isinstance(network, network_class("text_encoder")) else "image_encoder"
    return kind


@dataclass(frozen=True)
class Part:
    """kind: one of KINDS. architecture: the constructor's arguments, as JSON can hold them. tensors: by the names of
    the network's state dict. layout: the kind of file that it comes from. notes: what was chosen or added while
    reading it, in sentences for the user."""

    kind: str
    layout: str
    architecture: dict[str, Any]
    tensors: dict[str, Stored]
    family: str | None = None
    notes: tuple[str, ...] = ()

    def build(self) -> Network:
        """The network for use, in float32 on the CPU. Raises CheckpointError (half a sentence about the file)."""
        with torch.inference_mode(False):  # Whose tensors would not count their changes.
            return self._build()

    def _build(self) -> Network:
        network = self._empty()
        expected = network.state_dict()
        problem = _mismatch(expected, self.tensors)
        if problem:
            raise CheckpointError(f"is incomplete, or another network than FFCLIP's {words(self.kind)}: {problem}")
        # Room for all first: what is read comes and goes behind it and leaves no holes in memory.
        loaded = {key: _room(tensor) for key, tensor in expected.items()}
        for key, room in loaded.items():
            value = self.tensors[key].read()
            extremes = torch.stack(value.aminmax()) if value.numel() else torch.zeros(1, dtype=room.dtype, device="cpu")
            # Extremes show what isfinite() of all numbers would, in a fraction of its time.
            if not extremes.to(room.dtype).isfinite().all():
                raise CheckpointError(
                    f"is damaged: '{key}' has values that are no numbers (NaN or infinite); get the file again"
                )
            room.copy_(value)
        network.load_state_dict(loaded, assign=True)
        return network.eval().requires_grad_(False)

    def describe(self) -> str:
        """What it is, for a user: "FFHQ-size generator, 1024 px, 18 layers (e4e)"."""
        numbers = self.architecture
        layers = numbers.get("num_layers")
        if self.kind == "generator":
            size = numbers.get("size")
            layers = 2 * int(size).bit_length() - 4 if isinstance(size, int) else None
            told = f"{'FFHQ-size ' if size == 1024 else ''}generator, {size} px, {layers} layers"
        elif self.kind == "encoder":
            size = numbers.get("input_size")
            height, width = size if isinstance(size, (list, tuple)) and len(size) == 2 else ("?", "?")
            told = f"encoder of {width}×{height} px, {layers} layers"
        elif self.kind == "modulator":
            told = f"modulation blocks, {layers} layers"
        elif self.kind in ("face_detector", "face_mesh"):
            return words(self.kind)
        elif self.kind == "aligner":
            told = f"aligner of {numbers.get('input_size')} px"
        elif self.kind == "identity":
            told = f"identity network, {numbers.get('embed_dim')} wide"
        elif self.kind == "image_encoder":
            told = f"image encoder of {numbers.get('image_size')} px, {numbers.get('embed_dim')} wide"
        else:
            told = f"text encoder, {numbers.get('embed_dim')} wide"
        return f"{told} ({self.family or self.layout})"

    def _empty(self) -> Network:
        """The network without memory for its weights (on the meta device)."""
        kind = network_class(self.kind)
        try:
            arguments = dict(self.architecture)
            if any(_too_large(value) for value in arguments.values()):
                raise ValueError("a value is out of range")
            counts = [_total(arguments.get(name, 0)) for name in _COUNTS]
            if max(counts) > max(len(self.tensors), 64):
                raise ValueError(f"{max(counts)} layers, but {len(self.tensors)} tensors")
            if "channels" in arguments:
                arguments["channels"] = {int(size): count for size, count in arguments["channels"].items()}
            with torch.device("meta"):
                network = kind(**arguments, family=self.family)
        except Exception as error:  # What a constructor raises for nonsense can be anything.
            raise CheckpointError(
                f"is damaged: it describes no {words(self.kind)} that can be built ({str(error)[:200]}); get the file "
                "again"
            ) from error
        if sum(parameter.numel() for parameter in network.parameters()) > _LARGEST_NETWORK:
            raise CheckpointError("is damaged: it describes an impossibly large network; get the file again")
        return network


def words(part: str) -> str:
    return _WORDS.get(part, part.replace("_", " "))


def _room(tensor: torch.Tensor) -> torch.Tensor:
    """Memory for a weight, in the order in which convolutions take it, where they would reorder it in every call.
    The generator has its weights so itself."""
    order = torch.channels_last if tensor.ndim == 4 else torch.preserve_format
    return torch.empty_like(tensor, device="cpu", memory_format=order)


def _too_large(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return len(value) > 64 or any(_too_large(item) for item in value)
    return not isinstance(value, bool) and not (isinstance(value, (int, float)) and 0 < value <= _LARGEST_NUMBER)


def _total(count: Any) -> Any:
    return sum(count) if isinstance(count, (list, tuple)) else count


def _mismatch(expected: dict[str, torch.Tensor], found: dict[str, Stored]) -> str | None:
    missing, surplus = expected.keys() - found.keys(), found.keys() - expected.keys()
    if missing:
        return f"it lacks the tensor '{min(missing)}'"
    if surplus:
        return f"it has a tensor '{min(surplus)[:80]}' that has no place in it"
    for key, tensor in expected.items():
        if tuple(tensor.shape) != found[key].shape:
            return f"'{key}' has the shape {list(found[key].shape)} instead of {list(tensor.shape)}"
        if found[key].dtype.is_floating_point != tensor.is_floating_point():
            return f"'{key}' is stored as {found[key].dtype}"
    return None
