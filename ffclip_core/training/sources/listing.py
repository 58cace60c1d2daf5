"""Which files of a folder belong together: a picture and its captions, two pictures and what was changed."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os.path import splitext
from typing import NamedTuple

from .containers import File
from .decoding import endings
from .left_out import Left

_TEXT = ".txt"
_HALVES = (".before", ".after")


class PictureFile(NamedTuple):
    """A picture and the file of its captions, if there is one."""

    picture: str
    text: str | None


class PairFiles(NamedTuple):
    """Two pictures and the file of the texts that ask for the edit."""

    before: str
    after: str
    text: str


@dataclass(frozen=True)
class Listing:
    """items: in the order of their names; left: what belongs to nothing; fingerprint: a text that is another one where
    any file of them was added, taken away, renamed or changed."""

    items: list[PictureFile | PairFiles]
    left: list[Left]
    fingerprint: str

    @property
    def pictures(self) -> int:
        """How many pictures all items have, two in a pair."""
        return sum(1 + isinstance(item, PairFiles) for item in self.items)


def listing(files: Iterable[File]) -> Listing:
    """Of all files of a folder, in any order."""
    digest = hashlib.sha256()
    pictures: list[str] = []
    texts: dict[str, str] = {}
    halves: dict[str, dict[str, str]] = {}
    left: list[Left] = []
    others: Counter[str] = Counter()
    for name, size, stamp in sorted(files):
        start, ending = splitext(name)
        key = _key(start)
        if ending.lower() == _TEXT:
            texts.setdefault(key, name)
        elif ending.lower() in endings():
            half = splitext(key)[1].lower()
            if half in _HALVES:
                there = halves.setdefault(splitext(key)[0], {})
                if there.setdefault(half, name) is not name:
                    left.append(Left(name, f"{there[half]} is there, too"))
            else:
                pictures.append(name)
        else:
            others[ending.lower()] += 1
            continue
        digest.update(f"{name}\0{size}\0{stamp}\n".encode("utf-8", "surrogatepass"))
    items: list[PictureFile | PairFiles] = [
        PictureFile(picture, texts.get(_key(splitext(picture)[0]))) for picture in pictures
    ]
    for key, there in halves.items():
        if reason := _incomplete(there, key in texts):
            left += [Left(name, reason) for name in there.values()]
        else:
            items.append(PairFiles(there[_HALVES[0]], there[_HALVES[1]], texts[key]))
    items.sort()
    left += _alone(texts, pictures, halves)
    left += [Left(f"*{ending}", f"of no kind of picture that is read: {n} files") for ending, n in others.items()]
    return Listing(items, sorted(left), digest.hexdigest())


def _key(name: str) -> str:
    """The same for a letter and its accent as for the letter with it: macOS writes names in one way, others in the
    other."""
    return unicodedata.normalize("NFC", name)


def _incomplete(there: dict[str, str], has_text: bool) -> str | None:
    for half in _HALVES:
        if half not in there:
            return f"the pair has no picture NAME{half}"
    return None if has_text else "the pair has no NAME.txt that says what was changed"


def _alone(texts: dict[str, str], pictures: Iterable[str], halves: Iterable[str]) -> Iterator[Left]:
    known = {_key(splitext(picture)[0]) for picture in pictures}.union(halves)
    return (Left(name, "no picture has its name") for key, name in texts.items() if key not in known)
