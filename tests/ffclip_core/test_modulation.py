"""The modulation blocks against the float64 numbers of the reference implementation."""

from __future__ import annotations

from pathlib import Path

import golden
import layouts
import pytest
import torch
from ffclip.ffclip_core import InputError, load_modulator
from ffclip.ffclip_core.modulation import Modulator


@pytest.mark.parametrize(
    ("name", "family"),
    [("ffclip_18", "ffclip"), ("ffclip_18_initscale", "ffclip_init"), ("ffclip_16", "ffclip"), ("ffclip_14", "ffclip")],
)
def test_delta_every_block_and_every_alignment_map(name: str, family: str, tmp_path: Path) -> None:
    """Of weights that come from a published file."""
    io = golden.tensors(name)
    layouts.ffclip(tmp_path / "ffclip.pt", golden.fill(Modulator(io["w"].shape[1]), family), None)
    modulator = load_modulator(tmp_path / "ffclip.pt")
    (tmp_path / "ffclip.pt").unlink()
    with torch.inference_mode():
        found = modulator.modulate(io["w"], io["e"])
        e, whole = io["e"][:, 0].double(), io["w"].double()
        for block in modulator.blocks:
            whole, _ = block(whole, e)
        assert golden.difference(whole, io["delta_w_fp64"]) < 1e-7
        assert torch.equal(found.delta, whole.float())
        x = io["w"].double()
        for i, block in enumerate(modulator.blocks):
            x, s = block(x, e)
            if i < 3:
                assert golden.difference(x, io[f"block{i}.out_fp64"]) < 1e-7
            if f"block{i}.S" in io:
                # These were computed in float32, which is only as exact as this here.
                assert golden.difference(s, io[f"block{i}.S"][..., 0]) < 3e-3
            assert golden.difference(s, found.alignment[:, i]) < 1e-6
            x = io[f"block{i}.out_fp64"] if i < 3 else x
        assert torch.equal(modulator(io["w"], io["e"][:, 0]), found.delta)
    assert found.delta.dtype == torch.float32
    assert found.alignment.shape == (3, 4, io["w"].shape[1])
    assert golden.difference(found.alignment.sum(2), torch.ones(3, 4)) < 1e-5


def test_the_keys_are_those_of_published_files() -> None:
    modulator = Modulator(18)
    expected = golden.table("keys")["modulator"]
    unused = {key for key in expected if ".fc." in key}  # In the files, but in no formula.
    found = {key: list(value.shape) for key, value in modulator.state_dict().items()}
    assert found == {key: shape for key, shape in expected.items() if key not in unused}


def test_weights_stored_in_float16_are_used_in_float64() -> None:
    io = golden.tensors("ffclip_18")
    modulator = golden.fill(Modulator(18), "ffclip", half=True)
    with torch.inference_mode():
        wanted = modulator(io["w"], io["e"])
        assert torch.equal(modulator.half()(io["w"], io["e"]), wanted)


def test_other_shapes_are_refused() -> None:
    modulator = Modulator(10, 32)
    with pytest.raises(InputError, match=r"\[batch, 10, 32\].*\[1, 18, 32\]"):
        modulator(torch.zeros(1, 18, 32), torch.zeros(1, 32))
    with pytest.raises(InputError, match=r"32 values per code \(2 codes\).*\[1, 64\]"):
        modulator(torch.zeros(2, 10, 32), torch.zeros(1, 64))
