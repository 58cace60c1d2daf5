"""A step of each stage beside its plain published form."""

from __future__ import annotations

import re
from pathlib import Path

import fresh
import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

# In a process of its own: the plain form takes the place of ours in all of it. The losses of both are kept.
COMPARED = """
import contextlib, sys
from ffclip.ffclip_core.training import compare_steps
compare_steps.COMPARED = ("text", "autoencoder")
compare_steps._PICTURES, compare_steps._WARM = 40, 1
compare_steps.cores = lambda: 1
compare_steps.workers_for = lambda batches, device: 1
compare_steps.read_settings = lambda of=compare_steps.read_settings, **given: of(
    **{**given, "precision": "float32", "text": given.get("text", {}) | {"batch": 4},
       "autoencoder": given.get("autoencoder", {}) | {"batch": 4, "losses": {"latent_l2": 0}}})
sys.argv = ["compare_steps", "--size", "16", "--steps", "2"]
compare_steps.tempfile.TemporaryDirectory = lambda: contextlib.nullcontext("kept")
compare_steps.main()
"""


@pytest.mark.slow
def test_the_table_has_each_stage_and_both_forms_compute_the_same(tmp_path: Path) -> None:
    table = fresh.run(COMPARED, cwd=tmp_path)
    for stage in ("text", "autoencoder"):
        row = re.search(rf"^\| {stage} \| 4 \| ([\d.]+) \| ([\d.]+) \| [\d.]+ \| \d+% \|$", table, re.MULTILINE)
        assert row and min(map(float, row.groups())) > 0, table
        logs = [
            (tmp_path / "kept" / form / "training" / stage / "log.csv").read_text().splitlines()
            for form in ("ours", "plain")
        ]
        assert logs[0][0] == logs[1][0] and len(logs[0]) == len(logs[1]) > 1
        for one, other in zip(logs[0][1:], logs[1][1:], strict=True):
            values = zip(map(float, one.split(",")), map(float, other.split(",")), strict=True)
            assert all(a == pytest.approx(b, rel=1e-3) for a, b in values), (one, other)
