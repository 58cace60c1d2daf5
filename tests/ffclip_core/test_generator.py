"""The generator against stored outputs of the reference implementation, from weights that golden.py makes."""

from __future__ import annotations

import re

import golden
import pytest
import torch
from ffclip.ffclip_core import InputError
from ffclip.ffclip_core.generator import EqualLinear, Generator, ModulatedConv2d, StyledConv, ToRGB
from torch import Tensor, nn

OPS = golden.tensors("ops")
TINY_CHANNELS = {4: 64, 8: 64, 16: 48, 32: 32, 64: 24}


@pytest.fixture(scope="module")
def tiny() -> Generator:
    return golden.fill(Generator(64, TINY_CHANNELS, num_mapping_layers=2), "stylegan")


def module_case(name: str, module: nn.Module) -> tuple[nn.Module, list[Tensor], Tensor]:
    """The module with a stored case's parameters, the case's inputs and its output."""
    start = f"module.{name}."
    parameters = {k.removeprefix(start + "param."): v for k, v in OPS.items() if k.startswith(start + "param.")}
    # The FIR filters are constants of our operators, not weights.
    module.load_state_dict({key: value for key, value in parameters.items() if not key.endswith("kernel")})
    inputs = [OPS[f"{start}in{i}"] for i in range(3) if f"{start}in{i}" in OPS]
    return module, inputs, OPS[f"{start}out"]


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("EqualLinear_plain", EqualLinear(16, 12)),
        ("EqualLinear_lrmul_act", EqualLinear(16, 12, lr_mul=0.01, activate=True)),
        ("ModConv_plain", ModulatedConv2d(6, 5, 3, 16)),
        ("ModConv_up", ModulatedConv2d(6, 5, 3, 16, up=True)),
        ("ModConv_1x1_nodemod", ModulatedConv2d(6, 3, 1, 16, demodulate=False)),
        ("StyledConv_up", StyledConv(6, 5, 16, up=True)),
        ("ToRGB_skip", ToRGB(6, 16)),
    ],
)
def test_layers(name: str, module: nn.Module) -> None:
    module, inputs, expected = module_case(name, module)
    with torch.no_grad():
        assert golden.difference(module(*inputs), expected) < 1e-5


@pytest.mark.parametrize("name", ["gen_tiny64", "gen_true32"])
def test_every_way_to_draw(name: str) -> None:
    io = golden.tensors(name)
    if name == "gen_tiny64":
        generator = golden.fill(Generator(64, TINY_CHANNELS, num_mapping_layers=2), "stylegan")
    else:
        generator = golden.fill(Generator(32, dict.fromkeys((4, 8, 16, 32), 512)), "stylegan", half=True)
    layers = generator.num_layers
    noise = [io[f"noise_{i}"] for i in range(layers - 1)]
    with torch.inference_mode():
        found = {
            "out_const": generator(io["w_plus"]),
            "out_noise_list": generator(io["w_plus"], noise=noise),
            "out_zero_noise": generator(io["w_plus"], noise="none"),
            "out_single_w": generator(io["w_single"][:, None].expand(-1, layers, -1)),
            "w_from_z": generator.map(io["z"])[:, -1],
            "out_z": generator(generator.map(io["z"])),
            "out_z_trunc07": generator(generator.map(io["z"], truncation=0.7)),
            "out_mix": generator(io["latents_mix"]),
        }
    worst = {key: golden.difference(value, io[key]) for key, value in found.items()}
    assert max(worst.values()) < 1e-5, worst


def test_256_px_at_the_published_width() -> None:
    io = golden.tensors("gen256")
    channels = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128}
    generator = golden.fill(Generator(256, channels), "stylegan")
    expected = golden.table("keys")["generator"]
    kernels = {key for key in expected if key.endswith("kernel")}
    assert {k: list(v.shape) for k, v in generator.state_dict().items() if k != "latent_avg"} == {
        key: shape for key, shape in expected.items() if key not in kernels
    }
    with torch.inference_mode():
        x = generator(io["w_plus"])
    assert golden.difference(nn.functional.avg_pool2d(x, 4), io["area64"]) < 1e-4
    assert golden.difference(x.mean((2, 3)), io["ch_mean"]) < 1e-4
    crops = {key: re.fullmatch(r"crop_(\d+)_(\d+)", key) for key in io}
    for key, place in crops.items():
        if place:
            top, left = map(int, place.groups())
            assert golden.difference(x[:, :, top : top + 32, left : left + 32], io[key]) < 1e-4


def test_random_noise_follows_the_seed_and_each_picture_has_its_own(tiny: Generator) -> None:
    w = golden.tensors("gen_tiny64")["w_plus"]
    state = torch.get_rng_state()
    with torch.inference_mode():
        both, again, other = (tiny(w, noise="random", seed=seed) for seed in (5, 5, 6))
        second = tiny(w[1:], noise="random", seed=6)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(both, again) and not torch.equal(both, other)
    assert golden.difference(second, both[1:]) < 1e-5


def test_a_preview_is_what_a_smaller_generator_would_draw(tiny: Generator) -> None:
    w = golden.tensors("gen_tiny64")["w_plus"]
    smaller = golden.fill(Generator(32, TINY_CHANNELS, num_mapping_layers=2), "stylegan")
    with torch.inference_mode():
        assert torch.equal(tiny(w, resolution=32), smaller(w[:, :8]))


def test_strange_codes_noise_and_sizes_are_refused(tiny: Generator) -> None:
    w = torch.zeros(1, 10, 512)
    with pytest.raises(InputError, match=r"\[batch, 10, 512\].*\[1, 18, 512\]"):
        tiny(torch.zeros(1, 18, 512))
    with pytest.raises(InputError, match="const, random, none, not 'loud'"):
        tiny(w, noise="loud")
    with pytest.raises(InputError, match="takes 9 noise maps, but was given 3"):
        tiny(w, noise=[torch.zeros(1, 1, 4, 4)] * 3)
    with pytest.raises(InputError, match="draws 4, 8, 16, 32, 64 px, not 48 px"):
        tiny(w, resolution=48)
    with pytest.raises(InputError, match=r"Noise map 0 has the shape .* given as \[1\]"):
        tiny(w, noise=[torch.zeros(1)] * 9)
    with pytest.raises(InputError, match=r"was given \[0, 10, 512\]"):
        tiny(w[:0], noise="random")
    with pytest.raises(InputError, match=r"z of shape \[batch, 512\], not \[2, 17\]"):
        tiny.map(torch.zeros(2, 17))


def test_the_largest_seed_and_other_number_formats_are_fine(tiny: Generator) -> None:
    w = golden.tensors("gen_tiny64")["w_plus"]
    with torch.inference_mode():
        assert tiny(w, noise="random", seed=2**64 - 1).isfinite().all()
        assert torch.equal(tiny(w.double()), tiny(w))
