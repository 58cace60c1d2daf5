"""The modulation blocks against the float64 numbers of the reference implementation."""

from __future__ import annotations

from pathlib import Path

import golden
import layouts
import pytest
import torch
from ffclip.ffclip_core import InputError, load_modulator
from ffclip.ffclip_core.networks.modulation import Modulator

# They compute in float64 and give float32: what they are off must not show there.
EXACT = torch.finfo(torch.float32).eps


@pytest.mark.parametrize(
    ("name", "family"),
    [("ffclip_18", "ffclip"), ("ffclip_18_initscale", "ffclip_init"), ("ffclip_16", "ffclip"), ("ffclip_14", "ffclip")],
)
def test_delta_every_block_and_every_alignment_map(name: str, family: str, tmp_path: Path) -> None:
    """Of weights that come from a published file."""
    io = golden.tensors(name)
    layouts.ffclip(tmp_path / "ffclip.pt", golden.fill(Modulator(num_layers=io["w"].shape[1]), family), None)
    modulator = load_modulator(tmp_path / "ffclip.pt")
    (tmp_path / "ffclip.pt").unlink()
    with torch.inference_mode():
        found = modulator.modulate(io["w"], io["e"])
        e, whole = io["e"][:, 0].double(), io["w"].double()
        for block in modulator.blocks:
            whole, _ = block(whole, e)
        assert golden.error(whole, io["delta_w_fp64"]) < EXACT
        assert torch.equal(found.delta, whole.float())
        x = io["w"].double()
        for i, block in enumerate(modulator.blocks):
            x, s = block(x, e)
            if i < 3:
                assert golden.error(x, io[f"block{i}.out_fp64"]) < EXACT
            if f"block{i}.S" in io:
                # These were computed in float32, which is only as exact as this here.
                assert golden.error(s, io[f"block{i}.S"][..., 0]) < 3e-3
            assert golden.error(found.alignment[:, i], s) < EXACT
            x = io[f"block{i}.out_fp64"] if i < 3 else x
        assert torch.equal(modulator(io["w"], io["e"][:, 0]), found.delta)
    assert found.delta.dtype == torch.float32
    assert found.alignment.shape == (3, 4, io["w"].shape[1])
    assert golden.error(found.alignment.sum(2), torch.ones(3, 4)) < golden.rounding(18)


def test_the_keys_are_those_of_published_files() -> None:
    modulator = Modulator(num_layers=18)
    expected = golden.table("keys")["modulator"]
    unused = {key for key in expected if ".fc." in key}  # In the files, but in no formula.
    found = {key: list(value.shape) for key, value in modulator.state_dict().items()}
    assert found == {key: shape for key, shape in expected.items() if key not in unused}


def test_weights_stored_in_float16_are_used_in_float64() -> None:
    io = golden.tensors("ffclip_18")
    modulator = golden.fill(Modulator(num_layers=18), "ffclip", half=True)
    with torch.inference_mode():
        wanted = modulator(io["w"], io["e"])
        assert torch.equal(modulator.half()(io["w"], io["e"]), wanted)


def test_other_shapes_are_refused() -> None:
    modulator = Modulator(num_layers=10, latent_dim=32)
    with pytest.raises(InputError, match=r"\[batch, 10, 32\].*\[1, 18, 32\]"):
        modulator(torch.zeros(1, 18, 32), torch.zeros(1, 32))
    with pytest.raises(InputError, match=r"32 values per code \(2 codes\).*\[1, 64\]"):
        modulator(torch.zeros(2, 10, 32), torch.zeros(1, 64))


def test_many_codes_are_as_each_alone() -> None:
    torch.manual_seed(0)
    modulator = Modulator(num_layers=10, latent_dim=24, num_blocks=2).eval()
    w, e = torch.randn(37, 10, 24), torch.randn(37, 24)
    found = modulator.modulate(w, e)
    for i in (0, 15, 16, 36):
        alone = modulator.modulate(w[i : i + 1], e[i : i + 1])
        # Both are computed in float64, and rounded to float32 at the end.
        assert golden.error(found.delta[i], alone.delta[0]) < golden.rounding(1, layers=8)
        assert golden.error(found.alignment[i], alone.alignment[0]) < golden.rounding(1, layers=8)
    assert found.delta.shape == w.shape and found.alignment.shape == (37, 2, 10)
    assert modulator.modulate(w[:0], e[:0]).delta.shape == (0, 10, 24)


def test_nan_and_infinity_are_refused_with_their_place() -> None:
    modulator = Modulator(num_layers=10, latent_dim=24, num_blocks=1)
    w, e = torch.zeros(2, 10, 24), torch.zeros(2, 24)
    bad = w.clone()
    bad[1, 2, 3] = torch.inf
    with pytest.raises(InputError, match=r"codes hold the value inf \(picture 1, layer 2, channel 3"):
        modulator(bad, e)
    e[1, 4] = torch.nan
    with pytest.raises(InputError, match=r"text embeddings hold the value nan \(prompt 1, channel 4"):
        modulator(w, e[:, None])
