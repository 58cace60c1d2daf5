"""What travels on the FFCLIP wires.

FFCLIP_ENCODER, FFCLIP_TEXT_ENCODER, FFCLIP_MODULATOR and FFCLIP_GENERATOR carry a ModelPart: one network and the
patcher by which ComfyUI moves just that network to the GPU and back. FFCLIP_LATENT carries a Latent, FFCLIP_EMBEDDING
an Embedding, FFCLIP_PLACEMENT a Placed. All are frozen: cached results of one node are shared by everything connected
to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import comfy.model_management
import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io

from ..ffclip_core import Placement
from ..ffclip_core.errors import InputError
from ..ffclip_core.execution.generator import FastGenerator
from ..ffclip_core.finite import require_finite
from .values import shown

CATEGORY = "FFCLIP"

EncoderWire = io.Custom("FFCLIP_ENCODER")
TextEncoderWire = io.Custom("FFCLIP_TEXT_ENCODER")
ModulatorWire = io.Custom("FFCLIP_MODULATOR")
GeneratorWire = io.Custom("FFCLIP_GENERATOR")
LatentWire = io.Custom("FFCLIP_LATENT")
EmbeddingWire = io.Custom("FFCLIP_EMBEDDING")
PlacementWire = io.Custom("FFCLIP_PLACEMENT")
# What nodes give that make many numbers: ComfyUI's own FLOATS, and a list on a FLOAT wire, as others do.
StrengthsWire = io.Custom("FLOATS,FLOAT")


class Patcher(ModelPatcher):
    """Lets a network forget what it keeps on a device when ComfyUI takes part of it away from there."""

    def partially_unload(self, *arguments: Any, **options: Any) -> Any:
        if isinstance(self.model, FastGenerator):
            self.model.refresh()
        return super().partially_unload(*arguments, **options)


Network = TypeVar("Network", bound=torch.nn.Module)


@dataclass(frozen=True, eq=False)
class ModelPart(Generic[Network]):
    """One network of a model family and its own patcher (the patcher is kept alive only by this value)."""

    network: Network
    patcher: ModelPatcher

    @classmethod
    def managed(cls, network: Network, load_device: torch.device) -> ModelPart[Network]:
        """Put a network under ComfyUI's memory management: idle in main memory, at work on load_device."""
        network = network.eval().requires_grad_(False)
        offload_device = comfy.model_management.unet_offload_device()
        return cls(network, Patcher(network, load_device=load_device, offload_device=offload_device))

    @property
    def load_device(self) -> torch.device:
        return self.patcher.load_device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype


@dataclass(frozen=True, eq=False)
class Latent:
    """W+ codes of a batch of pictures, [N, L, D] float32 on the intermediate device.

    unedited holds the inversions that w came from, row by row; the two are equal until an edit.
    family is that of the encoder, None where the file did not say; proportions are its pictures' height to width.
    """

    w: torch.Tensor
    unedited: torch.Tensor
    family: str | None
    proportions: tuple[int, int] = (1, 1)

    @property
    def num_layers(self) -> int:
        return self.w.shape[1]

    @property
    def latent_dim(self) -> int:
        return self.w.shape[2]

    @property
    def size(self) -> int:
        """Side in px of the pictures a generator makes from this many layers: L = 2 log2(size) - 2."""
        return 2 ** (self.num_layers // 2 + 1)


@dataclass(frozen=True, eq=False)
class Embedding:
    """Text embeddings [P, D] float32 on the intermediate device, not normalised, and the prompts they stand for."""

    e: torch.Tensor
    prompts: tuple[str, ...]
    family: str | None

    @property
    def embed_dim(self) -> int:
        return self.e.shape[1]


@dataclass(frozen=True, eq=False)
class Placed:
    """Where the crops of a batch of pictures lie: for each crop its picture's number and the placement; and how many
    pictures there are."""

    items: tuple[tuple[int, Placement], ...]
    pictures: int


def managed_parts(networks: Mapping[str, torch.nn.Module]) -> dict[str, ModelPart[Any]]:
    """The four networks of a family, by name, under ComfyUI's memory management, each where it computes."""
    device = comfy.model_management.get_torch_device()
    # The modulator needs float64, which Apple's and DirectML's devices lack; it costs little on a CPU.
    devices = {"modulator": device if device.type == "cuda" else torch.device("cpu")}
    return {name: ModelPart.managed(network, devices.get(name, device)) for name, network in networks.items()}


def check_part(value: object, kind: type[torch.nn.Module], name: str) -> None:
    """Raise InputError unless an input of this name carries a ModelPart with such a network."""
    if not isinstance(value, ModelPart) or not isinstance(value.network, kind):
        found = f"a network {type(value.network).__name__}" if isinstance(value, ModelPart) else _named(value)
        raise InputError(f"The input {name} takes the {name} of Load FFCLIP Models, not {found}: connect that.")


def check_latent(value: object) -> None:
    """Raise InputError for what is no Latent, such as the latents of diffusion models, and for NaN and infinity."""
    if not isinstance(value, Latent):
        raise InputError(
            "The input latent takes what Invert Image (FFCLIP) or Semantic Modulate gives, not "
            f"{_named(value)}: connect one of these."
        )
    require_finite(value.w, "The codes", "picture", "layer", "channel")


def check_embedding(value: object) -> None:
    """Raise InputError for what is no Embedding, and for NaN and infinity."""
    if not isinstance(value, Embedding):
        raise InputError(f"The input embedding takes what Encode Prompt gives, not {_named(value)}: connect that.")
    require_finite(value.e, "The text embeddings", "prompt", "channel")


def _named(value: object) -> str:
    simple = value is None or isinstance(value, (str, int, float))
    return shown(value) if simple else f"a value of the type {type(value).__name__}"
