"""Edits that one text asks for: those of the evaluation's single prompts, and colours that no caption names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..facts import Fact
from .avatar import Avatar, applicable
from .prompts import EVALUATION_PROMPTS

_NEW_COLOURS = {"turquoise": "1fb5ad", "orange": "ee8a1f"}
"""For hair; a family that was trained on captions alone has to be taught them."""


@dataclass(frozen=True)
class Dyed(Avatar):
    """A person whose hair has a colour beyond HAIR_COLOURS: about that of `dye`, six hexadecimal digits."""

    dye: str = "000000"

    def hair_colour(self) -> str:
        return self.jitter("hair_colour", f"hair dye/{self.dye}", self.dye)


Edit = Callable[[Avatar], Avatar | None]
"""The same person after the edit; None where it changes nothing that is seen, or shows what is kept out of training."""


def text_edits() -> dict[str, Edit]:
    """By text, in small letters."""
    known = {prompt.lower(): _known(facts) for prompt, facts in EVALUATION_PROMPTS}
    return known | {f"{name} hair": _dyed(dye) for name, dye in _NEW_COLOURS.items()}


def _known(facts: tuple[Fact, ...]) -> Edit:
    def edit(avatar: Avatar) -> Avatar | None:
        after = avatar.edit(facts)
        new = not set(facts) <= avatar.facts() and applicable(avatar, facts)
        return after if new and not after.shows_held_out() else None

    return edit


def _dyed(dye: str) -> Edit:
    def edit(avatar: Avatar) -> Avatar | None:
        after = Dyed(avatar.seed, {**avatar.values, "hair_colour": ""}, avatar.plain, dye)
        return after if avatar.shows_hair_colour() and not after.shows_held_out() else None

    return edit
