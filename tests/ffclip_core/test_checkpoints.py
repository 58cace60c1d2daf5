"""Our own files: what is written is read again, and everything else is refused in one sentence, without running it."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ffclip.ffclip_core import (
    EMBEDDED,
    CheckpointError,
    load_encoder,
    load_generator,
    load_modulator,
    load_text_encoder,
    save_part,
)
from ffclip.ffclip_core.networks.encoder import Encoder
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from safetensors import safe_open
from safetensors.torch import save_file

PARTS = {
    "generator": (load_generator, lambda: Generator(16, {4: 8, 8: 8, 16: 4}, 16, 2, family="toys")),
    "encoder": (load_encoder, lambda: Encoder(6, 16, (64, 48), (16, 16, 16, 32), (1, 1, 2, 1), 24, family="toys")),
    "modulator": (load_modulator, lambda: Modulator(6, 16, 3, family="toys")),
    "text_encoder": (load_text_encoder, lambda: TextEncoder(16, 32, 2, 1, family="toys")),
}


def sentence(load: Callable, path: Path) -> str:
    """What the loader says about a bad file: one line, one sentence, with the file's name."""
    with pytest.raises(CheckpointError) as caught:
        load(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message and message.endswith((".", "there.", "link."))
    return message


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_part_comes_back_as_it_was_written(part: str, dtype: torch.dtype, tmp_path: Path) -> None:
    load, build = PARTS[part]
    network, path = build(), tmp_path / "any name.safetensors"
    save_part(path, network, dtype)
    state = torch.get_rng_state()
    loaded = load(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert loaded.architecture == network.architecture and loaded.family == "toys" and not loaded.training
    for key, value in network.state_dict().items():
        found = loaded.state_dict()[key]
        assert found.dtype == value.dtype and found.device.type == "cpu"
        assert torch.equal(found, value.to(dtype).to(value.dtype))
    # Constants that no file holds are in their place too.
    assert all(not buffer.is_meta for buffer in loaded.buffers())


def test_what_float16_cannot_hold_stays_in_float32(tmp_path: Path) -> None:
    encoder = PARTS["encoder"][1]()
    variance = encoder.state_dict()["body.0.res_layer.4.running_var"].fill_(1e6)
    save_part(tmp_path / "encoder.safetensors", encoder)
    loaded = load_encoder(tmp_path / "encoder.safetensors").state_dict()
    assert torch.equal(loaded["body.0.res_layer.4.running_var"], variance)


def test_weights_live_on_when_their_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    save_part(path, PARTS["generator"][1](), torch.float32)
    code = (
        "import sys; from ffclip.ffclip_core import load_generator; g = load_generator(sys.argv[1]);"
        "open(sys.argv[1], 'wb').close(); print(sum(p.sum().item() for p in g.parameters()))"
    )
    subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True)


def test_heads_that_do_not_divide_the_width(tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    network = PARTS["text_encoder"][1]()
    architecture = json.dumps({**network.architecture, "heads": 3})
    metadata = {"format": "ffclip", "part": "text_encoder", "family": "", "architecture": architecture}
    save_file(network.state_dict(), path, metadata)
    assert "describes no text encoder that can be built" in sentence(load_text_encoder, path)


@pytest.mark.parametrize("part", PARTS)
def test_the_embedded_family_is_small_and_says_what_it_is(part: str) -> None:
    path = EMBEDDED / f"{part}.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["part"], metadata["family"]) == ("ffclip", part, "avatars")
    assert PARTS[part][0](path).family == "avatars"
    assert sum(file.stat().st_size for file in EMBEDDED.glob("*.safetensors")) < 40_000_000


def test_a_missing_file(tmp_path: Path) -> None:
    assert "There is no file" in sentence(load_generator, tmp_path / "gone.safetensors")
    assert "There is no file" in sentence(load_generator, tmp_path)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("other", PARTS)
def test_the_file_of_another_part(part: str, other: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_part(path, PARTS[other][1]())
    if part != other:
        message = sentence(PARTS[part][0], path)
        assert f"holds the {other.replace('_', ' ')}" in message and part.replace("_", " ") in message


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n <!DOCTYPE html><html><body>Sign in to download</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git-lfs pointer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "is a picture (PNG), not a model"),
        (b"\xff" * 64, "no model file"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{", "no model file"),
        ((2).to_bytes(8, "little") + b"{}", "holds no model that FFCLIP knows"),
        ((4).to_bytes(8, "little") + b"[[[[", "no model file"),
    ],
    ids=["empty", "page", "lfs", "picture", "noise", "huge-header", "no-tensors", "no-json"],
)
def test_a_file_that_is_no_model(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    for load, _ in PARTS.values():
        assert says in sentence(load, path)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_refused_and_nothing_in_it_runs(protocol: int, tmp_path: Path) -> None:
    path, mark = tmp_path / "model.safetensors", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Bomb(mark), protocol))
    sentence(load_generator, path)
    torch.save({"g_ema": Bomb(mark)}, path)
    assert "nothing was run" in sentence(load_generator, path)
    assert not mark.exists()


def test_a_file_cut_anywhere(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    save_part(whole, PARTS["generator"][1]())
    content = whole.read_bytes()
    for length in [*range(1, 64, 9), *range(64, len(content), len(content) // 25), len(content) - 1]:
        cut.write_bytes(content[:length])
        sentence(load_generator, cut)


def _rewrite(path: Path, change: Callable[[dict, dict], None]) -> None:
    """A generator's file whose tensors and architecture were changed."""
    network = PARTS["generator"][1]()
    tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
    architecture = network.architecture
    change(tensors, architecture)
    metadata = {"format": "ffclip", "part": "generator", "family": "", "architecture": json.dumps(architecture)}
    save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t, a: t.pop("input.input"), "it lacks the tensor 'input.input'"),
        (lambda t, a: t.update(extra=torch.zeros(1)), "tensor 'extra' that has no place in it"),
        (
            lambda t, a: t.update({"input.input": torch.zeros(1, 8, 5, 4)}),
            r"shape [1, 8, 5, 4] instead of [1, 8, 4, 4]",
        ),
        (lambda t, a: a.update(latent_dim=10**12), "describes no generator that can be built"),
        (lambda t, a: a.update(latent_dim=199_999, num_mapping_layers=50), "impossibly large"),
        (lambda t, a: a.update(latent_dim=-1), "describes no generator that can be built"),
        (lambda t, a: a.update(latent_dim="16"), "describes no generator that can be built"),
        (lambda t, a: a.update(size=17), "describes no generator that can be built"),
        (lambda t, a: a.update(size=1024), "describes no generator that can be built"),
        (lambda t, a: a.update(channels={"4": 8}), "describes no generator that can be built"),
        (lambda t, a: a.update(channels=[8] * 1000), "describes no generator that can be built"),
        (lambda t, a: a.update(colour=3), "describes no generator that can be built"),
        (lambda t, a: a.clear(), "describes no generator that can be built"),
        (lambda t, a: a.update(num_mapping_layers=199_999), "199999 layers, but"),
        (lambda t, a: t.update({"input.input": torch.zeros(1, 8, 4, 4, dtype=torch.int32)}), "stored as torch.int32"),
        (lambda t, a: t.update(latent_avg=torch.zeros(16, dtype=torch.bool)), "stored as torch.bool"),
        (lambda t, a: t.update(latent_avg=torch.zeros(16, dtype=torch.complex64)), "of the unknown kind C64"),
        (lambda t, a: t.update(latent_avg=torch.full((16,), torch.nan)), "values that are no numbers"),
        (lambda t, a: t.update(latent_avg=torch.full((16,), 1e300, dtype=torch.float64)), "values that are no numbers"),
    ],
)
def test_a_file_whose_parts_contradict_each_other(change: Callable, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    _rewrite(path, change)
    assert re.search(re.escape(says), sentence(load_generator, path))
