"""Measure a model family on avatars that training never saw, and write the tables that the model card quotes.

python -m ffclip.ffclip_core.training.evaluate JUDGE_RUN/judge.pt [--models FOLDER] [--count 512] [--out evaluation.md]

"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .. import EMBEDDED, Editor
from .avatars import evaluation as figures
from .avatars.judge import load_judge
from .avatars.prompts import SHEET_PROMPTS
from .avatars.report import picture, report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{figures.__doc__}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("judge", type=Path, help="judge.pt that the judge's training wrote")
    parser.add_argument("--models", type=Path, default=EMBEDDED, help="folder of the four parts")
    parser.add_argument("--count", type=int, default=512, help="how many avatars")
    parser.add_argument("--per-prompt", type=int, default=512, help="at most so many of them for each prompt")
    parser.add_argument("--out", type=Path, default=EMBEDDED / "evaluation.md", help="the table; a .png goes beside it")
    arguments = parser.parse_args()
    with torch.inference_mode():
        evaluation = figures.Evaluation(
            Editor.from_folder(arguments.models), load_judge(arguments.judge), arguments.count
        )
    text = report(evaluation, arguments.per_prompt)
    arguments.out.write_text(text, encoding="utf-8")
    picture(evaluation, range(min(10, arguments.count)), SHEET_PROMPTS, arguments.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
