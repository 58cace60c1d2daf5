"""NVIDIA's PyTorch generators of StyleGAN2 (StyleGAN2-ADA's, stylegan2-*.pkl too), by the names of their own modules.

They come as a pickled object with its source text (G_ema), as a plain pickled module, or as a state dict alone. The
source text is never run: the tensors and the modules' plain attributes are all that is taken. What the attributes say
of the arithmetic is obeyed, by folding it into the weights, or refused.
"""

from __future__ import annotations

import math
import re
from typing import Any

import torch

from ..errors import CheckpointError
from .canonical import Flat
from .parts import Part
from .state_dict import dimension
from .stored import Stored
from .stylegan2 import check_filter, generator

NAME = "StyleGAN2-ADA (NVIDIA)"
_MARKS = ("synthesis.b4.const", "synthesis.b4.conv1.weight", "mapping.fc0.weight")
_LAYER = re.compile(r"synthesis\.b(\d{1,5})\.(conv0|conv1|torgb)\.(.+)")
_MAPPING_RATE, _GAIN = 0.01, math.sqrt(2)


def read(file: Flat) -> list[Part]:
    network = file.network(_MARKS, "generator")
    if network is None:
        return []
    attributes = file.attributes(network.prefix)
    notes = network.notes
    if not attributes:
        notes += (
            "the file says nothing of its arithmetic, so that of StyleGAN2 as published is assumed, without clamps",
        )
    classes = attributes.get("", {}).get("c_dim")
    if classes and "mapping.embed.weight" not in network.tensors:
        raise CheckpointError(
            f"is a generator with {classes} classes that lacks what they stand for: get the whole file"
        )
    tensors, silent = _with_strengths(_folded(network.tensors, attributes), attributes)
    notes += silent
    if any(re.fullmatch(r"synthesis\.b\d+\.skip\.weight", key) for key in tensors):
        raise CheckpointError("is a generator of the kind 'resnet'; FFCLIP takes 'skip'")
    if any(f"synthesis.b{side}.torgb.weight" not in tensors for side in (4, 8)):
        raise CheckpointError("is a generator of the kind 'orig'; FFCLIP takes 'skip'")
    clamp = _clamp(attributes)
    part = generator(_renamed(tensors), tensors.get("mapping.w_avg"), NAME, notes)
    if clamp is not None:
        part.architecture["conv_clamp"] = clamp
    return [part]


def _folded(tensors: dict[str, Stored], attributes: dict[str, dict[str, Any]]) -> dict[str, Stored]:
    """With weights that make up for other learning-rate multipliers and gains than the published ones.

    Raises CheckpointError for arithmetic that can't be made up for.
    """
    tensors = dict(tensors)

    def scale(key: str, factor: float) -> None:
        tensor = tensors.get(key)
        if tensor is not None and not math.isclose(factor, 1, rel_tol=1e-4):
            tensors[key] = tensor.mapped(tensor.shape, lambda value: value.float() * factor)

    for name, values in attributes.items():
        *_, last = name.split(".")
        dense = bool(re.fullmatch(r"fc\d+|embed|affine", last))
        if not dense and last not in ("conv0", "conv1", "torgb"):
            _expect(name, values, architecture="skip")
            continue
        width = dimension(tensors, f"{name}.weight", 1)
        if dense:
            rate = _MAPPING_RATE if last.startswith("fc") else 1.0
            _expect(name, values, activation="lrelu" if last.startswith("fc") else "linear")
            scale(f"{name}.weight", _number(values, "weight_gain", rate / math.sqrt(width)) * math.sqrt(width) / rate)
            scale(f"{name}.bias", _number(values, "bias_gain", rate) / rate)
        elif last == "torgb":
            _expect(name, values, kernel_size=1, demodulate=False)
            scale(f"{name}.weight", _number(values, "weight_gain", 1 / math.sqrt(width)) * math.sqrt(width))
        else:
            _expect(
                name, values, activation="lrelu", up=2 if last == "conv0" else 1, down=1, padding=1, demodulate=True
            )
            if not math.isclose(_number(values, "act_gain", _GAIN), _GAIN, rel_tol=1e-4):
                raise CheckpointError(f"scales '{name[:60]}' by {values['act_gain']}, where FFCLIP has √2")
            if values.get("use_noise") is False:
                scale(f"{name}.noise_strength", 0.0)
    return tensors


def _with_strengths(
    tensors: dict[str, Stored], attributes: dict[str, dict[str, Any]]
) -> tuple[dict[str, Stored], tuple[str, ...]]:
    """With a strength of zero where a layer has no noise, and so no strength."""
    names = [key.removesuffix(".weight") for key in tensors if re.fullmatch(r"synthesis\.b\d+\.conv[01]\.weight", key)]
    silent = [
        f"{name}.noise_strength"
        for name in names
        if f"{name}.noise_strength" not in tensors and attributes.get(name, {}).get("use_noise") is not True
    ]
    if not silent:
        return tensors, ()
    zero = Stored((), torch.float32, lambda: torch.zeros((), dtype=torch.float32, device="cpu"))
    return tensors | dict.fromkeys(silent, zero), (f"{len(silent)} of its {len(names)} layers have no noise",)


def _expect(name: str, values: dict[str, Any], **expected: Any) -> None:
    for key, value in expected.items():
        found = values.get(key, value)
        if type(found) in (int, float, str, bool) and found != value:
            place = f" in '{name[:60]}'" if name else ""
            raise CheckpointError(f"is a generator with the {key} {str(found)[:20]!r}{place}; FFCLIP takes {value!r}")


def _number(values: dict[str, Any], key: str, default: float) -> float:
    value = values.get(key)
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else default


def _clamp(attributes: dict[str, dict[str, Any]]) -> float | None:
    """What all layers clamp their features to. Raises CheckpointError where they differ."""
    layers = {name: values for name, values in attributes.items() if name.endswith((".conv0", ".conv1", ".torgb"))}
    found = {values["conv_clamp"] for values in layers.values() if type(values.get("conv_clamp")) in (int, float)}
    if len(found) > 1 or (found and any(values.get("conv_clamp") is None for values in layers.values())):
        raise CheckpointError("clamps the features of its layers differently, which FFCLIP can't")
    return found.pop() if found else None


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
        elif key in ("mapping.embed.weight", "mapping.embed.bias"):
            result[key.removeprefix("mapping.")] = tensor
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
