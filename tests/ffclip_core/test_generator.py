"""The generator against stored outputs of the reference implementation, from weights that golden.py makes."""

from __future__ import annotations

import copy
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ffclip.ffclip_core.execution.by_crew as by_crew
import ffclip.ffclip_core.execution.generator as fast
import fresh
import golden
import pytest
import torch
from ffclip.cuda_ops import styles, upfirdn2d
from ffclip.cuda_ops.plain import fir
from ffclip.ffclip_core import InputError
from ffclip.ffclip_core.benchmark import peer
from ffclip.ffclip_core.execution.crew import Crew
from ffclip.ffclip_core.execution.generator import FastGenerator as Generator
from ffclip.ffclip_core.execution.kept_features import KeptFeatures
from ffclip.ffclip_core.execution.plan import Plan, plan
from ffclip.ffclip_core.execution.style_tables import style_table
from ffclip.ffclip_core.networks.generator import Generator as PlainGenerator
from ffclip.ffclip_core.networks.layers import EqualLinear, ModulatedConv2d, StyledConv, ToRGB
from ffclip.ffclip_core.networks.modulation import Modulator
from torch import Tensor, nn

OPS = golden.tensors("ops")
TINY_CHANNELS = {4: 64, 8: 64, 16: 48, 32: 32, 64: 24}


@pytest.fixture(scope="module")
def tiny() -> Generator:
    return golden.fill(Generator(size=64, channels=TINY_CHANNELS, num_mapping_layers=2), "stylegan")


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
        assert golden.error(draw(module, *inputs), expected) < golden.OPERATORS


def draw(module: nn.Module, x: Tensor, *inputs: Tensor) -> Tensor:
    """What the module makes of x and, where it has a style, of a w of its own."""
    if not isinstance(module, ModulatedConv2d):
        return module(x, *inputs)
    (w,) = inputs
    style, demodulation = module.modulate(w)
    (of_table,) = styles(w[:, None], style_table([(module, 0)]))
    for one, other in zip((style, demodulation), of_table, strict=True):
        assert one is other is None or (one is not None and other is not None and golden.error(other, one) < SAME)
    x = module.convolve(x, style)
    x = upfirdn2d(x, fir(x.device, x.dtype), pad=(1, 1)) if module.up else x
    return x if demodulation is None else x * demodulation[:, :, None, None]


@pytest.mark.parametrize("name", ["gen_tiny64", "gen_true32"])
def test_every_way_to_draw(name: str) -> None:
    io = golden.tensors(name)
    if name == "gen_tiny64":
        generator = golden.fill(Generator(size=64, channels=TINY_CHANNELS, num_mapping_layers=2), "stylegan")
    else:
        generator = golden.fill(Generator(size=32, channels=dict.fromkeys((4, 8, 16, 32), 512)), "stylegan", half=True)
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
    worst = {key: golden.error(value, io[key]) for key, value in found.items()}
    assert max(worst.values()) < golden.NETWORKS, worst


def test_256_px_at_the_published_width() -> None:
    io = golden.tensors("gen256")
    channels = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128}
    generator = golden.fill(Generator(size=256, channels=channels), "stylegan")
    expected = golden.table("keys")["generator"]
    kernels = {key for key in expected if key.endswith("kernel")}
    assert {k: list(v.shape) for k, v in generator.state_dict().items() if k != "latent_avg"} == {
        key: shape for key, shape in expected.items() if key not in kernels
    }
    with torch.inference_mode():
        x = generator(io["w_plus"])
    assert golden.error(nn.functional.avg_pool2d(x, 4), io["area64"]) < golden.NETWORKS
    assert golden.error(x.mean((2, 3)), io["ch_mean"]) < golden.NETWORKS
    crops = {key: re.fullmatch(r"crop_(\d+)_(\d+)", key) for key in io}
    for key, place in crops.items():
        if place:
            top, left = map(int, place.groups())
            assert golden.error(x[:, :, top : top + 32, left : left + 32], io[key]) < golden.NETWORKS


WIDE = {4: 16, 8: 16, 16: 16, 32: 16, 64: 16, 128: 12, 256: 8}
SAME = golden.rounding(9 * 16, layers=14)  # Of two ways to draw the same with it.


@pytest.fixture
def wide() -> Generator:
    """Large enough for strips, with noise, biases and, in one layer after the other, all numbers different."""
    stream = torch.Generator().manual_seed(0)
    generator = Generator(size=256, channels=WIDE, latent_dim=24, num_mapping_layers=1, conv_clamp=1.5)
    with torch.no_grad():
        for key, value in generator.state_dict().items():
            value.copy_(torch.randn(value.shape, generator=stream) * (0.3 if "bias" in key else 1))
    return generator.eval()


@pytest.fixture(scope="module")
def crews() -> dict[int, Crew]:
    return {1: Crew(), 2: Crew(2, 2), 3: Crew(3, 1)}


@pytest.fixture
def deal_to(crews: dict[int, Crew], monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has pictures dealt to so many threads."""

    def choose(members: int) -> None:
        monkeypatch.setattr(fast, "crew", lambda: crews[members])
        monkeypatch.setattr(by_crew, "CHANNELS", 5)

    return choose


STRIPS = [(2, 1), (6, 2), (7, 3), (64, 1), (64, 2), (1000, 3)]
NOISES = ["const", "random", "none", "list", "one for all"]
TOGETHER = [16, 128, 512]
# Every pair of two of them, which is what can go wrong with each other; all threes would be three times as many.
PARTS = [(*strips, noise, TOGETHER[(i + j) % 3]) for i, strips in enumerate(STRIPS) for j, noise in enumerate(NOISES)]


@pytest.mark.parametrize(("rows", "members", "noise", "together"), PARTS)
def test_parts_of_pictures_are_what_the_plain_published_form_draws(
    wide: Generator,
    rows: int,
    members: int,
    noise: str,
    together: int,
    monkeypatch: pytest.MonkeyPatch,
    deal_to: Callable[[int], None],
) -> None:
    """together: up to five blocks in a row, the two that are wide, or each for itself."""
    deal_to(members)
    monkeypatch.setattr(by_crew, "STRIPS_FROM", min(together, 128))
    monkeypatch.setattr(by_crew, "TOGETHER_FROM", together)
    monkeypatch.setattr(by_crew, "STRIP_ROWS", rows)
    stream = torch.Generator().manual_seed(1)
    w = torch.randn(2, 14, 24, generator=stream)
    batch = {"list": 2, "one for all": 1}.get(noise)
    given = [torch.randn(batch, 1, *wide.noise_shape(i), generator=stream) for i in range(13)] if batch else noise
    with torch.inference_mode():
        expected = super(Generator, wide).forward(w, noise=given, seed=3)
        found = wide(w, noise=given, seed=3)
        # A seam would be few pixels of many.
        assert golden.largest_error(found, expected) < SAME
        second = wide(w[1:], noise=given if batch == 1 else [n[1:] for n in given] if batch else noise, seed=4)
        assert golden.largest_error(found[1:], second) < SAME
        if noise != "random":
            for i, each in enumerate(given if batch else wide.noises.buffers()):
                setattr(wide.noises, f"noise_{i}", each * (noise != "none"))
            assert golden.largest_error(found, peer.draw(wide, w)) < SAME
    assert found.shape == (2, 3, 256, 256) and found.std() > 0.1


def test_gradients_flow_through_the_same_picture(wide: Generator) -> None:
    w = torch.randn(1, 14, 24, generator=torch.Generator().manual_seed(1)).requires_grad_()
    drawn = wide(w)
    (slope,) = torch.autograd.grad(drawn.square().mean(), w, create_graph=True)
    slope.square().sum().backward()  # Twice, as path-length regularisation needs it.
    assert all(p.grad is not None for name, p in wide.named_parameters() if not name.startswith("style."))
    with torch.no_grad():
        assert golden.largest_error(wide(w), drawn) < SAME


@pytest.mark.parametrize("given", [True, False])
def test_noise_maps_can_be_learned(wide: Generator, given: bool, deal_to: Callable[[int], None]) -> None:
    deal_to(3)
    wide.requires_grad_(False)
    maps = [wide.noises.get_buffer(f"noise_{i}").clone().requires_grad_() for i in range(13)]
    if not given:
        for i, each in enumerate(maps):
            setattr(wide.noises, f"noise_{i}", each)
    wide(torch.randn(1, 14, 24), noise=maps if given else "const").square().mean().backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in maps)


def test_changed_weights_are_noticed(wide: Generator) -> None:
    w = torch.randn(1, 14, 24, generator=torch.Generator().manual_seed(1))
    other = Generator(size=256, channels=WIDE, latent_dim=24, num_mapping_layers=1)
    with torch.no_grad():
        before = wide(w)
        wide.to_rgb1.conv.modulation.bias.add_(1)
        assert golden.error(wide(w), before) > 100 * SAME
        assert golden.largest_error(wide(w), peer.draw(wide, w)) < SAME
        kept = KeptFeatures()
        wide(w, kept=kept)
        wide.conv1.noise.weight.add_(1)
        assert golden.largest_error(wide(w, kept=kept), peer.draw(wide, w)) < SAME
        wide.load_state_dict(other.state_dict())
        assert golden.largest_error(wide(w), peer.draw(wide, w)) < SAME
        assert wide.double()(w).dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_close(wide: Generator, dtype: torch.dtype) -> None:
    w = torch.randn(2, 14, 24, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        exact = wide(w)
        found = wide.set_precision(dtype)(w)
    assert found.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)  # Its pictures add up in float32.
    assert not torch.equal(found, exact)
    error = (found.float() - exact).square().mean()
    assert 10 * torch.log10((exact.max() - exact.min()).square() / error) > (45 if dtype == torch.bfloat16 else 55)


def test_random_noise_follows_the_seed_and_each_picture_has_its_own(tiny: Generator) -> None:
    w = golden.tensors("gen_tiny64")["w_plus"]
    state = torch.get_rng_state()
    with torch.inference_mode():
        both, again, other = (tiny(w, noise="random", seed=seed) for seed in (5, 5, 6))
        second = tiny(w[1:], noise="random", seed=6)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(both, again) and not torch.equal(both, other)
    assert golden.largest_error(second, both[1:]) < golden.rounding(9 * 64, layers=10)


@torch.inference_mode()
def test_the_seed_is_zero_where_none_is_given(tiny: Generator) -> None:
    w = golden.tensors("gen_tiny64")["w_plus"]
    for draw in (tiny.forward, partial(PlainGenerator.forward, tiny)):
        assert torch.equal(draw(w, noise="random"), draw(w, noise="random", seed=0))
        assert not torch.equal(draw(w, noise="random"), draw(w, noise="random", seed=1))


def test_a_preview_is_what_a_smaller_generator_would_draw(tiny: Generator) -> None:
    w = golden.tensors("gen_tiny64")["w_plus"]
    smaller = golden.fill(Generator(size=32, channels=TINY_CHANNELS, num_mapping_layers=2), "stylegan")
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
    with pytest.raises(InputError, match="The codes are a tensor, not ndarray"):
        tiny(w.numpy())  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="The codes are floating-point numbers, not torch.int64"):
        tiny(w.long())
    with pytest.raises(InputError, match="The values of noise map 0 are a tensor, not float"):
        tiny(w, noise=[0.5] * 9)  # pyright: ignore[reportArgumentType]
    for seed in (1.5, "7", None):
        with pytest.raises(InputError, match="The seed is a whole number, not"):
            tiny(w, noise="random", seed=seed)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=r"z of shape \[batch, 512\], not \[2, 17\]"):
        tiny.map(torch.zeros(2, 17))


def test_the_largest_seed_and_other_number_formats_are_fine(tiny: Generator) -> None:
    w = golden.tensors("gen_tiny64")["w_plus"]
    with torch.inference_mode():
        assert tiny(w, noise="random", seed=2**64 - 1).isfinite().all()
        assert torch.equal(tiny(w.double()), tiny(w))


class Watched(KeptFeatures):
    """Notes at which block the last picture began."""

    begun = -1

    def resume(self, *arguments: Any) -> Any:
        found = super().resume(*arguments)
        self.begun = found[0] if found else 0
        return found


@pytest.mark.parametrize("members", [1, 2])
@torch.inference_mode()
def test_a_changed_late_layer_begins_where_it_matters_and_gives_the_same_picture(
    wide: Generator, members: int, deal_to: Callable[[int], None]
) -> None:
    deal_to(members)
    kept = Watched()

    def begun(w: Tensor, **how: Any) -> int:
        assert torch.equal(wide(w, **how, kept=kept), wide(w, **how))
        return kept.begun

    w = torch.randn(1, 14, 24, generator=torch.Generator().manual_seed(1))
    assert begun(w) == 0
    assert begun(w) == 5  # Kept are the features at 32 px (block 2) and 128 px (block 4), of 6 blocks.
    for layer, block in ((13, 5), (12, 5), (11, 3), (8, 3), (7, 0), (0, 0)):
        w = w.clone()
        w[:, layer] += 0.1
        assert begun(w) == block, layer
    assert begun(w, noise="none") == 0 and begun(w, noise="none") == 5
    assert begun(w, noise="random", seed=1) == 0 and begun(w, noise="random", seed=2) == 0
    # The picture after its previews.
    w = w + 1
    assert [begun(w, resolution=size) for size in (64, 128, 256)] == [0, 3, 5]
    with torch.inference_mode(False):
        wide.conv1.activate.bias.data.add_(1)
    wide.load_state_dict(wide.state_dict())
    assert begun(w) == 0
    assert 0 < kept.nbytes < 2e6
    # What is given away is not what is kept.
    wide(w, resolution=128, kept=kept).fill_(9)
    assert begun(w) == 5


MEMORY = """
import sys, torch
sys.path.insert(0, sys.argv[2])
import memory
from ffclip.ffclip_core.execution.generator import FastGenerator as Generator
torch.set_grad_enabled(False)
generator = Generator(
    size=512, channels=dict.fromkeys((4, 8, 16, 32, 64, 128, 256, 512), 32), latent_dim=16, num_mapping_layers=1
).eval()
w = torch.randn(int(sys.argv[1]), 16, 16)
generator(w[:1])
before = memory.now()
x = generator(w)
print(memory.peak() - before - x.numel() * x.element_size())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_memory_stays_flat_for_any_number_of_pictures() -> None:
    """Besides the pictures themselves."""

    def extra(count: int) -> int:
        return int(fresh.run(MEMORY, count, Path(golden.__file__).parent))

    few, many, more = extra(8), extra(20), 12 * 3 * 512**2 * 4
    # Less than a second copy of the 12 more pictures would take, let alone their features; half of one is the noise.
    assert 0 < many < few + more * 3 // 4


@torch.inference_mode()
def test_a_long_batch_is_drawn_like_single_pictures(wide: Generator) -> None:
    w = torch.randn(11, 14, 24, generator=torch.Generator().manual_seed(1))
    several = wide(w, noise="random", seed=5)
    for i in range(11):
        alone = wide(w[i : i + 1], noise="random", seed=5 + i)
        assert golden.largest_error(several[i : i + 1], alone) < SAME


def test_a_copy_is_a_generator_of_its_own(wide: Generator) -> None:
    w = torch.randn(1, 14, 24)
    with torch.no_grad():
        before = wide(w)
        other = copy.deepcopy(wide)
        other.conv1.activate.bias.add_(1)
        assert torch.equal(wide(w), before) and golden.error(other(w), before) > 100 * SAME


@pytest.mark.parametrize("members", [1, 3])
def test_pictures_are_the_same_whatever_mode_the_caller_is_in(
    wide: Generator, members: int, deal_to: Callable[[int], None]
) -> None:
    """Modes are each thread's own: what is drawn by others keeps to the caller's, and is an ordinary tensor outside of
    inference mode."""
    deal_to(members)
    w = torch.randn(1, 14, 24)
    with torch.inference_mode():
        expected = wide(w)
    assert expected.is_inference()
    wide.requires_grad_(False)
    found = wide(w)
    assert torch.equal(found, expected) and not found.is_inference()
    with torch.no_grad():
        assert torch.equal(wide.requires_grad_()(w), expected)
        with torch.autocast("cpu"):
            assert torch.equal(wide(w), expected)


def test_the_plan_is_a_value_that_says_how_pictures_are_drawn(wide: Generator) -> None:
    w, kept = torch.randn(2, 14, 24), KeptFeatures()
    assert wide.plan(w) == Plan("layers", group=2)
    wide.requires_grad_(False)
    assert wide.plan(w) == Plan("crew") == wide.plan(w, kept)
    assert wide.plan(w[:1], kept) == Plan("crew", keep=True)
    assert wide.plan(w.requires_grad_()) == Plan("layers", group=2)
    with torch.no_grad():
        assert wide.plan(w) == Plan("crew")
        assert wide.plan(w.detach().to("meta")) == Plan("whole")
    assert plan(torch.device("cuda"), batch=9, gradients=False, graph=True, keep=True) == Plan("whole", graph=True)


def test_other_devices_draw_without_strips_and_codes_from_elsewhere_are_refused(wide: Generator) -> None:
    other = copy.deepcopy(wide).to("meta")
    with torch.no_grad():
        assert other(torch.randn(1, 14, 24, device="meta"), kept=KeptFeatures()).shape == (1, 3, 256, 256)
    with pytest.raises(InputError, match="The codes are on cpu, but the generator is on meta"):
        other(torch.randn(1, 14, 24))


def test_every_precision_maps_noise_and_no_other_is_taken(wide: Generator) -> None:
    with torch.no_grad():
        assert wide.set_precision(torch.float16).map(torch.randn(1, 24)).shape == (1, 14, 24)
    with pytest.raises(ValueError, match="float32, float16 or bfloat16, not torch.int8"):
        wide.set_precision(torch.int8)


def mapped(generator: Generator, z: Tensor, label: int | None) -> Tensor:
    """StyleGAN2-ADA's mapping network in float64, from its description: z and the embedding of the class, as a one-hot
    vector, each divided by its root mean square; equalised layers with fused leaky ReLU."""

    def normalized(x: Tensor) -> Tensor:
        return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()

    state = {key: value.double() for key, value in generator.state_dict().items()}
    x = normalized(z.double())
    if label is not None:
        one_hot = torch.zeros(len(z), generator.num_classes, dtype=torch.float64)
        one_hot[:, label] = 1
        y = one_hot @ (state["embed.weight"] / generator.num_classes**0.5).T + state["embed.bias"]
        x = torch.cat([x, normalized(y)], 1)
    for i in range(1, generator.num_mapping_layers + 1):
        weight, bias = state[f"style.{i}.weight"], state[f"style.{i}.bias"]
        x = nn.functional.leaky_relu(x @ (weight * 0.01 / weight.shape[1] ** 0.5).T + bias * 0.01, 0.2) * 2**0.5
    return x


@pytest.mark.parametrize("depth", [1, 2, 8, 64])
@pytest.mark.parametrize(("z_dim", "latent_dim", "classes"), [(24, 24, 0), (8, 24, 0), (40, 24, 10), (24, 24, 1)])
def test_mapping_networks_of_every_kind(depth: int, z_dim: int, latent_dim: int, classes: int) -> None:
    generator = Generator(
        size=8, channels={4: 4, 8: 4}, latent_dim=latent_dim, num_mapping_layers=depth,
        z_dim=z_dim if z_dim != latent_dim else None, num_classes=classes,
    )  # fmt: skip
    golden.fill(generator, "stylegan")
    with torch.no_grad():
        for network in (generator, Generator(**arguments(generator))):
            network.load_state_dict(generator.state_dict())
            if network.embed is not None:
                network.embed.bias.copy_(torch.linspace(-1, 1, latent_dim))
            z = torch.randn(3, z_dim, generator=torch.Generator().manual_seed(0))
            for label in range(classes) if classes else [None]:
                assert golden.error(network.map(z, label=label)[:, 0], mapped(network, z, label)) < golden.OPERATORS
            if classes > 1:
                each = network.map(z, label=[0, 9, 4])[:, 0]
                for i, label in enumerate((0, 9, 4)):
                    one = network.map(z[i : i + 1], label=label)[0, 0]
                    assert golden.error(each[i], one) < golden.OPERATORS
                assert torch.equal(network.map(z, label=torch.tensor([0, 9, 4])), network.map(z, label=[0, 9, 4]))
                assert network(network.map(z, 0.7, label=3)).shape == (3, 3, 8, 8)
    assert set(generator.architecture) & {"z_dim", "num_classes"} == {
        *(["z_dim"] if z_dim != latent_dim else []),
        *(["num_classes"] if classes else []),
    }


def arguments(generator: Generator) -> dict[str, Any]:
    """As a file gives them back to the constructor."""
    found = json.loads(json.dumps(generator.architecture))
    return {**found, "channels": {int(size): count for size, count in found["channels"].items()}}


@pytest.mark.parametrize(
    ("classes", "label", "says"),
    [
        (10, None, "has 10 classes: give label=0..9"),
        (10, 10, "give label=0..9, not 10"),
        (10, -1, "give label=0..9, not -1"),
        (10, [1, 2], "one for each of the 3 samples"),
        (10, 1.0, "whole numbers, not 1.0"),
        (10, True, "whole numbers, not True"),
        (10, "cat", "give label=0..9, not cat"),
        (0, 0, "knows no classes: leave the label out"),
    ],
)
def test_labels_that_do_not_fit_are_refused(classes: int, label: Any, says: str) -> None:
    generator = Generator(size=8, channels={4: 4, 8: 4}, latent_dim=16, num_mapping_layers=1, num_classes=classes)
    with pytest.raises(InputError, match=says):
        generator.map(torch.randn(3, 16), label=label)


def test_nan_and_infinity_are_refused_with_their_place(tiny: Generator) -> None:
    w = torch.zeros(2, tiny.num_layers, tiny.latent_dim)
    noise = [torch.zeros(1, 1, *tiny.noise_shape(i)) for i in range(tiny.num_layers - 1)]
    for value in (torch.nan, torch.inf, -torch.inf):
        bad = w.clone()
        bad[1, 3, 7] = value
        with pytest.raises(InputError, match=rf"codes hold the value {value} \(picture 1, layer 3, channel 7, counted"):
            tiny(bad)
        noise[2][0, 0, 1, 2] = value
        with pytest.raises(InputError, match=rf"noise map 2 hold the value {value} \(picture 0, channel 0, row 1"):
            tiny(w, noise=noise)
        with pytest.raises(InputError, match=r"values of z hold the value .* \(sample 1, channel 5"):
            tiny.map(torch.zeros(2, tiny.z_dim).index_put((torch.tensor(1), torch.tensor(5)), torch.tensor(value)))
        with pytest.raises(InputError, match=f"truncation is a number such as 0.7, not {value}"):
            tiny.map(torch.zeros(2, tiny.z_dim), value)
    with pytest.raises(InputError, match="not None"):
        tiny.map(torch.zeros(2, tiny.z_dim), None)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_layers_without_style_give_no_nan(mode: Any) -> None:
    """What divides by the largest style must not be 0: with strips and without them."""
    generator = golden.fill(
        Generator(size=128, channels=dict.fromkeys((4, 8, 16, 32, 64, 128), 8), latent_dim=16), "stylegan"
    )
    with torch.no_grad():
        for module in generator.modules():
            if isinstance(module, ModulatedConv2d):
                module.modulation.bias.zero_()
    with mode():
        for batch in (1, 2):
            pictures = generator(torch.zeros(batch, generator.num_layers, 16))
            assert pictures.isfinite().all()
            # Nothing is left but biases and noise, as a style that is nearly nothing has it too.
            nearly = generator(torch.full((batch, generator.num_layers, 16), 1e-12))
            assert golden.error(pictures, nearly) < golden.OPERATORS


@pytest.mark.parametrize("latent_dim", [1, 24, 1024])
def test_codes_of_any_width(latent_dim: int) -> None:
    """Through strips, tables of styles, gradients and the encoder's and modulator's side of it."""
    generator = golden.fill(
        Generator(size=128, channels=dict.fromkeys((4, 8, 16, 32, 64, 128), 8), latent_dim=latent_dim), "stylegan"
    )
    w = torch.randn(1, generator.num_layers, latent_dim, requires_grad=True)
    by_gradient = generator(w)
    by_gradient.sum().backward()
    assert w.grad is not None and w.grad.isfinite().all()
    with torch.no_grad():
        in_strips = generator(w)
    assert golden.error(in_strips, by_gradient) < golden.OPERATORS
    w = generator.map(torch.randn(2, latent_dim))
    e = torch.randn(2, latent_dim)
    found = Modulator(num_layers=generator.num_layers, latent_dim=latent_dim, num_blocks=1)(w, e)
    assert found.shape == w.shape and found.isfinite().all()
