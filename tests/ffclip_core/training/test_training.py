"""Every command of the avatars for two steps, one after another, as the model card lists them: that they fit together.

What they compute is tested beside this: losses, loop, facts, codes, finishing, the drawn domain and its evaluation.
"""

import re
from pathlib import Path

import fresh
import pytest

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.bootstrap.links import link
from ffclip.ffclip_core import EMBEDDED, Editor
from ffclip.ffclip_core.dev import ROOT

# As `python -m` runs them, in one process; "copy" copies. What is measured is thinned out: test_captions.py has all
# prompts, test_wide.py and test_drawn.py have all kinds of pictures.
COMMANDS = """
import runpy, shutil, sys
from ffclip.ffclip_core.training.avatars import framings
from ffclip.ffclip_core.training.avatars.domain import Avatars
for kind in framings.KINDS.keys() - {"whole drawing", "cut to a circle", "mirrored", "all at once"}:
    del framings.KINDS[kind]
Avatars.questions = list({question.kind: question for question in Avatars.questions}.values())
for line in sys.argv[1:]:
    name, *arguments = line.split()
    sys.argv = [name, *arguments]
    if name == "copy":
        shutil.copy(*arguments)
    else:
        runpy.run_module("ffclip.ffclip_core.training." + name, run_name="__main__", alter_sys=True)
"""

AVATARS = "ffclip.ffclip_core.training.avatars.domain:AVATARS"


@pytest.mark.slow
def test_the_commands_make_an_aligner_and_measure_a_family(tmp_path: Path) -> None:
    link(ROOT, tmp_path / "ffclip")
    few = "--workers 1 --batch 4 --steps 2 --device cpu"
    parts = [f"copy {path} models" for path in sorted(EMBEDDED.glob("*.safetensors")) if path.stem != "aligner"]
    (tmp_path / "models").mkdir()
    lines = [
        f"judge data judge {few} --pictures 4 --domain {AVATARS}",
        *parts,
        f"evaluate judge/judge.pt --domain {AVATARS} --models models --count 3 --per-prompt 1 --out evaluation.md",
        f"train_aligner data models/aligner {few} --drawings 3",
        f"copy {EMBEDDED / 'family.json'} models",
        "list_known_words --out models/known.json",
        "copy models/aligner/aligner.safetensors models",
        "evaluate_aligner judge/judge.pt --models models --count 1 --out aligner.md",
        "evaluate_in_place judge/judge.pt --models models --count 1 --out in-place.md",
    ]
    fresh.run(COMMANDS, *lines, cwd=tmp_path)
    editor = Editor.from_folder(tmp_path / "models")
    assert (editor.generator.size, editor.generator.num_layers, editor.generator.family) == (64, 10, "avatars")
    text = (tmp_path / "evaluation.md").read_text("utf-8")
    for kind in ("all single prompts", "pair, unseen", "paraphrase, new word"):
        row = re.search(rf"^\| {kind} \|.*", text, re.MULTILINE)
        assert row and len(shares := re.findall(r"([\d.]+) % \|", row[0])) == 5, text
        assert all(0 <= float(share) <= 100 for share in shares), row[0]
    aligned = (tmp_path / "aligner.md").read_text("utf-8")
    assert re.search(r"^\| cut to a circle \|( ([\d.]+ %|–) \|){8}$", aligned, re.MULTILINE), aligned
    for picture in ("evaluation", "models/aligner/cells"):
        assert (tmp_path / f"{picture}.png").exists()
