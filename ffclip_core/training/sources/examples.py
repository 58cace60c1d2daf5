"""What a source gives, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A picture, uint8 [H, W, 3], and captions of it, each true by itself. Raises InputError for anything else."""

    picture: np.ndarray
    captions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_picture(self.picture, "picture of an Example")
        _check_texts(self.captions, "captions of an Example")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """A picture before and after an edit, uint8 [H, W, 3] each and of the same size, and texts of which each asks for
    that edit. Raises InputError for anything else."""

    before: np.ndarray
    after: np.ndarray
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_picture(self.before, "picture before of a Pair")
        _check_picture(self.after, "picture after of a Pair")
        _check_texts(self.texts, "texts of a Pair")
        if self.before.shape != self.after.shape:
            raise InputError(
                f"The pictures of a Pair have the shapes {list(self.before.shape)} before and "
                f"{list(self.after.shape)} after: give both the same size."
            )
        if not self.texts:
            raise InputError("The texts of a Pair are empty: give at least one text that asks for the edit.")


Source = Iterable[Example | Pair]
"""May be endless; then prepare() is told how many to take. Where it has a `fingerprint`, a text that is another one as
soon as anything in it is, what was prepared of it is taken again by the next run; where it has `after(items)`, which
gives what comes after so many, a run that was broken off goes on without making these anew."""


def _check_picture(picture: Any, name: str) -> None:
    if not isinstance(picture, np.ndarray):
        raise InputError(f"The {name} is a NumPy array, not {type(picture).__name__}: np.asarray makes one.")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise InputError(
            f"The {name} is uint8 [height, width, 3], not {picture.dtype} {list(picture.shape)}: "
            "np.asarray(image.convert('RGB')) gives that of a picture of Pillow's."
        )


def _check_texts(texts: Any, name: str) -> None:
    if not isinstance(texts, tuple) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"The {name} are texts in a tuple such as ('a cat',), not {texts!r}: put them into one.")
