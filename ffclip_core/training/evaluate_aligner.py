"""Measure the family's aligner on pictures as people have them, and write the table that the model card quotes.

python -m ffclip.ffclip_core.training.evaluate_aligner JUDGE_RUN/judge.pt [--models FOLDER] [--count 200]
    [--out aligner.md]

"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .. import EMBEDDED, Editor
from ..networks.aligner import Aligner
from .avatars import alignment_report as figures
from .evaluation.drawn_judge import load_judge


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{figures.__doc__}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("judge", type=Path, help="judge.pt that the judge's training wrote")
    parser.add_argument("--models", type=Path, default=EMBEDDED, help="folder of the family")
    parser.add_argument("--count", type=int, default=200, help="how many avatars in each kind of picture")
    parser.add_argument("--out", type=Path, default=EMBEDDED / "aligner.md", help="the table")
    arguments = parser.parse_args()
    editor = Editor.from_folder(arguments.models)
    if not isinstance(editor.aligner, Aligner):
        parser.error(f"{arguments.models} has no aligner of its own: name one in its family.json")
    with torch.inference_mode():
        measured = figures.Measuring(editor, editor.aligner, load_judge(arguments.judge), arguments.count)
        arguments.out.write_text(figures.report(measured, 5 * arguments.count), encoding="utf-8")


if __name__ == "__main__":
    main()
