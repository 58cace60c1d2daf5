"""Every training command for a few steps, one after another, as the model card lists them."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("dicebear", reason="training needs the extra `train`")
pytest.importorskip("resvg_py", reason="training needs the extra `train`")

from ffclip import run as program
from ffclip.ffclip_core import Editor

PACKAGE = Path(__file__).parents[3]


def command(folder: Path, name: str, *arguments: object) -> str:
    """Run a training command as a user does, with the package importable as `ffclip`."""
    parent = folder / "path"
    if not parent.exists():
        parent.mkdir()
        program.link(PACKAGE, parent / "ffclip")
    done = subprocess.run(
        [sys.executable, "-m", f"ffclip.ffclip_core.training.{name}", *map(str, arguments)],
        cwd=parent,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def steps(run: Path) -> list[int]:
    with (run / "log.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def test_the_commands_make_a_family_that_loads_and_is_measured(tmp_path: Path) -> None:
    names = ("data", "judge", "clip", "generator", "encoder", "blocks")
    data, judge, clip, generator, encoder, blocks = (tmp_path / name for name in names)
    command(tmp_path, "draw_dataset", data, "--count", 60)
    few = ("--steps", 50, "--batch", 4, "--workers", 1)
    command(tmp_path, "judge", data, judge, *few)
    command(tmp_path, "train_clip", data, clip, *few)
    command(tmp_path, "train_generator", data, generator, "--steps", 50, "--batch", 2, "--workers", 2)
    command(tmp_path, "train_encoder", data, encoder, *few)
    parts = ("--generator", generator, "--encoder", encoder, "--clip", clip / "clip.pt")
    command(tmp_path, "train_modulator", data, blocks, *parts, "--steps", 50, "--batch", 8, "--workers", 1)
    assert [steps(run) for run in (judge, clip, generator, encoder, blocks)] == [[50]] * 5
    for run in (generator, encoder):
        (run / f"{run.name}.safetensors").rename(blocks / f"{run.name}.safetensors")
    editor = Editor.from_folder(blocks)
    assert (editor.generator.size, editor.generator.num_layers) == (64, 10)
    assert sum(path.stat().st_size for path in blocks.glob("*.safetensors")) < 40_000_000
    table = tmp_path / "evaluation.md"
    command(
        tmp_path, "evaluate", judge / "judge.pt", "--models", blocks, "--count", 64, "--per-prompt", 4, "--out", table
    )
    text = table.read_text()
    assert "all single prompts" in text and "pair, unseen" in text and "paraphrase, new word" in text
    assert table.with_suffix(".png").exists()


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    command(tmp_path, "draw_dataset", tmp_path / "data", "--count", 20)
    for total in (70, 150):
        command(tmp_path, "judge", tmp_path / "data", tmp_path / "run", "--steps", total, "--batch", 2, "--workers", 1)
    assert steps(tmp_path / "run") == [50, 100, 150]
    # A run that was cut off after its last checkpoint takes those steps again.
    log = tmp_path / "run" / "log.csv"
    log.write_text(log.read_text() + "200,1.0\n")
    command(tmp_path, "judge", tmp_path / "data", tmp_path / "run", "--steps", 150, "--batch", 2, "--workers", 1)
    assert steps(tmp_path / "run") == [50, 100, 150]
