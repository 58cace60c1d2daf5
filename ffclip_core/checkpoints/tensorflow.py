"""NVIDIA's old TensorFlow pickles of StyleGAN2: (G, D, Gs), each with its variables as NumPy arrays."""

from __future__ import annotations

import re
from typing import Any

from ..errors import CheckpointError
from .canonical import Flat
from .parts import Part
from .pickles import Object, as_dict, as_stored, settings
from .stored import Stored
from .stylegan2 import generator

NAME = "StyleGAN2 (NVIDIA, TensorFlow)"
_NETWORKS = ("tflib.network.Network", "tfutil.Network")
_EXPECTED = {
    "mapping_lrmul": 0.01,
    "mapping_nonlinearity": "lrelu",
    "nonlinearity": "lrelu",
    "architecture": "skip",
    "normalize_latents": True,
}
_DENSE = re.compile(r"Dense(\d{1,3})/(weight|bias)")
_LAYER = re.compile(r"(\d{1,5})x\1/(Conv|Conv0_up|Conv1|ToRGB)/(weight|mod_weight|mod_bias|bias|noise_strength)")


def read(file: Flat) -> list[Part]:
    network = _generator(file.contents.tree)
    if network is None:
        return []
    variables = _variables(network, set())
    if _is_discriminator(network):
        raise CheckpointError("is a discriminator, which training alone needs: choose a generator, or the whole file")
    if any("ToRGB_lod" in name for name in variables) and "4x4/Dense/weight" in variables:
        raise CheckpointError(
            "is a generator of progressive growing (PGGAN), which has no W+ codes: FFCLIP takes StyleGAN2"
        )
    for mark, what in (("LabelConcat", "with classes"), ("StyleMod", "of StyleGAN1"), ("Skip", "of the kind 'resnet'")):
        if any(f"/{mark}" in name or name.startswith(mark) for name in variables):
            raise CheckpointError(
                f"is a generator {what}, but FFCLIP takes StyleGAN2's of the kind 'skip' without classes"
            )
    if "4x4/Const/const" not in variables:
        raise CheckpointError("is a network of TensorFlow that is no generator of StyleGAN2")
    _check_settings(network)
    if "4x4/ToRGB/weight" not in variables:
        raise CheckpointError("is a generator of the kind 'orig' or 'resnet'; FFCLIP takes 'skip'")
    latent_avg = variables.pop("dlatent_avg", None)
    tensors = {}
    for name, value in variables.items():
        place, tensor = _renamed(name, value)
        if place in tensors:
            raise CheckpointError(f"is damaged: it has the variable {name[:60]!r} twice; get the file again")
        if place:
            tensors[place] = tensor
    return [generator(tensors, latent_avg, NAME)]


def _generator(tree: Any) -> Object | None:
    """The network that draws, of (G, D, Gs) the last; a discriminator where there is nothing else."""
    found = list(tree.values()) if isinstance(tree, dict) else list(tree) if isinstance(tree, (tuple, list)) else [tree]
    networks = [item for item in found if isinstance(item, Object) and item.kind.endswith(_NETWORKS)]
    if not networks:
        return None
    return next((network for network in reversed(networks) if not _is_discriminator(network)), networks[-1])


def _is_discriminator(network: Object) -> bool:
    return any("FromRGB" in name for name in _variables(network, set()))


def _check_settings(network: Object) -> None:
    """Raise CheckpointError for arithmetic, as the network's static arguments tell it, that FFCLIP lacks."""
    pending, seen = [network], set()
    while pending:
        state = as_dict(pending.pop()) or {}
        for key, value in settings(state.get("static_kwargs")).items():
            if key in _EXPECTED and type(value) in (int, float, str, bool) and value != _EXPECTED[key]:
                raise CheckpointError(f"is a generator with the {key} {value!r}; FFCLIP takes {_EXPECTED[key]!r}")
            if key == "resample_kernel" and isinstance(value, (list, tuple)) and list(value) != [1, 3, 3, 1]:
                raise CheckpointError(
                    f"is a generator with the resample_kernel {list(value)!r}; FFCLIP takes [1, 3, 3, 1]"
                )
        for component in (as_dict(state.get("components")) or {}).values():
            if isinstance(component, Object) and id(component) not in seen:
                seen.add(id(component))
                pending.append(component)


def _variables(network: Object, seen: set[int]) -> dict[str, Stored]:
    """The variables of a network and of its components, without the components' names."""
    if id(network) in seen:
        raise CheckpointError("is damaged: its networks lie within each other; get the file again")
    seen.add(id(network))
    state = as_dict(network) or {}
    found = {}
    pairs = state.get("variables")
    for pair in pairs if isinstance(pairs, (list, tuple)) else []:
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str):
            tensor = as_stored(pair[1])
            if tensor is not None:
                found[pair[0]] = tensor
    for component in (as_dict(state.get("components")) or {}).values():
        if isinstance(component, Object):
            found |= _variables(component, seen)
    return found


def _renamed(name: str, tensor: Stored) -> tuple[str | None, Stored]:
    """A variable by the name and in the form of the common layout; no name for one that it lacks."""
    shape = tensor.shape
    if match := _DENSE.fullmatch(name):
        if match[2] == "weight" and len(shape) == 2:
            tensor = tensor.mapped(shape[::-1], lambda value: value.T.contiguous())
        return f"style.{int(match[1]) + 1}.{match[2]}", tensor
    if name == "4x4/Const/const":
        return "input.input", tensor
    if match := re.fullmatch(r"noise(\d{1,3})", name):
        return f"noises.noise_{match[1]}", tensor
    match = _LAYER.fullmatch(name)
    if match is None:
        return None, tensor
    resolution, layer, what = int(match[1]), match[2], match[3]
    block = resolution.bit_length() - 4
    if resolution != 8 << block if block >= 0 else resolution != 4:
        raise CheckpointError(f"is damaged: its generator has a block of {resolution} px; get the file again")
    if layer == "ToRGB":
        place = "to_rgb1" if block < 0 else f"to_rgbs.{block}"
    else:
        place = "conv1" if layer == "Conv" else f"convs.{2 * block + (layer == 'Conv1')}"
    if what == "weight" and len(shape) == 4:
        order = (1, shape[3], shape[2], shape[0], shape[1])
        flipped = (2, 3) if layer == "Conv0_up" else ()
        return f"{place}.conv.weight", tensor.mapped(
            order, lambda value: value.permute(3, 2, 0, 1).flip(flipped).contiguous()[None]
        )
    if what == "mod_weight" and len(shape) == 2:
        return f"{place}.conv.modulation.weight", tensor.mapped(shape[::-1], lambda value: value.T.contiguous())
    if what == "mod_bias":
        return f"{place}.conv.modulation.bias", tensor.mapped(shape, lambda value: value + 1)
    if what == "noise_strength":
        return f"{place}.noise.weight", tensor.reshaped(1)
    if what == "bias" and layer == "ToRGB":
        return f"{place}.bias", tensor.reshaped(1, *shape, 1, 1)
    return (f"{place}.activate.bias" if what == "bias" else f"{place}.{what}"), tensor
