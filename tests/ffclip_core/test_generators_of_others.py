"""Generators as other programs save them: what a file says of its arithmetic is obeyed or refused."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import layouts
import pytest
import torch
from ffclip.ffclip_core import CheckpointError, InputError, load_generator
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.networks.generator import Generator
from safetensors.torch import save_file
from torch import nn


def varied(network: nn.Module, seed: int = 0) -> Any:
    stream = torch.Generator().manual_seed(seed)
    for value in network.state_dict().values():
        value.copy_(torch.rand(value.shape, generator=stream) - 0.3)
    return network.eval()


@pytest.fixture(scope="module")
def generator() -> Generator:
    return varied(Generator(size=16, channels={4: 8, 8: 8, 16: 4}, latent_dim=12, num_mapping_layers=2))


def same(found: Generator, expected: Generator) -> None:
    assert found.architecture == expected.architecture
    for key, value in expected.state_dict().items():
        assert torch.equal(found.state_dict()[key], value), key


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Of two ways to the same in float32: to a few thousand roundings of the whole."""
    return bool((found - expected).norm() < 4096 * torch.finfo(torch.float32).eps * expected.norm())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda network: network,
        lambda network: {"G": network},
        lambda network: {"ema": network, "epoch": 3},
        lambda network: {"a": {"b": {"generator": network}}},
    ],
    ids=["alone", "G", "ema", "deep"],
)
@pytest.mark.parametrize("package", ["", "models__stylegan2__"])
def test_a_pickle_of_the_network_under_any_name(
    wrap: Callable, package: str, generator: Generator, tmp_path: Path
) -> None:
    layouts.nvidia(tmp_path / "g.pkl", generator, wrap=wrap, package=package)
    same(load_generator(tmp_path / "g.pkl"), generator)


@pytest.mark.parametrize("wrapping", ["", "state_dict", "G_ema"])
@pytest.mark.parametrize("prefix", ["", "module.", "G_ema."])
def test_a_state_dict_by_nvidias_own_names(wrapping: str, prefix: str, generator: Generator, tmp_path: Path) -> None:
    state = OrderedDict((prefix + key, value) for key, value in layouts.nvidia_names(generator).items())
    torch.save({wrapping: state} if wrapping else state, tmp_path / "g.pth")
    same(load_generator(tmp_path / "g.pth"), generator)
    assert "says nothing of its arithmetic" in " ".join(read_parts(tmp_path / "g.pth")["generator"].notes)
    save_file(state, tmp_path / "g.safetensors")
    same(load_generator(tmp_path / "g.safetensors"), generator)


def test_multipliers_of_the_learning_rate_are_obeyed(generator: Generator, tmp_path: Path) -> None:
    """Every one of them scales what a layer computes, so it goes into the weights."""
    layouts.nvidia(
        tmp_path / "g.pkl",
        generator,
        layers={
            "mapping.fc0": {"weight_gain": 0.03 / math.sqrt(12), "bias_gain": 0.03, "activation": "lrelu"},
            "synthesis.b8.conv1.affine": {"weight_gain": 0.5 / math.sqrt(12), "bias_gain": 2.0},
            "synthesis.b16.torgb": {"weight_gain": 4 / math.sqrt(4)},
            "synthesis.b8.conv0": {"use_noise": False, "up": 2, "act_gain": math.sqrt(2)},
        },
    )
    found = load_generator(tmp_path / "g.pkl")
    pairs = [
        ("style.1.weight", 3), ("style.1.bias", 3), ("convs.1.conv.modulation.weight", 0.5),
        ("convs.1.conv.modulation.bias", 2), ("to_rgbs.1.conv.weight", 4), ("convs.0.noise.weight", 0),
        ("style.2.weight", 1), ("convs.0.conv.weight", 1),
    ]  # fmt: skip
    for key, factor in pairs:
        # Each number is multiplied a few times, and rounded as often.
        few = 8 * torch.finfo(torch.float32).eps
        assert torch.allclose(found.state_dict()[key], generator.state_dict()[key] * factor, rtol=few, atol=0), key


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ({"mapping.fc1": {"activation": "relu"}}, "the activation 'relu' in 'mapping.fc1'"),
        ({"synthesis.b8.conv1": {"activation": "linear"}}, "the activation 'linear'"),
        ({"synthesis.b8.conv1.affine": {"activation": "lrelu"}}, "the activation 'lrelu'"),
        ({"synthesis.b8.conv1": {"act_gain": 1.0}}, "by 1.0, where FFCLIP has √2"),
        ({"synthesis.b8.conv0": {"up": 4}}, "the up '4'"),
        ({"synthesis.b16.conv1": {"padding": 0}}, "the padding '0'"),
        ({"synthesis.b16.conv1": {"demodulate": False}}, "the demodulate 'False'"),
        ({"synthesis.b16": {"architecture": "resnet"}}, "the architecture 'resnet'"),
        ({"synthesis.b16": {"architecture": "orig"}}, "the architecture 'orig'"),
        ({"synthesis.b16.conv1": {"conv_clamp": 256}}, "clamps the features of its layers differently"),
    ],
)
def test_arithmetic_that_is_not_stylegan2s_is_refused(
    layers: dict, says: str, generator: Generator, tmp_path: Path
) -> None:
    layouts.nvidia(tmp_path / "g.pkl", generator, layers=layers)
    with pytest.raises(CheckpointError, match=says):
        load_generator(tmp_path / "g.pkl")


@pytest.mark.parametrize("z_dim", [12, 30])
def test_with_classes(z_dim: int, tmp_path: Path) -> None:
    """W+ codes are drawn as ever; a random picture needs a class."""
    network = varied(
        Generator(size=8, channels={4: 4, 8: 4}, latent_dim=12, num_mapping_layers=2, z_dim=z_dim, num_classes=3)
    )
    layouts.nvidia(tmp_path / "g.pkl", network)
    found = load_generator(tmp_path / "g.pkl")
    same(found, network)
    z = torch.ones(2, z_dim)
    assert found(found.map(z, label=2)).shape == (2, 3, 8, 8)
    with pytest.raises(InputError, match="3 classes"):
        found.map(z)


def test_basicsr(generator: Generator, tmp_path: Path) -> None:
    names = layouts.basicsr_names(generator)
    torch.save({"params_ema": names}, tmp_path / "StyleGAN2_512_Cmul1_FFHQ.pth")
    found = load_generator(tmp_path / "StyleGAN2_512_Cmul1_FFHQ.pth")
    for key, value in generator.state_dict().items():
        assert key == "latent_avg" or torch.equal(found.state_dict()[key], value), key
    assert found.latent_avg.isfinite().all() and found.latent_avg.abs().sum() > 0


def test_basicsrs_clean_kind_is_another_network(generator: Generator, tmp_path: Path) -> None:
    names = layouts.basicsr_names(generator)
    names["style_conv1.bias"] = names.pop("style_conv1.activate.bias").reshape(1, -1, 1, 1)
    torch.save({"params_ema": names}, tmp_path / "clean.pth")
    with pytest.raises(CheckpointError, match="'clean' or bilinear kind"):
        load_generator(tmp_path / "clean.pth")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"4x4/ToRGB/weight": None, "LabelConcat/weight": (3, 3)}, "with classes"),
        ({"4x4/StyleMod/weight": (3, 3)}, "of StyleGAN1"),
        ({"8x8/Skip/weight": (1, 1, 3, 3)}, "of the kind 'resnet'"),
    ],
)
def test_other_generators_of_tensorflow(change: dict, says: str, generator: Generator, tmp_path: Path) -> None:
    import numpy as np

    layouts.tensorflow(
        tmp_path / "g.pkl",
        generator,
        more=[(key, np.zeros(shape, np.float32)) for key, shape in change.items() if shape],
    )
    with pytest.raises(CheckpointError, match=says):
        load_generator(tmp_path / "g.pkl")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mapping_lrmul": 0.1}, "the mapping_lrmul 0.1"),
        ({"nonlinearity": "relu"}, "the nonlinearity 'relu'"),
        ({"architecture": "orig"}, "the architecture 'orig'"),
        ({"resample_kernel": [1, 2, 1]}, "the resample_kernel"),
    ],
)
def test_settings_of_tensorflows_networks(settings: dict, says: str, generator: Generator, tmp_path: Path) -> None:
    layouts.tensorflow(tmp_path / "g.pkl", generator, settings={"fmap_base": 16384, **settings})
    with pytest.raises(CheckpointError, match=says):
        load_generator(tmp_path / "g.pkl")


@pytest.mark.parametrize("order", ["Gs", "G Gs", "Gs D"])
def test_tensorflows_networks_in_any_number(order: str, generator: Generator, tmp_path: Path) -> None:
    layouts.tensorflow(tmp_path / "g.pkl", generator, order=order)
    found = load_generator(tmp_path / "g.pkl")
    w = torch.ones(1, 6, 12)
    assert close(found(w), generator(w))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"order": "D"}, "is a discriminator"),
        ({"without": "4x4/ToRGB", "settings": {}}, "of the kind 'orig' or 'resnet'"),
        ({"without": "4x4/Const"}, "no generator of StyleGAN2"),
    ],
)
def test_tensorflows_other_networks(changes: dict, says: str, generator: Generator, tmp_path: Path) -> None:
    layouts.tensorflow(tmp_path / "g.pkl", generator, **changes)
    with pytest.raises(CheckpointError, match=says):
        load_generator(tmp_path / "g.pkl")


def test_progressive_growing_by_tensorflow(generator: Generator, tmp_path: Path) -> None:
    import numpy as np

    more = [
        ("4x4/Dense/weight", np.zeros((4, 4), np.float32)),
        ("ToRGB_lod0/weight", np.zeros((1, 1, 4, 3), np.float32)),
    ]
    layouts.tensorflow(tmp_path / "g.pkl", generator, more=more, module="tfutil")
    with pytest.raises(CheckpointError, match="PGGAN"):
        load_generator(tmp_path / "g.pkl")


@pytest.mark.parametrize("attributes", [True, False])
def test_layers_without_noise_have_no_strength(attributes: bool, generator: Generator, tmp_path: Path) -> None:
    """Their program saves neither strength nor map of such layers."""
    if attributes:
        layouts.nvidia(tmp_path / "g", generator, layers={"synthesis.b8.conv0": {"use_noise": False}})
    else:
        silent = ("synthesis.b8.conv0.noise_strength", "synthesis.b8.conv0.noise_const")
        names = {key: value for key, value in layouts.nvidia_names(generator).items() if key not in silent}
        torch.save(names, tmp_path / "g")
    found = load_generator(tmp_path / "g")
    assert float(found.state_dict()["convs.0.noise.weight"]) == 0
    assert "1 of its 5 layers have no noise" in " ".join(read_parts(tmp_path / "g")["generator"].notes)
    layouts.nvidia(
        tmp_path / "all",
        generator,
        layers={f"synthesis.b{n}.conv{i}": {"use_noise": False} for n in (4, 8, 16) for i in (0, 1)},
    )
    w = torch.ones(1, 6, 12)
    assert close(load_generator(tmp_path / "all")(w), generator(w, noise="none"))


def test_classes_embedded_in_another_width_are_named(tmp_path: Path) -> None:
    network = varied(Generator(size=8, channels={4: 4, 8: 4}, latent_dim=12, num_mapping_layers=2, num_classes=3))
    names = layouts.nvidia_names(network)
    names |= {"mapping.embed.weight": torch.zeros(7, 3), "mapping.embed.bias": torch.zeros(7)}
    names["mapping.fc0.weight"] = torch.zeros(12, 19)
    torch.save(names, tmp_path / "g")
    with pytest.raises(CheckpointError, match="classes are embedded 7 wide where its codes are 12"):
        load_generator(tmp_path / "g")


def test_pictures_that_are_not_square_are_named(generator: Generator, tmp_path: Path) -> None:
    names = layouts.nvidia_names(generator)
    names["synthesis.b4.const"] = torch.zeros(8, 4, 2)
    common = {**layouts.g_ema(generator), "input.input": torch.zeros(1, 8, 4, 2)}
    for content in (names, {"g_ema": common}):
        torch.save(content, tmp_path / "g")
        with pytest.raises(CheckpointError, match="not square, as StyleGAN-Human's: it begins at 2×4 px"):
            load_generator(tmp_path / "g")
