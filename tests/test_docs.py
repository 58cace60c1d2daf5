"""What the documentation names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_each_kind_of_file_in_the_table_has_its_test() -> None:
    table = (ROOT / "docs" / "model-files.md").read_text(encoding="utf-8")
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    tests = set(re.findall(r"^def (test_\w+)\(", "\n".join(files.values()), re.MULTILINE))
    named = set(re.findall(r"`(test_\w+)[`\[]", table))
    assert len(named) > 40
    assert named <= tests
    assert set(re.findall(r"(test_\w+\.py)", table)) <= files.keys()
