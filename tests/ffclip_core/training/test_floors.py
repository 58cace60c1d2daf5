"""Three floors: commands, the drawn domain, what knows of no domain. Each imports only those below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOM = Path(__file__).parents[3] / "ffclip_core" / "training"
COMMANDS = {
    "judge",
    "train_aligner",
    "evaluate",
    "evaluate_aligner",
    "evaluate_in_place",
    "list_known_words",
    "write_folder",
    "plot_steps",
    "compare_logs",
    "compare_steps",
    "__main__",
}
DOMAINS = {"avatars", "people", "cars", "churches"}
DRAWING_ALONE = {"dicebear", "resvg_py"}


def imported(path: Path) -> set[str]:
    """What a file imports: modules of this room by their first name in it, others by their package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            here = len(path.relative_to(ROOM).parts)
            if node.level > here or not node.level:
                names.add((node.module or "").partition(".")[0])
            elif node.level == here:
                names |= {node.module.partition(".")[0]} if node.module else {alias.name for alias in node.names}
    return names


def test_every_command_is_there_and_can_be_run() -> None:
    runnable = {path.stem for path in ROOM.rglob("*.py") if '__name__ == "__main__"' in path.read_text("utf-8")}
    assert runnable == COMMANDS


@pytest.mark.parametrize("path", sorted(ROOM.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOM)))
def test_nothing_imports_a_command_and_what_is_general_knows_of_no_domain(path: Path) -> None:
    names = imported(path)
    assert not names & COMMANDS, "a command is run, not imported"
    if not DOMAINS & set(path.parts) and path.stem not in COMMANDS:
        assert not names & (DOMAINS | DRAWING_ALONE)
