"""The published weights are those of the documentation's table, and every loss has one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ffclip.ffclip_core.training.losses.weights import PUBLISHED

DOCUMENT = Path(__file__).parents[3] / "docs" / "training-losses.md"


def test_the_table_says_what_the_settings_begin_with() -> None:
    table: dict[str, dict[str, tuple[float, int]]] = {}
    part = ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            part = line.removeprefix("## ").lower()
        elif found := re.match(r"\| `(\w+)` \|.*\| ([\d.e-]+)(?:, every (\d+))? \|[^|]*\|$", line):
            table.setdefault(part, {})[found[1]] = (float(found[2]), int(found[3] or 1))
    assert table == {
        part: {name: (loss.value, loss.every) for name, loss in losses.items()} for part, losses in PUBLISHED.items()
    }


@pytest.mark.parametrize("part", PUBLISHED)
def test_weights_say_where_they_are_from(part: str) -> None:
    assert all(loss.value > 0 and loss.source for loss in PUBLISHED[part].values())
