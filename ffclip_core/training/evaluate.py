"""Measure a family of drawings on some that training never saw, and write the tables that the model card quotes.

python -m ffclip.ffclip_core.training.evaluate JUDGE_RUN/judge.pt --domain module:name [--models FOLDER] [--count 512]

"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from .. import EMBEDDED, Editor
from .brought import brought_domain
from .evaluation import drawings as figures
from .evaluation.drawn_judge import load_judge
from .evaluation.tables import picture, report

_SHOWN = 8
"""Prompts of the domain in the picture."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{figures.__doc__}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("judge", type=Path, help="judge.pt that the judge's training wrote")
    parser.add_argument("--domain", required=True, help="such as ffclip.ffclip_core.training.avatars.domain:AVATARS")
    parser.add_argument("--models", type=Path, default=EMBEDDED, help="folder of the four parts")
    parser.add_argument("--count", type=int, default=512, help="how many drawings")
    parser.add_argument("--per-prompt", type=int, default=512, help="at most so many of them for each prompt")
    parser.add_argument("--out", type=Path, default=EMBEDDED / "evaluation.md", help="the table; a .png goes beside it")
    arguments = parser.parse_args()
    domain, editor = brought_domain(arguments.domain), Editor.from_folder(arguments.models)
    with torch.inference_mode():
        evaluation = figures.Evaluation(domain, editor, load_judge(arguments.judge), arguments.count)
    text = report(evaluation, arguments.per_prompt)
    arguments.out.write_text(text, encoding="utf-8")
    people = range(min(10, arguments.count))
    picture(evaluation, people, domain.prompts[:_SHOWN], arguments.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
