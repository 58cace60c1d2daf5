"""Drawn avatars as pictures with a caption, and pairs of one edit."""

from __future__ import annotations

from ..sources import Example, Pair
from .avatar import Avatar, sample
from .captions import description
from .drawing import draw


def described_example(seed: int, size: int) -> Example:
    """The person of this seed, and one caption of all that is seen and has a word."""
    avatar = sample(seed)
    text = description(sorted(avatar.facts()), avatar.stream("description"))
    return Example(picture=draw(avatar, size), captions=(text,))


def drawn_pair(before: Avatar, after: Avatar, texts: tuple[str, ...], size: int) -> Pair:
    """A person before and after an edit."""
    return Pair(before=draw(before, size), after=draw(after, size), texts=texts)
