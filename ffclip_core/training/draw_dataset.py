"""Draw the training pictures: pairs of an avatar and the same avatar with one to three facts changed.

python -m ffclip.ffclip_core.training.draw_dataset DATA [--count 60000]

Row i is the avatar of seed i. All cores draw; pictures that are there already are not drawn again. What is written:
avatars/dataset.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .avatars.dataset import draw_pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=60_000, help="how many pairs")
    arguments = parser.parse_args()
    try:
        draw_pairs(arguments.data, arguments.count)
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
