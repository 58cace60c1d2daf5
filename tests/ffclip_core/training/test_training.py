"""Every training command for a few steps, one after another, as the model card lists them.

What their losses, the loop and the evaluation compute: test_losses.py, test_loop.py, test_evaluate.py.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("dicebear", reason="training needs the extra `train`")
pytest.importorskip("resvg_py", reason="training needs the extra `train`")

from ffclip import run as program
from ffclip.ffclip_core import Editor
from ffclip.ffclip_core.training.avatars.avatar import label_row, sample
from ffclip.ffclip_core.training.avatars.dataset import load
from ffclip.ffclip_core.training.avatars.drawing import draw

# As `python -m` runs them, in one process, which imports torch once.
COMMANDS = """
import runpy, sys
for line in sys.argv[1:]:
    name, *arguments = line.split()
    sys.argv = [name, *arguments]
    runpy.run_module("ffclip.ffclip_core.training." + name, run_name="__main__", alter_sys=True)
"""


def run(folder: Path, *lines: str) -> None:
    """Run training commands in this folder, which has the package as `ffclip`."""
    command = [sys.executable, "-c", COMMANDS, *lines]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_the_commands_make_a_family_that_loads_and_is_measured(tmp_path: Path) -> None:
    program.link(program.ROOT, tmp_path / "ffclip")
    few = "--workers 1 --batch 4 --steps 2"
    run(
        tmp_path,
        "draw_dataset data --count 24",
        "judge data judge --workers 1 --batch 4 --steps 50",
        f"train_clip data clip {few}",
        f"train_generator data generator {few}",
        f"train_encoder data encoder {few}",
        f"train_modulator data models --generator generator --encoder encoder --clip clip/clip.pt {few}",
    )
    data = load(tmp_path / "data")
    assert np.array_equal(data.pictures[0][7], draw(sample(7))), "row 7 is the avatar of seed 7"
    assert data.labels[:, 7].tolist() == [label_row(person) for person in (sample(7), sample(7).edit(data.facts[7]))]
    assert (tmp_path / "judge" / "log.csv").read_text().startswith("step,attributes\n50,")
    for name in ("generator", "encoder"):
        (tmp_path / name / f"{name}.safetensors").rename(tmp_path / "models" / f"{name}.safetensors")
    editor = Editor.from_folder(tmp_path / "models")
    assert (editor.generator.size, editor.generator.num_layers, editor.generator.family) == (64, 10, "avatars")
    assert sum(path.stat().st_size for path in (tmp_path / "models").glob("*.safetensors")) < 40_000_000
    run(tmp_path, "evaluate judge/judge.pt --models models --count 24 --per-prompt 1 --out evaluation.md")
    text = (tmp_path / "evaluation.md").read_text()
    for kind in ("all single prompts", "pair, unseen", "paraphrase, new word"):
        row = re.search(rf"^\| {kind} \|.*", text, re.MULTILINE)
        assert row and len(shares := re.findall(r"([\d.]+) % \|", row[0])) == 5, text
        assert all(0 <= float(share) <= 100 for share in shares), row[0]
    assert (tmp_path / "evaluation.png").exists()
