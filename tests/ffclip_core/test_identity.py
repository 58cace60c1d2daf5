"""ArcFace's IR-SE50 against stored embeddings, and its file."""

from __future__ import annotations

from pathlib import Path

import golden
import layouts
import pytest
import torch
from ffclip.ffclip_core import CheckpointError, InputError, load_encoder, load_identity, save_part
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.networks.identity import Identity

SMALL = {"embed_dim": 24, "input_size": 32, "widths": (16, 32, 48, 64), "blocks": (1, 2, 1, 1)}


@pytest.fixture(scope="module")
def small() -> Identity:
    return golden.fill(Identity(**SMALL), "arcface").requires_grad_(False)


@pytest.mark.slow
@torch.inference_mode()
def test_embeddings_are_the_stored_ones() -> None:
    with torch.device("meta"):
        network = Identity()
    network = golden.fill(network.to_empty(device="cpu"), "arcface")
    io = golden.tensors("arcface")
    for side in (64, 256, 320):
        found = network.embed(golden.pictures(f"face/{side}/a", side))
        assert golden.error(found, io[f"features_{side}_a"]) < golden.OPERATORS


def test_the_published_network_has_the_published_tensors() -> None:
    with torch.device("meta"):
        found = Identity().state_dict()
    assert {key: list(value.shape) for key, value in found.items()} == golden.table("keys")["identity"]


def test_the_published_file_and_our_own(small: Identity, tmp_path: Path) -> None:
    path, own = tmp_path / "model_ir_se50.pth", tmp_path / "identity.safetensors"
    layouts.arcface(path, small)
    save_part(own, small, torch.float32)
    for file in (path, own):
        found = load_identity(file)
        assert found.architecture == small.architecture and not found.training
        assert all(torch.equal(value, small.state_dict()[key]) for key, value in found.state_dict().items())
    assert read_parts(path)["identity"].describe() == "identity network, 24 wide (ArcFace)"
    assert not read_parts(path)["identity"].notes


def test_asked_for_as_another_part_it_says_what_it_is(small: Identity, tmp_path: Path) -> None:
    layouts.arcface(tmp_path / "model_ir_se50.pth", small)
    with pytest.raises(CheckpointError, match=r"holds the identity network \(ArcFace, which tells faces apart\)"):
        load_encoder(tmp_path / "model_ir_se50.pth")


def test_other_networks_that_tell_faces_apart_are_named(small: Identity, tmp_path: Path) -> None:
    plain = {key: value for key, value in small.state_dict().items() if ".res_layer.5." not in key}
    torch.save(plain, tmp_path / "ir_50.pth")
    with pytest.raises(CheckpointError, match=r"is ArcFace.* without squeeze-and-excitation .*FFCLIP takes IR-SE50"):
        load_identity(tmp_path / "ir_50.pth")


def test_embeddings_have_length_1_and_look_at_the_face_alone(small: Identity) -> None:
    x = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = small.embed(x)
    assert found.shape == (2, 24) and found.dtype == torch.float32
    assert golden.error(found.norm(dim=1), torch.ones(2)) < golden.OPERATORS
    around, inside = x.clone(), x.clone()
    for rows, columns in (
        (slice(0, 35), slice(None)),
        (slice(223, None), slice(None)),
        (slice(None), slice(0, 32)),
        (slice(None), slice(220, None)),
    ):
        around[:, :, rows, columns] = 0
    inside[:, :, 35, 32] = 1
    assert torch.equal(small.embed(around), found) and not torch.equal(small.embed(inside), found)


def test_gradients_reach_pictures_of_any_size(small: Identity) -> None:
    network = Identity(**SMALL).double().eval().requires_grad_(False)
    network.load_state_dict(small.state_dict())
    stream = torch.Generator().manual_seed(0)
    x, step = (torch.randn(1, 3, 40, 50, dtype=torch.float64, generator=stream) for _ in range(2))
    aim = network.embed(-x)
    (slope,) = torch.autograd.grad((network.embed(x.requires_grad_()) * aim).sum(), x)
    with torch.no_grad():
        change = ((network.embed(x + 1e-6 * step) - network.embed(x - 1e-6 * step)) * aim).sum() / 2e-6
    assert golden.error(change, (slope * step).sum()) < 1e-5


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 0, 64)])
def test_what_are_no_pictures_is_refused(shape: tuple, small: Identity) -> None:
    with pytest.raises(
        InputError, match=rf"The identity network takes pictures .*given \[{', '.join(map(str, shape))}\]"
    ):
        small.embed(torch.zeros(shape))
