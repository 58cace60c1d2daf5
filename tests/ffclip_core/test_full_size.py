"""Files of the published sizes: the stored numbers of every stage and of the whole chain, memory, conversion."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import fresh
import golden
import layouts
import pytest
import torch
from ffclip.ffclip_core import load_encoder, load_generator, load_modulator, save_part
from ffclip.ffclip_core.checkpoints.convert import convert
from ffclip.ffclip_core.execution.encoder import FastEncoder as Encoder
from ffclip.ffclip_core.execution.generator import FastGenerator as Generator
from ffclip.ffclip_core.networks.modulation import Modulator
from safetensors.torch import load_file
from torch import Tensor

pytestmark = pytest.mark.slow

CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}


def large(size: int) -> Generator:
    with torch.device("meta"):
        generator = Generator(size=size, channels={side: count for side, count in CHANNELS.items() if side <= size})
    return golden.fill(generator.to_empty(device="cpu"), "stylegan")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """e4e.pt and ffclip.pt as published for faces, with golden weights; removed afterwards, they are large."""
    folder = tmp_path_factory.mktemp("published")
    with torch.device("meta"):
        encoder = Encoder()
    encoder = encoder.to_empty(device="cpu")
    encoder.latent_avg.zero_()
    golden.fill(encoder, "e4e")
    generator = large(1024)
    layouts.e4e(folder / "e4e.pt", encoder, generator, golden.tensors("e2e")["latent_avg"])
    layouts.ffclip(folder / "ffclip.pt", golden.fill(Modulator(), "ffclip"), generator)
    yield folder
    for path in folder.iterdir():
        path.unlink()


def same_picture(x: Tensor, io: dict[str, Tensor], start: str, tolerance: float) -> None:
    assert golden.error(torch.nn.functional.avg_pool2d(x, x.shape[-1] // 64), io[f"{start}area64"]) < tolerance
    places = {key: re.fullmatch(start + r"crop_(\d+)_(\d+)", key) for key in io}
    for key, place in places.items():
        if place:
            top, left = map(int, place.groups())
            assert golden.error(x[:, :, top : top + 32, left : left + 32], io[key]) < tolerance


@torch.inference_mode()
def test_every_stage_and_the_whole_chain_of_faces(folder: Path) -> None:
    io = golden.tensors("e2e")
    encoder, generator = load_encoder(folder / "e4e.pt"), load_generator(folder / "e4e.pt")
    modulator = load_modulator(folder / "ffclip.pt")
    assert (generator.size, encoder.num_layers, modulator.num_layers) == (1024, 18, 18)
    w = encoder(golden.picture("e2e_in").permute(0, 3, 1, 2) * 2 - 1)
    assert golden.error(w, io["w"]) < golden.NETWORKS
    pictures = torch.cat([golden.picture(f"e4e_ffhq_in{i}") for i in range(2)]).permute(0, 3, 1, 2) * 2 - 1
    assert golden.error(encoder(pictures) - encoder.latent_avg, golden.tensors("e4e_ffhq")["codes"]) < golden.NETWORKS
    assert golden.error(modulator(io["w"], io["e"]), io["delta_w_fp64"]) < torch.finfo(torch.float32).eps
    same_picture(generator(golden.tensors("gen1024")["w_plus"]), golden.tensors("gen1024"), "", golden.NETWORKS)
    same_picture(generator(w), io, "inv_", golden.NETWORKS)
    # The blocks' normalisations amplify the rounding of the codes, of sums of 9·512 terms, some 3000 times.
    same_picture(generator(w + modulator(w, io["e"])), io, "edit_", 3000 * golden.rounding(9 * 512))


@torch.inference_mode()
@pytest.mark.parametrize("size", [256, 512])
def test_smaller_generators(size: int, tmp_path: Path) -> None:
    layouts.rosinality(tmp_path / "generator.pt", large(size), mean=False)
    generator, io = load_generator(tmp_path / "generator.pt"), golden.tensors(f"gen{size}")
    (tmp_path / "generator.pt").unlink()
    same_picture(generator(io["w_plus"]), io, "", golden.NETWORKS)


PEAK = """
import sys
sys.path.insert(0, sys.argv[2])
import memory
import torch
from ffclip.ffclip_core import load_encoder
before = memory.now()
encoder = load_encoder(sys.argv[1])
print(memory.peak() - before)
with torch.inference_mode():
    for _ in range(int(sys.argv[3])):  # In the second call weights are packed.
        encoder(torch.zeros(1, 3, 256, 256))
print(memory.peak() - before)
print(sum(value.nbytes for value in encoder.state_dict().values()))
"""


def peak(path: Path, uses: int = 0) -> tuple[int, int, int]:
    """The most memory that loading an encoder takes, that loading and using it takes, and the encoder's size."""
    loading, using, size = map(int, fresh.run(PEAK, path, Path(golden.__file__).parent, uses).split())
    assert loading > 0.9 * size  # Else it was not measured.
    return loading, using, size


linux = pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is as Linux tells it")


@linux
def test_loading_takes_little_more_memory_than_the_file(folder: Path) -> None:
    path = folder / "e4e.pt"
    assert peak(path)[0] < 1.2 * path.stat().st_size


@linux
def test_loading_a_converted_file_takes_little_more_memory_than_the_encoder(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    save_part(path, load_encoder(folder / "e4e.pt"))
    loading, using, size = peak(path, uses=2)
    path.unlink()
    assert loading < 1.2 * size
    assert using - loading < 0.2 * size, "weights are packed in place of the plain ones"


def test_a_converted_file_is_half_as_large_and_says_what_it_was(folder: Path, tmp_path: Path) -> None:
    (modulator, generator) = convert(folder / "ffclip.pt", tmp_path)
    assert [modulator.name, generator.name] == ["ffclip-modulator.safetensors", "ffclip-generator.safetensors"]
    both = modulator.stat().st_size + generator.stat().st_size
    assert both < 0.55 * (folder / "ffclip.pt").stat().st_size
    exact, stored = load_modulator(folder / "ffclip.pt"), load_file(modulator)
    for key, value in exact.state_dict().items():
        assert torch.equal(stored[key], value.half())
