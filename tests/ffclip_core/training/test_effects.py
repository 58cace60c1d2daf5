"""What captions tell of edits, on codes whose parts are known."""

from __future__ import annotations

import golden
import pytest
import torch
from ffclip.ffclip_core.training.effects import FEWEST, Effects
from torch import Tensor

COLOURS, HATS = ("red", "green", "blue"), ("hat", "no hat")
SHAPE = (2, 5)
STRONGER = 1.5
"""An edit is so much stronger than what captions tell."""


def parts(names: tuple[str, ...]) -> dict[str, Tensor]:
    found = torch.randn(len(names), *SHAPE, generator=torch.Generator().manual_seed(1))
    return dict(zip(names, found, strict=True))


PARTS = parts((*COLOURS, *HATS))


def pictures(count: int = 3000) -> tuple[Tensor, list[set[str]]]:
    """Codes that are the sums of what is said, and of as much that is not said."""
    said = [{COLOURS[i % 3], HATS[i // 3 % 2]} for i in range(count)]
    noise = torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(2))
    return torch.stack([sum((PARTS[name] for name in those), torch.zeros(SHAPE)) for those in said]) + noise, said


def asked(effects: Effects, *phrases: str) -> Tensor:
    return torch.tensor([[phrase in phrases for phrase in effects.phrases]])


def near(found: Tensor, wanted: Tensor) -> bool:
    """But for chance: a mean over a thousand pictures is off by 1/√1000, a difference of two by √2 of that."""
    return golden.error(found, STRONGER * wanted) < 4 * (2 / 1000) ** 0.5


def test_what_comes_replaces_what_never_goes_with_it() -> None:
    w, said = pictures()
    effects = Effects(w, said, [*COLOURS, *HATS])
    assert effects.phrases == (*COLOURS, *HATS)
    rivals = {frozenset((a, b)) for i, a in enumerate(effects.phrases) for j, b in enumerate(effects.phrases)
              if effects.rivals[i, j]}  # fmt: skip
    assert rivals == {frozenset(pair) for pair in [COLOURS[:2], COLOURS[1:], COLOURS[::2], HATS]}
    row = said.index({"red", "hat"})
    found = effects.change(torch.tensor([row]), asked(effects, "blue"))
    assert found.shape == (1, *SHAPE) and found.dtype == torch.float32
    assert near(found[0], PARTS["blue"] - PARTS["red"])
    both = effects.change(torch.tensor([row]), asked(effects, "blue", "no hat"))
    assert near(both[0], PARTS["blue"] - PARTS["red"] + PARTS["no hat"] - PARTS["hat"])


def test_what_is_there_changes_nothing() -> None:
    w, said = pictures()
    effects = Effects(w, said, [*COLOURS, *HATS])
    row = torch.tensor([said.index({"red", "hat"})])
    assert torch.equal(effects.change(row, asked(effects, "red", "hat")), torch.zeros(1, *SHAPE))
    assert torch.equal(
        effects.change(row, asked(effects, "red", "no hat")), effects.change(row, asked(effects, "no hat"))
    )


def test_another_word_for_the_same_has_the_same_effect() -> None:
    """Said of some of the pictures only, beside the usual word."""
    w, said = pictures()
    for i, those in enumerate(said):
        if "hat" in those and i % 4 == 0:
            those.add("a cap on the head")
    effects = Effects(w, said, [*COLOURS, *HATS, "a cap on the head"])
    row = torch.tensor([said.index({"red", "no hat"})])
    found = effects.change(row, asked(effects, "a cap on the head"))[0]
    wanted = PARTS["hat"] - PARTS["no hat"]
    assert golden.error(found, STRONGER * wanted) < 0.5  # Left with what it adds to "hat", it would be 1 at least.


@pytest.mark.parametrize("times", [0, FEWEST - 1, FEWEST])
def test_rare_phrases_are_left_out(times: int) -> None:
    w, said = pictures(60)
    for those in said[:times]:
        those.add("a parrot")
    effects = Effects(w, said, ["a parrot", *COLOURS])
    assert effects.phrases == (("a parrot", *COLOURS) if times == FEWEST else COLOURS)
    assert effects.change(torch.tensor([7, 8]), torch.ones(2, len(effects.phrases), dtype=torch.bool)).shape == (
        2,
        *SHAPE,
    )


def test_what_chance_could_have_kept_apart_is_no_rival() -> None:
    said = [{"hat"} if i % 20 == 0 else {"glasses"} if i % 20 == 1 else {"none"} for i in range(200)]
    effects = Effects(torch.zeros(200, *SHAPE), said, ["hat", "glasses", "none"])
    apart = {(a, b): bool(effects.rivals[i, j]) for i, a in enumerate(effects.phrases)
             for j, b in enumerate(effects.phrases)}  # fmt: skip
    assert not apart["hat", "glasses"] and apart["hat", "none"] and apart["none", "glasses"]


def test_without_captions_there_is_nothing() -> None:
    assert Effects(torch.zeros(3, *SHAPE), [set(), set(), set()], ["hat"]).phrases == ()
    assert Effects(torch.zeros(0, *SHAPE), [], []).phrases == ()


def with_red_hats(count: int = 3000) -> tuple[Tensor, list[set[str]]]:
    """Pictures with a hat, of which some have a red one, which captions call both."""
    w, said = pictures(count)
    red = parts((*COLOURS, *HATS, "red hat"))["red hat"]
    for i, those in enumerate(said):
        if "hat" in those and i % 5 == 0:
            those.add("red hat")
            w[i] += red
    return w, said


def test_what_is_part_of_another_effect_counts_once() -> None:
    w, said = with_red_hats()
    effects = Effects(w, said, [*COLOURS, *HATS, "red hat"])
    bare, hat, red = (said.index(those) for those in ({"red", "no hat"}, {"red", "hat"}, {"red", "hat", "red hat"}))
    new = parts((*COLOURS, *HATS, "red hat"))["red hat"]

    def change(row: int, *phrases: str) -> Tensor:
        return effects.change(torch.tensor([row]), asked(effects, *phrases))[0]

    def alike(found: Tensor, wanted: Tensor) -> bool:
        return golden.error(found, STRONGER * wanted) < 0.2

    whole = PARTS["hat"] + new - PARTS["no hat"]
    assert alike(change(bare, "red hat"), whole)
    assert torch.equal(change(bare, "red hat", "hat"), change(bare, "red hat"))
    assert alike(change(hat, "red hat"), new)
    assert alike(change(red, "no hat"), -whole)


def test_what_few_pictures_share_by_chance_is_not_implied() -> None:
    """Six pictures with a parrot, all of which have a hat, as half of all have."""
    w, said = pictures()
    hats = [i for i, those in enumerate(said) if "hat" in those][:6]
    parrot = 3 * torch.ones(SHAPE)
    for i in hats:
        said[i].add("a parrot")
        w[i] += parrot
    effects = Effects(w, said, [*COLOURS, *HATS, "a parrot"])
    found = effects.change(torch.tensor([said.index({"red", "no hat"})]), asked(effects, "a parrot"))[0]
    away = found - STRONGER * 6 / 16 * parrot  # The ridge leaves so much of what six pictures show.
    hat = PARTS["hat"] - PARTS["no hat"]
    assert float((away * hat).sum() / hat.square().sum()) < 0.5, "the hat comes with it"
