"""What surrounds a state dict never decides what a file is: wrappings, prefixes, other things beside it."""

from __future__ import annotations

import argparse
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import golden
import layouts
import pytest
import torch
from ffclip.ffclip_core import (
    CheckpointError,
    load_encoder,
    load_generator,
    load_identity,
    load_image_encoder,
    load_modulator,
    load_text_encoder,
)
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.networks.encoder import Encoder
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.networks.identity import Identity
from ffclip.ffclip_core.networks.image_encoder import ImageEncoder
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

State = dict[str, Tensor]
LOADERS: dict[str, Callable[[Path], nn.Module]] = {
    "generator": load_generator,
    "encoder": load_encoder,
    "modulator": load_modulator,
    "text_encoder": load_text_encoder,
    "image_encoder": load_image_encoder,
    "identity": load_identity,
}
WRAPPINGS = (
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "params_ema", "g_ema", "ema",
    "generator", "netG", "G", "G_ema", "g", "module",
)  # fmt: skip
PREFIXES = ("module.", "_orig_mod.", "generator.", "g_ema.", "decoder.", "netG.", "G.", "model.", "ema_model.", "x.y.")


def varied(network: nn.Module, seed: int = 0) -> Any:
    stream = torch.Generator().manual_seed(seed)
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=stream) + 0.5)
    return network.eval()


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    return {
        "generator": varied(Generator(size=16, channels={4: 8, 8: 8, 16: 4}, latent_dim=12, num_mapping_layers=2)),
        "encoder": varied(
            Encoder(
                num_layers=6,
                latent_dim=12,
                input_size=(64, 64),
                widths=(16, 18, 20, 24),
                blocks=(1, 1, 1, 1),
                pyramid_width=8,
            )
        ),
        "modulator": varied(Modulator(num_layers=6, latent_dim=12, num_blocks=2)),
        "text_encoder": varied(TextEncoder(embed_dim=12, width=64, heads=1, layers=1, vocab_size=60, context_length=8)),
        "image_encoder": varied(ImageEncoder(embed_dim=12, image_size=64, width=64, heads=1, layers=1)),
        "identity": varied(Identity(embed_dim=12, input_size=16, widths=(16, 18), blocks=(1, 1))),
    }


def tensors_of(kind: str, network: Any) -> State:
    """As other programs name them: a generator with its filters, nothing of our own."""
    if kind == "generator":
        return {**layouts.g_ema(network), "latent_avg": network.latent_avg}
    return OrderedDict(network.state_dict())


def same(found: nn.Module, expected: nn.Module, without: tuple[str, ...] = ()) -> None:
    found_state, state = found.state_dict(), expected.state_dict()
    assert found_state.keys() == state.keys()
    for key, value in state.items():
        if key not in without and "num_batches" not in key:
            assert torch.equal(found_state[key], value), key


@pytest.mark.parametrize("kind", LOADERS)
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_wrapping_of_any_depth(kind: str, data: st.DataObject, networks: dict, tmp_path: Path) -> None:
    """Wrappings and prefixes, nested in any order, with other things beside at every depth."""
    content: Any = tensors_of(kind, networks[kind])
    for step in data.draw(st.lists(st.sampled_from((*WRAPPINGS, *PREFIXES)), max_size=5)):
        if step.endswith("."):
            content = {f"{step}{key}" if isinstance(value, Tensor) else key: value for key, value in content.items()}
        else:
            content = {"epoch": 3, step: content, "args": argparse.Namespace(size=16), "losses": [0.5] * 20}
    torch.save(content, tmp_path / "file.pt")
    same(LOADERS[kind](tmp_path / "file.pt"), networks[kind])


@pytest.mark.parametrize("prefix", ["", "module.", "module.module.", "model._orig_mod."])
def test_a_prefix_on_the_names_of_one_part_beside_others(prefix: str, networks: dict, tmp_path: Path) -> None:
    state = {f"{prefix}decoder.{key}": value for key, value in layouts.g_ema(networks["generator"]).items()}
    state |= {f"{prefix}encoder.{key}": value for key, value in networks["encoder"].state_dict().items()}
    state |= {f"loss.net.{i}.weight": torch.zeros(2) for i in range(3)}
    del state[f"{prefix}encoder.latent_avg"]
    average = networks["encoder"].latent_avg
    torch.save({"state_dict": state, "latent_avg": average}, tmp_path / "file.pt")
    same(load_encoder(tmp_path / "file.pt"), networks["encoder"])
    same(load_generator(tmp_path / "file.pt"), networks["generator"], without=("latent_avg",))
    assert torch.equal(load_generator(tmp_path / "file.pt").latent_avg, average.mean(0))


def test_of_several_generators_the_averaged_one_is_taken_and_told(networks: dict, tmp_path: Path) -> None:
    other = varied(Generator(size=16, channels={4: 8, 8: 8, 16: 4}, latent_dim=12, num_mapping_layers=2), seed=9)
    for names in (("g", "g_ema"), ("params", "params_ema"), ("netG", "netG_ema"), ("model", "ema"), ("G", "G_ema")):
        torch.save({names[0]: layouts.g_ema(other), names[1]: layouts.g_ema(networks["generator"])}, tmp_path / "file")
        same(load_generator(tmp_path / "file"), networks["generator"], without=("latent_avg",))
        notes = " ".join(read_parts(tmp_path / "file")["generator"].notes)
        assert f"'{names[1]}' was taken (averaged over its training), not '{names[0]}'" in notes
    torch.save({"first": layouts.g_ema(networks["generator"]), "second": layouts.g_ema(other)}, tmp_path / "file")
    same(load_generator(tmp_path / "file"), networks["generator"], without=("latent_avg",))
    assert "'first' was taken (the first)" in " ".join(read_parts(tmp_path / "file")["generator"].notes)


def test_a_whole_pickled_network(networks: dict, tmp_path: Path) -> None:
    """torch.save(model), whose classes belong to a program that is not here."""

    class Layer(nn.Module):
        pass

    def module(state: State) -> nn.Module:
        root = Layer()
        for key, value in state.items():
            *path, last = key.split(".")
            place: nn.Module = root
            for name in path:
                if name not in dict(place.named_children()):
                    place.add_module(name, Layer())
                place = place.get_submodule(name)
            place.register_buffer(last, value)
        return root

    with layouts.named(their__models__Layer=Layer):
        torch.save({"epoch": 7, "G": module(tensors_of("generator", networks["generator"]))}, tmp_path / "file")
    same(load_generator(tmp_path / "file"), networks["generator"])


@pytest.mark.parametrize("part", ["generator", "modulator"])
def test_a_file_of_ffclip_with_one_part_alone(part: str, networks: dict, tmp_path: Path) -> None:
    state = layouts.g_ema(networks[part]) if part == "generator" else networks[part].state_dict()
    place = "generator." if part == "generator" else ""
    torch.save({"state_dict": {f"module.{place}{key}": value for key, value in state.items()}}, tmp_path / "file")
    assert [*read_parts(tmp_path / "file")] == [part]
    same(LOADERS[part](tmp_path / "file"), networks[part], without=("latent_avg",))


def test_an_encoder_alone_with_its_mean_code_inside(networks: dict, tmp_path: Path) -> None:
    save_file(networks["encoder"].state_dict(), tmp_path / "file.safetensors")
    same(load_encoder(tmp_path / "file.safetensors"), networks["encoder"])


@pytest.mark.parametrize("name", ["latent_avg", "w_avg", "mean_latent", "dlatent_avg"])
@pytest.mark.parametrize("shape", [(12,), (1, 12), (1, 1, 12), (6, 12), (1, 6, 12)])
@pytest.mark.parametrize("inside", [True, False])
def test_a_mean_code_is_used_wherever_it_stands(
    name: str, shape: tuple[int, ...], inside: bool, networks: dict, tmp_path: Path
) -> None:
    average = torch.linspace(-1, 1, 12).expand(shape).clone()
    state = dict(layouts.g_ema(networks["generator"]))
    torch.save({"g_ema": {**state, name: average}} if inside else {"g_ema": state, name: average}, tmp_path / "file")
    assert torch.equal(load_generator(tmp_path / "file").latent_avg, average.reshape(-1, 12)[0])


def test_tensors_that_are_no_layers_are_left_aside_and_told(networks: dict, tmp_path: Path) -> None:
    state = dict(layouts.g_ema(networks["generator"])) | {"age": torch.zeros(18, 12), "smile": torch.zeros(18, 12)}
    torch.save({"g_ema": state, "latent_avg": networks["generator"].latent_avg}, tmp_path / "file")
    same(load_generator(tmp_path / "file"), networks["generator"])
    assert "'age', 'smile' are no part of the network, and left aside" in " ".join(
        read_parts(tmp_path / "file")["generator"].notes
    )


@pytest.mark.parametrize("counters", ["absent", "floats"])
def test_counters_of_normalisations_do_not_matter(counters: str, networks: dict, tmp_path: Path) -> None:
    state = {
        key: value.float() if "num_batches" in key else value
        for key, value in networks["encoder"].state_dict().items()
        if counters == "floats" or "num_batches" not in key
    }
    torch.save({"state_dict": {f"encoder.{key}": value for key, value in state.items()}}, tmp_path / "file")
    same(load_encoder(tmp_path / "file"), networks["encoder"])


@pytest.mark.parametrize("kept", [0, 2])
def test_noise_maps_that_are_not_there_are_drawn_and_told(kept: int, networks: dict, tmp_path: Path) -> None:
    noises = [f"noises.noise_{i}" for i in range(kept, 5)]
    state = {key: value for key, value in layouts.g_ema(networks["generator"]).items() if key not in noises}
    torch.save({"g_ema": state, "latent_avg": networks["generator"].latent_avg}, tmp_path / "file")
    first, second = load_generator(tmp_path / "file"), load_generator(tmp_path / "file")
    same(first, second)
    same(first, networks["generator"], without=tuple(noises))
    for name in noises:
        assert 0.3 < first.get_buffer(name).std() < 2
    assert "were drawn from seed 0" in " ".join(read_parts(tmp_path / "file")["generator"].notes)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kernels", [True, False])
def test_number_formats_and_absent_filters(dtype: torch.dtype, kernels: bool, networks: dict, tmp_path: Path) -> None:
    state = {
        key: value.to(dtype)
        for key, value in layouts.g_ema(networks["generator"]).items()
        if kernels or "kernel" not in key
    }
    torch.save({"g_ema": state, "latent_avg": networks["generator"].latent_avg.to(dtype)}, tmp_path / "file")
    found = load_generator(tmp_path / "file").state_dict()
    for key, value in networks["generator"].state_dict().items():
        assert found[key].dtype == torch.float32
        assert torch.equal(found[key], value.to(dtype).float())


@pytest.mark.parametrize("key", ["convs.0.conv.blur.kernel", "to_rgbs.1.upsample.kernel"])
@pytest.mark.parametrize("taps", [(1, 2, 2, 1), (1, 4, 4, 1), (0, 0, 0, 0), (1, 3, 1)])
def test_another_resampling_filter_is_refused(key: str, taps: tuple, networks: dict, tmp_path: Path) -> None:
    state = layouts.g_ema(networks["generator"])
    filter = torch.tensor(taps, dtype=torch.float32)
    state[key] = torch.outer(filter, filter) * 4 / max(float(filter.sum()) ** 2, 1)
    torch.save({"g_ema": state, "latent_avg": networks["generator"].latent_avg}, tmp_path / "file")
    with pytest.raises(CheckpointError, match="another resampling filter"):
        load_generator(tmp_path / "file")


def test_architectures_follow_from_shapes(tmp_path: Path) -> None:
    for network in (
        varied(Generator(size=8, channels={4: 5, 8: 7}, latent_dim=1024, num_mapping_layers=1)),
        varied(Generator(size=16, channels={4: 3, 8: 11, 16: 6}, latent_dim=12, num_mapping_layers=20)),
        varied(Generator(size=8, channels={4: 4, 8: 4}, latent_dim=12, num_mapping_layers=2, z_dim=30)),
    ):
        torch.save({"g_ema": layouts.g_ema(network), "latent_avg": network.latent_avg}, tmp_path / "file")
        found = load_generator(tmp_path / "file")
        same(found, network)
        z = torch.zeros(1, found.z_dim)
        assert golden.error(found(found.map(z)), network(network.map(z))) < golden.rounding(9 * 11, layers=8)


def test_gray_pictures_are_drawn_in_rgb_and_those_with_alpha_named(networks: dict, tmp_path: Path) -> None:
    for channels in (1, 4):
        state = {
            key: value[:, :1].repeat(1, channels, *[1] * (value.ndim - 2))
            if key.startswith("to_rgb") and ("conv.weight" in key or key.endswith(".bias") and value.ndim == 4)
            else value
            for key, value in layouts.g_ema(networks["generator"]).items()
        }
        torch.save({"g_ema": state, "latent_avg": networks["generator"].latent_avg}, tmp_path / "file")
        if channels == 4:
            with pytest.raises(CheckpointError, match=r"pictures with 4 channels \(RGB and alpha\)"):
                load_generator(tmp_path / "file")
            continue
        drawn = load_generator(tmp_path / "file")(torch.ones(1, 6, 12))
        assert drawn.shape == (1, 3, 16, 16)
        assert torch.equal(drawn[:, 0], drawn[:, 1]) and torch.equal(drawn[:, 0], drawn[:, 2])
        reference = networks["generator"](torch.ones(1, 6, 12))[:, 0]
        assert golden.error(drawn[:, 0], reference) < golden.OPERATORS
        assert "gray" in " ".join(read_parts(tmp_path / "file")["generator"].notes)


def test_the_encoder_of_psp_codes_for_each_layer_apart(networks: dict, tmp_path: Path) -> None:
    """Same names as e4e's, other meaning: its options tell."""
    encoder = networks["encoder"]
    layouts.e4e(tmp_path / "file", encoder, None, encoder.latent_avg, kind="GradualStyleEncoder")
    found = load_encoder(tmp_path / "file")
    assert not found.deltas and found.architecture["deltas"] is False
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    plain = encoder(x) - encoder.latent_avg
    apart = found(x) - encoder.latent_avg
    expected = torch.cat(
        [plain[:, :1], plain[:, 1:] - plain[:, :1]], 1
    )  # e4e adds the first head's code to the others.
    assert golden.error(apart, expected) < golden.NETWORKS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"input_layer.0.weight": torch.zeros(16, 6, 3, 3)}, "an encoder of 6 channels .*ReStyle"),
        ({"input_layer.0.weight": torch.zeros(16, 19, 3, 3)}, "an encoder of 19 channels"),
        ({"latlayer1.weight": None}, "without a pyramid of features"),
    ],
)
def test_encoders_of_other_kinds_are_named(change: dict, says: str, networks: dict, tmp_path: Path) -> None:
    state = {key: value for key, value in {**networks["encoder"].state_dict(), **change}.items() if value is not None}
    torch.save({"state_dict": {f"encoder.{key}": value for key, value in state.items()}}, tmp_path / "file")
    with pytest.raises(CheckpointError, match=says):
        load_encoder(tmp_path / "file")


def test_a_discriminator_beside_never_decides(networks: dict, tmp_path: Path) -> None:
    discriminator = {"convs.0.0.weight": torch.zeros(4, 3, 1, 1), "final_linear.0.weight": torch.zeros(4, 4)}
    torch.save({"d": discriminator, "g_ema": layouts.g_ema(networks["generator"])}, tmp_path / "file")
    same(load_generator(tmp_path / "file"), networks["generator"], without=("latent_avg",))


@pytest.mark.parametrize("default", [torch.float16, torch.bfloat16, torch.float64])
def test_files_are_read_the_same_whatever_pytorchs_default_is(
    default: torch.dtype, networks: dict, tmp_path: Path
) -> None:
    torch.save({"g_ema": layouts.g_ema(networks["generator"])}, tmp_path / "generator")
    save_file(networks["encoder"].state_dict(), tmp_path / "encoder")
    expected = [load_generator(tmp_path / "generator"), load_encoder(tmp_path / "encoder")]
    torch.set_default_dtype(default)
    try:
        found = [load_generator(tmp_path / "generator"), load_encoder(tmp_path / "encoder")]
        assert torch.get_default_dtype() == default
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(found, expected, strict=True):
        same(one, other)


def test_what_an_encoder_is_follows_from_settings_of_any_form(networks: dict, tmp_path: Path) -> None:
    """e4e's and pSp's tensors have the same names; to take one for the other would shift every code."""
    encoder = networks["encoder"]
    state = {f"encoder.{key}": value for key, value in encoder.state_dict().items() if key != "latent_avg"}
    told = "GradualStyleEncoder"
    for beside in (
        {"opts": argparse.Namespace(encoder_type=told)},
        {"hyper_parameters": {"opts": argparse.Namespace(model=argparse.Namespace(encoder_type=told))}},
        {"training_options": ["--encoder_type", told]},
        {"settings": '{"encoder_type": "' + told + '"}'},
        {"encoder_type": told.encode()},
    ):
        torch.save({"state_dict": state, "latent_avg": encoder.latent_avg, **beside}, tmp_path / "file")
        assert not load_encoder(tmp_path / "file").deltas, beside
    torch.save({"state_dict": state, "latent_avg": encoder.latent_avg}, tmp_path / "file")
    assert load_encoder(tmp_path / "file").deltas
    assert "does not say whether its encoder is e4e's or pSp's" in " ".join(
        read_parts(tmp_path / "file")["encoder"].notes
    )
    torch.save({"state_dict": state, "cfg": {"name": "ResNetBackboneEncoder"}}, tmp_path / "file")
    with pytest.raises(CheckpointError, match="an encoder of the kind 'ResNetBackboneEncoder'"):
        load_encoder(tmp_path / "file")


def test_an_encoder_goes_with_the_decoder_beside_it(networks: dict, tmp_path: Path) -> None:
    """Whatever other generators stand in the file."""
    small = varied(Generator(size=8, channels={4: 8, 8: 8}, latent_dim=12, num_mapping_layers=2))
    state = {f"encoder.{key}": value for key, value in networks["encoder"].state_dict().items() if key != "latent_avg"}
    state |= {f"decoder.{key}": value for key, value in layouts.g_ema(networks["generator"]).items()}
    average = networks["encoder"].latent_avg
    torch.save({"state_dict": state, "latent_avg": average, "g_ema": layouts.g_ema(small)}, tmp_path / "file")
    assert load_encoder(tmp_path / "file").num_layers == 6


def test_an_encoder_that_was_trained_without_the_mean_code_gets_none(networks: dict, tmp_path: Path) -> None:
    encoder = networks["encoder"]
    layouts.e4e(tmp_path / "file", encoder, networks["generator"], encoder.latent_avg)
    content = torch.load(tmp_path / "file", weights_only=False)
    content["opts"]["start_from_latent_avg"] = False
    torch.save(content, tmp_path / "file")
    assert not load_encoder(tmp_path / "file").latent_avg.any()


def test_why_a_part_cannot_be_used_is_told_when_it_is_asked_for(networks: dict, tmp_path: Path) -> None:
    layouts.e4e(tmp_path / "file", networks["encoder"], networks["generator"], None)
    content = torch.load(tmp_path / "file", weights_only=False)
    content["state_dict"]["encoder.input_layer.0.weight"] = torch.zeros(16, 19, 3, 3)
    torch.save(content, tmp_path / "file")
    with pytest.raises(CheckpointError, match="holds the generator .*not the encoder.*an encoder of 19 channels"):
        load_encoder(tmp_path / "file")
    state = {
        f"encoder.{key}": torch.zeros(1)
        for key in ("input_layer.0.weight", "body.0.res_layer.1.weight", "linear.weight")
    }
    torch.save({"state_dict": state}, tmp_path / "file")
    with pytest.raises(CheckpointError, match="an encoder into W"):
        load_encoder(tmp_path / "file")


def test_names_of_any_length_take_bounded_time(tmp_path: Path) -> None:
    import time

    save_file({"a." * 40_000: torch.zeros(1), "synthesis.blocks." * 20_000: torch.zeros(1)}, tmp_path / "file")
    start = time.process_time()
    with pytest.raises(CheckpointError):
        load_generator(tmp_path / "file")
    assert time.process_time() - start < 20
