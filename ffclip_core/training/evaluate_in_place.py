"""Measure edits of pictures as people have them, put back in place, and write the table that the model card quotes.

python -m ffclip.ffclip_core.training.evaluate_in_place JUDGE_RUN/judge.pt [--models FOLDER] [--count 200]
    [--out in-place.md]

"""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import EMBEDDED, Editor
from .avatars import in_place_report as figures
from .evaluation.drawn_judge import load_judge


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{figures.__doc__}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("judge", type=Path, help="judge.pt that the judge's training wrote")
    parser.add_argument("--models", type=Path, default=EMBEDDED, help="folder of the family")
    parser.add_argument("--count", type=int, default=200, help="how many edits in each kind of picture")
    parser.add_argument("--out", type=Path, default=EMBEDDED / "in-place.md", help="the table")
    arguments = parser.parse_args()
    editor, judge = Editor.from_folder(arguments.models), load_judge(arguments.judge)
    arguments.out.write_text(figures.report(editor, judge, arguments.count), encoding="utf-8")


if __name__ == "__main__":
    main()
