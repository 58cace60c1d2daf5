"""NVIDIA's PyTorch pickles of StyleGAN2-ADA (stylegan2-*.pkl too): G_ema as a pickled object with its source text.

The source text is never run: the tensors, the constructors' arguments and plain attributes are all that is taken.
"""

from __future__ import annotations

import math
import re

from ..errors import CheckpointError
from .files import Contents
from .parts import Part
from .pickles import Object, as_dict
from .state_dict import dimension, tensors_under
from .stored import Stored
from .stylegan2 import check_filter, generator

NAME = "StyleGAN2-ADA (NVIDIA)"
_PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
_LAYER = re.compile(r"synthesis\.b(\d{1,5})\.(conv0|conv1|torgb)\.(.+)")


def detect(contents: Contents) -> bool:
    tree = contents.tree
    return isinstance(tree, dict) and isinstance(tree.get("G_ema"), Object) and tree["G_ema"].kind == _PERSISTENT


def read(contents: Contents) -> list[Part]:
    tensors: dict[str, Stored] = {}
    attributes: dict[str, dict] = {}
    _walk(contents.tree["G_ema"], "", tensors, attributes, set())
    if any(key.startswith("synthesis.L") for key in attributes):
        raise CheckpointError("is a generator of StyleGAN3, which has another architecture: FFCLIP takes StyleGAN2")
    plain = [
        {key: value for key, value in values.items() if type(value) in (int, float, str)}
        for values in attributes.values()
    ]
    classes = plain[0].get("c_dim", 0)
    if classes or any(key.startswith("mapping.embed") for key in tensors):
        raise CheckpointError(
            f"is a generator with {classes or 'several'} classes, but FFCLIP takes one without classes"
        )
    kinds = {str(values.get("architecture", "skip"))[:20] for values in plain} - {"skip"}
    if kinds:
        raise CheckpointError(f"is a generator of the kind {min(kinds)!r}; FFCLIP takes 'skip'")
    clamps = {values["conv_clamp"] for values in plain if isinstance(values.get("conv_clamp"), (int, float))}
    part = generator(_renamed(tensors), tensors.get("mapping.w_avg"), NAME)
    if clamps:
        part.architecture["conv_clamp"] = max(clamps)
    return [part]


def _walk(value: object, name: str, tensors: dict[str, Stored], attributes: dict[str, dict], seen: set[int]) -> None:
    """Collect the tensors of a pickled module and its modules by their names, and the modules' attributes."""
    # Modules are a tree: one that is met again could be met without end.
    if not isinstance(value, Object) or value.kind != _PERSISTENT or id(value) in seen:
        raise CheckpointError("is damaged: a module of its generator is none; get the file again")
    meta = value.arguments[0] if value.arguments else None
    state = as_dict((as_dict(meta) or {}).get("state"))
    if state is None:
        raise CheckpointError("is damaged: a module of its generator has no state; get the file again")
    seen.add(id(value))
    attributes[name] = state
    for kind in ("_parameters", "_buffers"):
        tensors.update({f"{name}.{key}".lstrip("."): tensor for key, tensor in tensors_under(state.get(kind)).items()})
    for key, module in (as_dict(state.get("_modules")) or {}).items():
        _walk(module, f"{name}.{str(key)[:40]}".lstrip("."), tensors, attributes, seen)


def _renamed(tensors: dict[str, Stored]) -> dict[str, Stored]:
    """The same tensors by the names, and in the shapes, of the common layout."""
    names = {
        "weight": "conv.weight",
        "affine.weight": "conv.modulation.weight",
        "affine.bias": "conv.modulation.bias",
        "noise_strength": "noise.weight",
    }
    result = {}
    for key, tensor in tensors.items():
        if key.endswith("resample_filter"):
            check_filter(tensor, 1.0)
        elif key == "synthesis.b4.const":
            result["input.input"] = tensor.reshaped(1, *tensor.shape)
        elif match := re.fullmatch(r"mapping\.fc(\d{1,3})\.(weight|bias)", key):
            result[f"style.{int(match[1]) + 1}.{match[2]}"] = tensor
        elif match := _LAYER.fullmatch(key):
            resolution, layer, what = int(match[1]), match[2], match[3]
            block = int(math.log2(max(resolution, 1))) - 3
            if resolution != 8 << block if block >= 0 else resolution != 4:
                raise CheckpointError(f"is damaged: its generator has a block of {resolution} px")
            if layer == "torgb":
                place = "to_rgb1" if block < 0 else f"to_rgbs.{block}"
                if what == "bias":
                    result[f"{place}.bias"] = tensor.reshaped(1, *tensor.shape, 1, 1)
                    continue
            else:
                place = "conv1" if block < 0 else f"convs.{2 * block + (layer == 'conv1')}"
            if what == "noise_const":
                index = 0 if block < 0 else 2 * block + 1 + (layer == "conv1")
                result[f"noises.noise_{index}"] = tensor.reshaped(1, 1, *tensor.shape)
            elif what == "bias":
                result[f"{place}.activate.bias"] = tensor
            elif what == "weight":
                result[f"{place}.conv.weight"] = tensor.reshaped(1, *tensor.shape)
            elif what == "noise_strength":
                result[f"{place}.noise.weight"] = tensor.reshaped(1)
            else:
                result[f"{place}.{names.get(what, what)}"] = tensor
        elif key != "mapping.w_avg":
            result[key] = tensor
    dimension(result, "conv1.conv.weight", 1)
    return result
