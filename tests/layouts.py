"""Files in the layouts that others publish, written here as their programs write them.

The classes whose names stand in such files belong to packages that tests don't need: while a file is written, small
stand-ins answer to these names.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from ffclip.ffclip_core.networks.encoder import Encoder
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.networks.identity import Identity
from ffclip.ffclip_core.networks.image_encoder import ImageEncoder
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from torch import Tensor, nn


@contextmanager
def named(**classes: type) -> Iterator[None]:
    """Let these classes answer to the names package__module__Class that they are given by."""
    added = []
    for name, kind in classes.items():
        *path, kind.__name__ = name.split("__")
        kind.__qualname__, kind.__module__ = kind.__name__, ".".join(path)
        for i in range(1, len(path) + 1):
            place = ".".join(path[:i])
            if place not in sys.modules:
                sys.modules[place] = ModuleType(place)
                added.append(place)
        setattr(sys.modules[kind.__module__], kind.__name__, kind)
    try:
        yield
    finally:
        for place in added:
            del sys.modules[place]


def fir() -> Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / 16


def g_ema(generator: Generator) -> dict[str, Tensor]:
    """The state dict as the common layout has it: with the filters, and without latent_avg."""
    state = OrderedDict((key, value) for key, value in generator.state_dict().items() if key != "latent_avg")
    for i in range(len(generator.to_rgbs)):
        state[f"convs.{2 * i}.conv.blur.kernel"] = state[f"to_rgbs.{i}.upsample.kernel"] = fir()
    return state


def rosinality(
    path: Path, generator: Generator, *, mean: bool = True, training: bool = False, zip: bool = True
) -> None:
    """stylegan2-*.pt: g_ema, perhaps latent_avg, perhaps a training's state. zip: torch.save's format since 1.6."""
    content: dict[str, Any] = {"g_ema": g_ema(generator)}
    if mean:
        content["latent_avg"] = generator.latent_avg.clone()
    if training:
        discriminator = nn.Linear(3, 3)
        content |= {
            "g": g_ema(generator),
            "d": discriminator.state_dict(),
            "d_optim": torch.optim.Adam(discriminator.parameters()).state_dict(),
            "args": argparse.Namespace(size=generator.size, path="lmdb", channel_multiplier=2),
            "ada_aug_p": 0.3,
        }
    torch.save(content, path, _use_new_zipfile_serialization=zip)


def e4e(
    path: Path,
    encoder: Encoder,
    generator: Generator | None,
    latent_avg: Tensor | None,
    heads: int = 0,
    kind: str | None = None,
) -> None:
    """e4e_*_encode.pt, perhaps with `heads` more heads than layers, perhaps of another kind."""
    state = OrderedDict((f"encoder.{key}", value) for key, value in encoder.state_dict().items() if key != "latent_avg")
    last = f"encoder.styles.{encoder.num_layers - 1}."
    for i in range(heads):
        new = f"encoder.styles.{encoder.num_layers + i}."
        state |= {key.replace(last, new): value * 0 for key, value in state.items() if key.startswith(last)}
    if generator is not None:
        state |= {f"decoder.{key}": value for key, value in g_ema(generator).items()}
    content: dict[str, Any] = {
        "state_dict": state,
        "opts": {"encoder_type": kind or "Encoder4Editing", "device": "cuda:0"},
    }
    if latent_avg is not None:
        content["latent_avg"] = latent_avg
    torch.save(content, path)


def ffclip(path: Path, modulator: Modulator, generator: Generator | None) -> None:
    """FFCLIP's file, whose options are pickled objects of OmegaConf."""

    class DictConfig:
        def __init__(self, **content: Any) -> None:
            self.__dict__.update(_content=content, _metadata=ContainerMetadata(), _parent=None)

    class ContainerMetadata:
        pass

    state = OrderedDict((f"module.{key}", value) for key, value in modulator.state_dict().items())
    for i in range(modulator.num_blocks):
        state[f"module.att_mapper.att_mapper.{i}.fc.weight"] = torch.ones(2, 2)
        state[f"module.att_mapper.att_mapper.{i}.fc.bias"] = torch.ones(2)
    if generator is not None:
        state |= {f"module.generator.{key}": value for key, value in g_ema(generator).items()}
    with named(omegaconf__dictconfig__DictConfig=DictConfig, omegaconf__base__ContainerMetadata=ContainerMetadata):
        torch.save({"state_dict": state, "opts": DictConfig(train=DictConfig(max_epoch=20)).__dict__}, path)


def nvidia(
    path: Path,
    generator: Generator,
    protocol: int = 4,
    conv_clamp: float | None = None,
    layers: dict[str, dict[str, Any]] | None = None,
    wrap: Callable[[Any], Any] | None = None,
    package: str = "",
    **attributes: Any,
) -> None:
    """A StyleGAN2-ADA pickle; attributes are of the generator (c_dim, ...), `layers` those of its modules by name.

    wrap: what the file holds, given the network; package: before the names of the program's modules.
    """
    told = layers or {}

    class _reconstruct_persistent_obj:  # noqa: N801
        def __init__(
            self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], modules: dict, **more: Any
        ) -> None:
            self.state = {
                "training": False,
                "_parameters": OrderedDict((key, nn.Parameter(value)) for key, value in parameters.items()),
                "_buffers": OrderedDict(buffers),
                "_modules": OrderedDict(modules),
                "_non_persistent_buffers_set": set(),
                **more,
            }

        def __reduce__(self) -> tuple:
            source = "raise SystemExit('source text was run')"
            meta = {"type": "class", "version": 6, "module_src": source, "class_name": "X", "state": self.state}
            return type(self), (EasyDict(meta),)

    class EasyDict(dict):
        pass

    state = generator.state_dict()
    small = fir() / 4
    node = _reconstruct_persistent_obj

    def layer(name: str, place: str, noise: int | None) -> Any:
        affine = {key: state[f"{place}.conv.modulation.{key}"] for key in ("weight", "bias")}
        parameters = {"weight": state[f"{place}.conv.weight"][0]}
        if noise is None:
            parameters["bias"] = state[f"{place}.bias"].reshape(-1)
            buffers = {}
        else:
            parameters["bias"] = state[f"{place}.activate.bias"]
            buffers = {"resample_filter": small}
            if told.get(name, {}).get("use_noise", True):  # Without, their program registers neither.
                parameters["noise_strength"] = state[f"{place}.noise.weight"].reshape([])
                buffers["noise_const"] = state[f"noises.noise_{noise}"][0, 0]
        inner = node(affine, {}, {}, **told.get(f"{name}.affine", {}))
        return node(parameters, buffers, {"affine": inner}, **{"conv_clamp": conv_clamp, **told.get(name, {})})

    blocks = {
        "b4": node(
            {"const": state["input.input"][0]},
            {"resample_filter": small},
            {"conv1": layer("synthesis.b4.conv1", "conv1", 0), "torgb": layer("synthesis.b4.torgb", "to_rgb1", None)},
            architecture="skip",
        )
    }
    for i in range(len(generator.to_rgbs)):
        block = f"synthesis.b{8 << i}"
        inner = {
            "conv0": layer(f"{block}.conv0", f"convs.{2 * i}", 2 * i + 1),
            "conv1": layer(f"{block}.conv1", f"convs.{2 * i + 1}", 2 * i + 2),
            "torgb": layer(f"{block}.torgb", f"to_rgbs.{i}", None),
        }
        blocks[f"b{8 << i}"] = node(
            {}, {"resample_filter": small}, inner, **{"architecture": "skip", **told.get(block, {})}
        )
    dense = {
        f"fc{i}": node(
            {key: state[f"style.{i + 1}.{key}"] for key in ("weight", "bias")}, {}, {}, **told.get(f"mapping.fc{i}", {})
        )
        for i in range(generator.num_mapping_layers)
    }
    if generator.num_classes:
        dense["embed"] = node({key: state[f"embed.{key}"] for key in ("weight", "bias")}, {}, {})
        attributes.setdefault("c_dim", generator.num_classes)
    modules = {
        "synthesis": node({}, {}, blocks),
        "mapping": node({}, {"w_avg": state["latent_avg"]}, dense),
    }
    names = {
        f"{package}torch_utils__persistence___reconstruct_persistent_obj": _reconstruct_persistent_obj,
        f"{package}dnnlib__util__EasyDict": EasyDict,
    }
    with named(**names):
        whole = node({}, {}, modules, **{"c_dim": 0, **attributes})
        content = {"training_set_kwargs": EasyDict(resolution=64), "G": None, "D": None, "G_ema": whole}
        path.write_bytes(pickle.dumps(content if wrap is None else wrap(whole), protocol))


def tensorflow(
    path: Path,
    generator: Generator,
    protocol: int = 3,
    more: list[tuple[str, np.ndarray]] | None = None,
    settings: dict[str, Any] | None = None,
    without: str = "",
    order: str = "G D Gs",
    module: str = "dnnlib__tflib__network",
) -> None:
    """The old pickle (G, D, Gs) of networks with their variables as NumPy arrays; `more` are variables of the
    synthesis network, `without` what begins the names of those that are left out, settings the static arguments of Gs.

    order: which networks the file holds, a tuple of them or the only one. module: where their class is."""

    class Network:
        def __init__(self, variables: list, components: dict | None = None) -> None:
            kwargs = (settings or {}) if components else {}
            self.__dict__.update(
                version=4, name="Gs", variables=variables, components=components or {}, static_kwargs=kwargs
            )

    state = {key: value.numpy() for key, value in generator.state_dict().items()}

    def layer(name: str, place: str, flip: bool = False) -> list[tuple[str, np.ndarray]]:
        weight = state[f"{place}.conv.weight"][0]
        weight = weight[:, :, ::-1, ::-1] if flip else weight
        found = [
            (f"{name}/weight", np.ascontiguousarray(weight.transpose(2, 3, 1, 0))),
            (f"{name}/mod_weight", np.ascontiguousarray(state[f"{place}.conv.modulation.weight"].T)),
            (f"{name}/mod_bias", state[f"{place}.conv.modulation.bias"] - 1),
        ]
        if f"{place}.bias" in state:
            return [*found, (f"{name}/bias", state[f"{place}.bias"].reshape(-1))]
        found.append((f"{name}/noise_strength", state[f"{place}.noise.weight"].reshape(())))
        return [*found, (f"{name}/bias", state[f"{place}.activate.bias"])]

    synthesis = [("4x4/Const/const", state["input.input"]), ("lod", np.float32(0))]
    synthesis += layer("4x4/Conv", "conv1") + layer("4x4/ToRGB", "to_rgb1")
    for i in range(len(generator.to_rgbs)):
        side = 8 << i
        synthesis += layer(f"{side}x{side}/Conv0_up", f"convs.{2 * i}", flip=True)
        synthesis += layer(f"{side}x{side}/Conv1", f"convs.{2 * i + 1}")
        synthesis += layer(f"{side}x{side}/ToRGB", f"to_rgbs.{i}")
    synthesis += more or []
    synthesis += [(f"noise{i}", state[f"noises.noise_{i}"]) for i in range(generator.num_layers - 1)]
    mapping = [
        item
        for i in range(generator.num_mapping_layers)
        for item in (
            (f"Dense{i}/weight", np.ascontiguousarray(state[f"style.{i + 1}.weight"].T)),
            (f"Dense{i}/bias", state[f"style.{i + 1}.bias"]),
        )
    ]
    synthesis = [item for item in synthesis if not (without and item[0].startswith(without))]
    with named(**{f"{module}__Network": Network}):
        parts = {"synthesis": Network(synthesis), "mapping": Network(mapping)}
        networks = {
            "G": Network([]),
            "D": Network([("8x8/FromRGB/weight", np.zeros((1, 1, 3, 4), np.float32))]),
            "Gs": Network([("dlatent_avg", state["latent_avg"])], parts),
        }
        chosen = [networks[name] for name in order.split()]
        path.write_bytes(pickle.dumps(tuple(chosen) if len(chosen) > 1 else chosen[0], protocol))


def clip_openai(path: Path, text: TextEncoder, image: ImageEncoder | None = None) -> None:
    """OpenAI's TorchScript archive: the layers' weights in float16, but not those of normalisations and embeddings.
    Without an image tower, some tensor of one stands there."""

    class Module(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    root = Module()
    names = openai_names(text, image) if image else openai_names(text)
    for key, value in {"visual.transformer.resblocks.0.ln_1.weight": torch.ones(4), **names}.items():
        *place, last = key.split(".")
        module: nn.Module = root
        for name in place:
            if not hasattr(module, name):
                module.add_module(name, Module())
            module = getattr(module, name)
        whole = "ln_" in key or "embedding" in key or key == "logit_scale"
        module.register_parameter(last, nn.Parameter(value if whole else value.half(), False))
    for name, number in {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}.items():
        root.register_buffer(name, torch.tensor(number))
    torch.jit.save(torch.jit.trace(root, torch.zeros(1)), str(path))


def openai_names(*towers: TextEncoder | ImageEncoder) -> dict[str, Tensor]:
    return {key: value.clone() for tower in towers for key, value in tower.state_dict().items()}


_TRANSFORMERS = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    # Of the text tower,
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "positional_embedding": "embeddings.position_embedding.weight",
    "ln_final": "final_layer_norm",
    # and of the image tower.
    "class_embedding": "embeddings.class_embedding",
    "conv1.weight": "embeddings.patch_embedding.weight",
    "ln_pre": "pre_layrnorm",
    "ln_post": "post_layernorm",
}


def transformers_names(*towers: TextEncoder | ImageEncoder) -> dict[str, Tensor]:
    """The names and shapes of transformers' CLIPModel."""
    found = {}
    for tower in towers:
        is_text = isinstance(tower, TextEncoder)
        start = "text_model." if is_text else "vision_model."
        positions = tower.get_parameter("positional_embedding" if is_text else "visual.positional_embedding")
        found[f"{start}embeddings.position_ids"] = torch.arange(len(positions))[None]
        for key, value in tower.state_dict().items():
            key = key.removeprefix("visual.")
            if key == "logit_scale":
                found[key] = value.clone()
            elif key in ("text_projection", "proj"):
                found["text_projection.weight" if is_text else "visual_projection.weight"] = value.T.contiguous()
            elif key in _TRANSFORMERS:
                found[start + _TRANSFORMERS[key]] = value.clone()
            elif key.startswith("transformer."):
                layer, rest = key.removeprefix("transformer.resblocks.").split(".", 1)
                place = f"{start}encoder.layers.{layer}."
                if rest.startswith("attn.in_proj_"):
                    for letter, piece in zip("qkv", value.chunk(3), strict=True):
                        found[f"{place}self_attn.{letter}_proj.{rest.removeprefix('attn.in_proj_')}"] = piece.clone()
                else:
                    what, kind = rest.rsplit(".", 1)
                    found[f"{place}{_TRANSFORMERS[what]}.{kind}"] = value.clone()
            else:
                what, kind = key.rsplit(".", 1)
                found[f"{start}{_TRANSFORMERS[what]}.{kind}"] = value.clone()
    return found


def arcface(path: Path, identity: Identity) -> None:
    """model_ir_se50.pth: the bare state dict."""
    torch.save(OrderedDict(identity.state_dict()), path)


def nvidia_names(generator: Generator) -> dict[str, Tensor]:
    """The state dict of NVIDIA's own modules."""
    state = generator.state_dict()
    found = {"mapping.w_avg": state["latent_avg"], "synthesis.b4.const": state["input.input"][0]}
    for i in range(generator.num_mapping_layers):
        found |= {f"mapping.fc{i}.{key}": state[f"style.{i + 1}.{key}"] for key in ("weight", "bias")}
    places = [("b4.conv1", "conv1", 0), ("b4.torgb", "to_rgb1", None)]
    for i in range(len(generator.to_rgbs)):
        side = f"b{8 << i}"
        found[f"synthesis.{side}.resample_filter"] = fir() / 4
        places += [(f"{side}.conv0", f"convs.{2 * i}", 2 * i + 1), (f"{side}.conv1", f"convs.{2 * i + 1}", 2 * i + 2)]
        places.append((f"{side}.torgb", f"to_rgbs.{i}", None))
    for theirs, ours, noise in places:
        name = f"synthesis.{theirs}"
        found[f"{name}.weight"] = state[f"{ours}.conv.weight"][0]
        found |= {f"{name}.affine.{key}": state[f"{ours}.conv.modulation.{key}"] for key in ("weight", "bias")}
        if noise is None:
            found[f"{name}.bias"] = state[f"{ours}.bias"].reshape(-1)
        else:
            found[f"{name}.bias"] = state[f"{ours}.activate.bias"]
            found[f"{name}.noise_strength"] = state[f"{ours}.noise.weight"].reshape([])
            found[f"{name}.noise_const"] = state[f"noises.noise_{noise}"][0, 0]
    return {key: value.clone(memory_format=torch.contiguous_format) for key, value in found.items()}


def basicsr_names(generator: Generator) -> dict[str, Tensor]:
    """The state dict of BasicSR's StyleGAN2Generator."""
    found = {}
    for key, value in generator.state_dict().items():
        first, _, rest = key.partition(".")
        if first == "style":
            found[f"style_mlp.{rest}"] = value
        elif first == "input":
            found["constant_input.weight"] = value
        elif first == "noises":
            found[key.replace("noise_", "noise")] = value
        elif first in ("conv1", "convs", "to_rgb1", "to_rgbs"):
            place = {"conv1": "style_conv1", "convs": "style_convs"}.get(first, first)
            rest = (
                rest.replace("noise.weight", "weight")
                if "noise" in rest
                else rest.replace("conv.", "modulated_conv.", 1)
            )
            found[f"{place}.{rest}"] = value
    return {key: value.clone(memory_format=torch.contiguous_format) for key, value in found.items()}
