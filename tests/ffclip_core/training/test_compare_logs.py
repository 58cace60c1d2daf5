"""Two runs' losses beside each other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ffclip.ffclip_core.training import compare_logs
from PIL import Image


def test_the_farthest_step_of_each_loss_is_told_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.csv").write_text("step,l1,r1\n1,2.0,\n2,1.0,4.0\n")
    (tmp_path / "two.csv").write_text("step,l1,r1\n1,2.0,\n2,1.01,4.0\n")
    given = [str(tmp_path / "one.csv"), str(tmp_path / "two.csv"), "--names", "a,b", "--plot", str(tmp_path / "x.png")]
    monkeypatch.setattr(sys, "argv", ["compare_logs", *given])
    compare_logs.main()
    assert capsys.readouterr().out.splitlines()[2:] == ["| l1 | 1.0e-02 | 2 |", "| r1 | 0.0e+00 | 2 |"]
    with Image.open(tmp_path / "x.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 20


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("step,l1\n1,2.0\n", "the same losses"),
        ("step,l1,r1\n3,2.0,1\n", "the same losses"),
        ("", "the same losses"),
        ("l1\n2.0\n", "is no log.csv"),
        ("step,l1,r1\n1,2.0,x\n", "is no log.csv"),
    ],
)
def test_runs_that_can_not_be_compared(
    other: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.csv").write_text("step,l1,r1\n1,2.0,3.0\n")
    (tmp_path / "two.csv").write_text(other)
    monkeypatch.setattr(sys, "argv", ["compare_logs", str(tmp_path / "one.csv"), str(tmp_path / "two.csv")])
    with pytest.raises(SystemExit):
        compare_logs.main()
    printed = capsys.readouterr()
    assert told in printed.err and not printed.out
