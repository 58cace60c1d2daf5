"""The benchmark, on networks small enough for a test: what it measures is real, only narrower."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import golden
import pytest
import torch
from ffclip.ffclip_core.benchmark import __main__ as benchmark
from ffclip.ffclip_core.benchmark import measure, peer
from ffclip.ffclip_core.encoder import Encoder
from PIL import Image


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "ROUNDS", 1)
    monkeypatch.setattr(benchmark, "CHANNELS", dict.fromkeys(benchmark.CHANNELS, 4))
    small = partial(Encoder, widths=(16, 24, 32, 48), blocks=(1, 1, 1, 1), pyramid_width=16)
    monkeypatch.setattr(benchmark, "Encoder", lambda **_: small())


def test_a_report_has_every_figure(narrow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--quick", "--out", str(tmp_path), "--device", "cpu"])
    assert benchmark.main() == 0
    (table,), (data,), (plot,) = (list(tmp_path.glob(f"*{ending}")) for ending in (".md", ".json", ".png"))
    results = json.loads(data.read_text())
    for row in results["synthesis"]:
        assert row["difference"] < 1e-5 and row["seconds"]["float32"] > 0
        assert f"| {row['size']} | {row['batch']} |" in table.read_text(encoding="utf-8")
    verdicts = re.findall(r"\| (reached|missed) \|", table.read_text(encoding="utf-8"))
    assert len(verdicts) == 8 - 3 * ("bfloat16" not in results["synthesis"][0]["seconds"])
    assert "| missed |" in table.read_text(encoding="utf-8"), "so narrow a network is not fast"
    assert results["partial"]["quarter"] < results["partial"]["whole"]
    assert results["encoder"]["difference"] < 1e-5
    assert set(results["loading"]["seconds"]) >= {"as published", "converted to float16", "the ordinary way"}
    assert Image.open(plot).size[0] > 100


def test_the_plain_encoder_is_the_encoder() -> None:
    encoder = Encoder(6, 24, (64, 64), (16, 32, 48, 64), (1, 2, 1, 1), 64)
    with torch.no_grad():
        for value in encoder.state_dict().values():
            value.copy_(torch.rand(value.shape, generator=torch.Generator().manual_seed(1)) + 0.1)
        x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
        found = peer.encode(encoder.eval(), x)
        assert golden.difference(encoder(x), found) < 1e-5 * float(found.abs().max())


def test_memory_is_measured_where_it_can_be() -> None:
    size = 64 << 20
    found = measure.peak_memory(lambda: torch.ones(size // 4), torch.device("cpu"))
    # Linux counts pages per processor and adds them up late: some hundred kB are not in the sum yet.
    assert found is None or size - (1 << 20) <= found < size + (16 << 20)


def test_cases_take_turns() -> None:
    calls: list[str] = []
    cases = {name: partial(calls.append, name) for name in "ab"}
    seconds = measure.interleaved(cases, torch.device("cpu"), 1e-9)
    assert calls == ["a", "b", "a", "b"] and set(seconds) == {"a", "b"}
