"""Every layout that published files have, written as their programs write it, gives the numbers it stands for."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import golden
import layouts
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import (
    CheckpointError,
    load_encoder,
    load_generator,
    load_modulator,
    load_text_encoder,
)
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.checkpoints.pickles import Object, as_stored, read_pickle
from ffclip.ffclip_core.networks.encoder import Encoder
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from safetensors.torch import save_file
from torch import nn

CHANNELS = {4: 16, 8: 16, 16: 8}


def varied(network: nn.Module) -> None:
    """Give every tensor values of its own."""
    stream = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=stream) + 0.1)


@pytest.fixture(scope="module")
def generator() -> Generator:
    network = Generator(size=16, channels=CHANNELS, latent_dim=24, num_mapping_layers=3)
    varied(network)
    return network.eval()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    network = Encoder(
        num_layers=6, latent_dim=24, input_size=(64, 64), widths=(16, 32, 48, 64), blocks=(1, 2, 1, 1), pyramid_width=64
    )
    varied(network)
    return network.eval()


def same(found: nn.Module, expected: nn.Module, without: str = "^$") -> None:
    """Both have the same tensors, bit for bit, and are built alike."""
    tensors, wanted = found.state_dict(), expected.state_dict()
    assert tensors.keys() == wanted.keys()
    for key, value in wanted.items():
        if not re.search(without, key):
            assert torch.equal(tensors[key], value), key
    assert found.architecture == expected.architecture and not found.training


WRITERS: dict[str, Callable[[Path, Generator], None]] = {
    "rosinality": layouts.rosinality,
    "rosinality, all of the training": lambda path, g: layouts.rosinality(path, g, training=True),
    "rosinality, old format": lambda path, g: layouts.rosinality(path, g, training=True, zip=False),
    "state dict": lambda path, g: torch.save({**layouts.g_ema(g), "latent_avg": g.latent_avg}, path),
    **{f"nvidia, protocol {n}": lambda path, g, n=n: layouts.nvidia(path, g, n) for n in (2, 3, 4, 5)},
    **{f"tensorflow, protocol {n}": lambda path, g, n=n: layouts.tensorflow(path, g, n) for n in (2, 3, 4)},
}


@pytest.mark.parametrize("layout", WRITERS)
def test_a_generator(layout: str, generator: Generator, tmp_path: Path) -> None:
    path = tmp_path / "any name.bin"
    WRITERS[layout](path, generator)
    # TensorFlow's bias was stored minus one.
    found = load_generator(path)
    same(found, generator, without=r"modulation\.bias" if layout.startswith("tensorflow") else "^$")
    w = torch.randn(2, 6, 24, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected = generator(w)
        assert golden.error(found(w), expected) < golden.rounding(9 * 16, layers=6)
    with pytest.raises(CheckpointError, match=r"any name.bin holds the generator of a model, not the encoder"):
        load_encoder(path)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_large_arrays_in_an_archive(protocol: int, tmp_path: Path) -> None:
    """NumPy's arrays lie within the pickle, which itself lies within the archive."""
    network = Generator(size=16, channels={4: 64, 8: 64, 16: 64}, latent_dim=256, num_mapping_layers=1)
    varied(network)
    arrays = {key: value.numpy() for key, value in layouts.g_ema(network).items()}
    content = {"g_ema": arrays, "latent_avg": network.latent_avg.numpy()}
    torch.save(content, tmp_path / "g.pt", pickle_protocol=protocol)
    same(load_generator(tmp_path / "g.pt"), network)


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_arrays_of_any_strides(axes: tuple, tmp_path: Path) -> None:
    """Since NumPy 2.4, protocol 5 stores them as they lie in memory, and the axes to transpose them by."""
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    content = (b"\x80\x05", pickled(array.tobytes()), pickled(np.dtype(np.float32)), pickled((2, 3, 4)))
    (tmp_path / "array").write_bytes(
        content[0]
        + pickle.GLOBAL + b"numpy._core.numeric\n_frombuffer\n" + pickle.MARK + b"".join(content[1:])
        + pickled("K") + pickled(axes) + pickle.TUPLE + pickle.REDUCE + pickle.STOP
    )  # fmt: skip
    with (tmp_path / "array").open("rb") as file:
        found = as_stored(read_pickle(file, tmp_path / "array"))
    assert found is not None and np.array_equal(found.read().numpy(), array.transpose(axes))


def pickled(value: object) -> bytes:
    """What puts a value on an unpickler's stack."""
    return pickle.dumps(value, 2)[2:-1]


@pytest.mark.parametrize("axes", [(0, 0, 1), (0, 1), (0, 1, 3), (-1, 0, 1), (0, 1, "2"), (0.0, 1, 2), ([], 1, 2)])
def test_an_array_of_impossible_axes(axes: tuple) -> None:
    array = Object("numpy.ndarray", state=(1, (2, 3, 4), Object("numpy.dtype", ("f4",)), axes, bytes(96)))
    with pytest.raises(CheckpointError, match="NumPy array of an unknown kind"):
        as_stored(array)


@pytest.mark.parametrize("mean", [True, False])
def test_a_mean_code_that_is_not_there_is_estimated(mean: bool, generator: Generator, tmp_path: Path) -> None:
    layouts.rosinality(tmp_path / "g.pt", generator, mean=mean)
    found = load_generator(tmp_path / "g.pt")
    same(found, generator, without="latent_avg")
    if mean:
        assert torch.equal(found.latent_avg, generator.latent_avg)
    else:
        z = torch.randn(20_000, 24, generator=torch.Generator().manual_seed(7))
        with torch.inference_mode():
            expected = generator.map(z)[:, 0].mean(0)
        assert golden.largest_error(found.latent_avg, expected) < 0.02


@pytest.mark.parametrize("shape", [(24,), (1, 24), (6, 24), (1, 6, 24), (9, 24)])
def test_an_encoder_with_its_generator(
    shape: tuple[int, ...], encoder: Encoder, generator: Generator, tmp_path: Path
) -> None:
    path = tmp_path / "e4e.pt"
    mean = torch.arange(24.0).expand(shape) + (torch.arange(shape[-2]).float()[:, None] if len(shape) > 1 else 0)
    layouts.e4e(path, encoder, generator, mean.clone(), heads=3)
    found = load_encoder(path)
    same(found, encoder, without="latent_avg")
    rows = mean.reshape(-1, 24)
    assert torch.equal(found.latent_avg, rows[:6].expand(6, 24) if len(rows) > 1 else rows.expand(6, 24))
    drawn = load_generator(path)
    same(drawn, generator, without="latent_avg")
    if len(rows) == 1:
        assert torch.equal(drawn.latent_avg, rows[0])


def test_an_encoder_without_latent_avg_is_refused(encoder: Encoder, tmp_path: Path) -> None:
    layouts.e4e(tmp_path / "e4e.pt", encoder, None, None)
    with pytest.raises(CheckpointError, match=r"e4e.pt lacks 'latent_avg', .* without which every inversion is wrong"):
        load_encoder(tmp_path / "e4e.pt")


def test_cars_are_wider_than_high(tmp_path: Path) -> None:
    network = Encoder(
        num_layers=16,
        latent_dim=24,
        input_size=(192, 256),
        widths=(16, 32, 48, 64),
        blocks=(1, 1, 1, 1),
        pyramid_width=64,
    )
    layouts.e4e(tmp_path / "e4e.pt", network, None, torch.zeros(16, 24), heads=2)
    assert load_encoder(tmp_path / "e4e.pt").input_size == (192, 256)


@pytest.mark.parametrize("layers", [6, 14, 16])
def test_modulation_blocks_with_their_generator(layers: int, generator: Generator, tmp_path: Path) -> None:
    modulator = Modulator(num_layers=layers, latent_dim=24)
    varied(modulator)
    layouts.ffclip(tmp_path / "ffclip.pt", modulator, generator)
    same(load_modulator(tmp_path / "ffclip.pt"), modulator)
    same(load_generator(tmp_path / "ffclip.pt"), generator, without="latent_avg")


@pytest.mark.parametrize("layout", ["openai", "open_clip .bin", "open_clip .safetensors", "custom", "transformers"])
def test_a_text_encoder(layout: str, tmp_path: Path) -> None:
    text, path = (
        TextEncoder(embed_dim=32, width=128, heads=2, layers=2, vocab_size=300, context_length=16),
        tmp_path / "clip",
    )
    varied(text)
    for value in text.state_dict().values():
        value.copy_(value.half())
    names = layouts.openai_names(text)
    if layout == "openai":
        layouts.clip_openai(path, text)
    elif layout == "open_clip .bin":
        torch.save({**names, "visual.proj": torch.ones(2), "logit_scale": torch.ones([])}, path)
    elif layout == "open_clip .safetensors":
        save_file({**names, "visual.proj": torch.ones(2)}, path)
    elif layout == "custom":
        torch.save({"state_dict": {f"module.text.{key}": value for key, value in names.items()}}, path)
    else:
        save_file({**layouts.transformers_names(text), "vision_model.x": torch.ones(2)}, path)
    same(load_text_encoder(path), text)


def test_an_archive_that_torchscript_wrote() -> None:
    io, text = golden.tensors("clip_tiny"), load_text_encoder(golden.DATA / "clip_tiny.pt")
    with torch.inference_mode():
        assert golden.error(text.encode_tokens(io["token_ids"]), io["text_features"]) < golden.NETWORKS


def test_the_text_encoder_of_another_image_tower_is_refused(tmp_path: Path) -> None:
    names = layouts.openai_names(
        TextEncoder(embed_dim=16, width=64, heads=1, layers=1, vocab_size=50, context_length=8)
    )
    save_file({**names, "visual.conv1.weight": torch.zeros(64, 3, 16, 16)}, tmp_path / "clip")
    with pytest.raises(CheckpointError, match=r"another CLIP \(ViT with patches of 16 px instead of 32\)"):
        load_text_encoder(tmp_path / "clip")


@pytest.mark.parametrize(("width", "says"), [(768, "ViT-L/14"), (1024, "ViT-H/14"), (1280, "SDXL's second")])
def test_other_text_encoders_are_refused_with_the_reason(width: int, says: str, tmp_path: Path) -> None:
    save_file({"text_model.embeddings.token_embedding.weight": torch.zeros(3, width),
               "text_model.final_layer_norm.weight": torch.zeros(width)}, tmp_path / "clip")  # fmt: skip
    with pytest.raises(CheckpointError, match=f"{says}.*: FFCLIP needs ViT-B/32"):
        load_text_encoder(tmp_path / "clip")


def test_other_generators_are_refused_with_the_reason(generator: Generator, tmp_path: Path) -> None:
    path = tmp_path / "g.pkl"
    layouts.nvidia(path, generator, c_dim=10)
    with pytest.raises(CheckpointError, match="a generator with 10 classes that lacks what they stand for"):
        load_generator(path)


def test_clamped_convolutions(generator: Generator, tmp_path: Path) -> None:
    layouts.nvidia(tmp_path / "g.pkl", generator, conv_clamp=0.5)
    found = load_generator(tmp_path / "g.pkl")
    assert found.conv_clamp == 0.5
    w = torch.randn(1, 6, 24)
    with torch.inference_mode():
        assert golden.error(found(w), generator(w)) > 0.01
        assert found.conv1(torch.randn(1, 16, 4, 4), torch.ones(1, 24), None).abs().max() <= 0.5


@pytest.fixture(scope="module", params=["gen_tiny64", "gen_true32"])
def drawn(request: pytest.FixtureRequest) -> tuple[str, Generator]:
    """Golden numbers, and the generator that they are of."""
    if request.param == "gen_tiny64":
        network = Generator(size=64, channels={4: 64, 8: 64, 16: 48, 32: 32, 64: 24}, num_mapping_layers=2)
        return request.param, golden.fill(network, "stylegan")
    return request.param, golden.fill(
        Generator(size=32, channels=dict.fromkeys((4, 8, 16, 32), 512)), "stylegan", half=True
    )


@pytest.mark.parametrize("layout", ["rosinality", "nvidia", "tensorflow"])
def test_golden_pictures_from_files(layout: str, drawn: tuple[str, Generator], tmp_path: Path) -> None:
    name, network = drawn
    getattr(layouts, layout)(tmp_path / "g", network)
    io, found = golden.tensors(name), load_generator(tmp_path / "g")
    (tmp_path / "g").unlink()
    with torch.inference_mode():
        assert golden.error(found(io["w_plus"]), io["out_const"]) < golden.NETWORKS


@pytest.mark.parametrize("seed", [2, 77])
@pytest.mark.parametrize("layout", WRITERS)
def test_generators_of_other_seeds(layout: str, seed: int, tmp_path: Path) -> None:
    network = golden.fill(
        Generator(size=32, channels={4: 24, 8: 24, 16: 16, 32: 8}, latent_dim=32, num_mapping_layers=2),
        "stylegan",
        seed=seed,
    )
    WRITERS[layout](tmp_path / "g", network)
    found = load_generator(tmp_path / "g")
    w, z = 0.5 * torch.randn(2, 8, 32), torch.randn(2, 32)
    with torch.inference_mode():
        assert golden.error(found(w), network(w)) < golden.rounding(9 * 24, layers=8)
        assert golden.error(found.map(z, 0.7), network.map(z, 0.7)) < golden.rounding(32, layers=2)


@pytest.mark.parametrize("seed", [2, 77])
def test_other_parts_of_other_seeds(seed: int, tmp_path: Path) -> None:
    path, stream = tmp_path / "file", torch.Generator().manual_seed(seed)
    encoder = golden.fill(
        Encoder(
            num_layers=8,
            latent_dim=32,
            input_size=(64, 64),
            widths=(16, 32, 48, 64),
            blocks=(1, 2, 1, 1),
            pyramid_width=64,
        ),
        "e4e",
        seed=seed,
    )
    mean = golden.weight("stylegan", "latent_avg", (8, 32), seed)
    modulator = golden.fill(Modulator(num_layers=8, latent_dim=32), "ffclip", seed=seed)
    text = golden.fill(
        TextEncoder(embed_dim=64, width=128, heads=2, layers=2, vocab_size=300, context_length=16),
        "clip",
        half=True,
        seed=seed,
    )
    picture, w = torch.rand(1, 3, 64, 64, generator=stream) * 2 - 1, torch.randn(2, 8, 32, generator=stream)
    e, ids = torch.randn(2, 32, generator=stream), torch.randint(1, 299, (3, 16), generator=stream)
    with torch.inference_mode():
        layouts.e4e(path, encoder, None, mean)
        assert golden.error(load_encoder(path)(picture), encoder(picture) + mean) < golden.rounding(9 * 64, layers=12)
        layouts.ffclip(path, modulator, None)
        assert torch.equal(load_modulator(path)(w, e), modulator(w, e))
        for names in (layouts.openai_names, layouts.transformers_names):
            save_file(names(text), path)
            assert golden.error(load_text_encoder(path).encode_tokens(ids), text.encode_tokens(ids)) < golden.rounding(
                512, 8
            )
        layouts.clip_openai(path, text)
        assert golden.error(load_text_encoder(path).encode_tokens(ids), text.encode_tokens(ids)) < golden.rounding(
            512, 8
        )


def test_what_a_file_holds_is_told_without_reading_its_numbers(
    encoder: Encoder, generator: Generator, tmp_path: Path
) -> None:
    layouts.e4e(tmp_path / "e4e.pt", encoder, generator, torch.zeros(24))
    parts = read_parts(tmp_path / "e4e.pt")
    assert list(parts) == ["encoder", "generator"]
    assert parts["generator"].layout == "e4e" and parts["generator"].architecture["size"] == 16
