"""Which devices count as fast in bfloat16, by what PyTorch tells of them, and autocast that does not reach inside."""

from __future__ import annotations

import pytest
import torch
from ffclip.ffclip_core.execution.precision import has_bfloat16, without_autocast


@pytest.mark.parametrize(
    ("capability", "hip", "has"),
    [((6, 1), None, False), ((7, 5), None, False), ((8, 0), None, True), ((9, 0), None, True), ((7, 0), "6.2", True)],
)
def test_gpus(capability: tuple[int, int], hip: str | None, has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """NVIDIA's since compute capability 8.0 (Ampere); all of AMD's that PyTorch runs on."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.version, "hip", hip)
    assert has_bfloat16(torch.device("cuda", 0)) == has


@pytest.mark.parametrize(
    ("avx512", "amx", "has"), [(True, True, True), (True, False, True), (False, True, True), (False, False, False)]
)
def test_processors(avx512: bool, amx: bool, has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert has_bfloat16(torch.device("cpu")) == has
    assert not has_bfloat16(torch.device("mps")) and not has_bfloat16(torch.device("xpu"))


def test_a_pytorch_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert not has_bfloat16(torch.device("cpu"))


def test_the_callers_autocast_changes_no_format() -> None:
    x = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        with without_autocast(torch.device("cpu")):
            assert (x @ x).dtype == torch.float32
        with without_autocast(torch.device("meta")):  # Which has no autocast of its own.
            assert (x @ x).dtype == torch.bfloat16
