"""Write down what a family's text encoder was trained on, for its family.json's key "known".

python -m ffclip.ffclip_core.training.list_known_words [--out models/avatars/known.json]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .. import EMBEDDED
from ..known_words import words_of
from .avatars.captions import frames, single_phrases
from .avatars.synonyms import PLAIN, synonyms


def known() -> dict[str, object]:
    """The file's content: see known_words.KnownWords."""
    prompts = single_phrases()
    words = {word for text in (*prompts, *frames(), *PLAIN.split()) for word in words_of(text)}
    return {
        "prompts": prompts,
        "words": sorted(words),
        "synonyms": {word: of for word, of in synonyms().items() if word not in words},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=EMBEDDED / "known.json", help="the file to write")
    arguments = parser.parse_args()
    text = json.dumps(known(), indent=1, ensure_ascii=False)
    arguments.out.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
