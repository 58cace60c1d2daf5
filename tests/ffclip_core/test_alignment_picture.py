from __future__ import annotations

from typing import Any

import ffclip.ffclip_core.alignment_picture as module
import pytest
import torch
from ffclip.ffclip_core import InputError
from ffclip.ffclip_core.alignment_picture import (
    CELL,
    LEFT,
    LONGEST_TITLE,
    TOP,
    _has,
    _legible,
    alignment_picture,
)
from PIL import ImageFont


def corner(pictures: torch.Tensor, edit: int, block: int, layer: int) -> torch.Tensor:
    """Colour of a cell beside its number."""
    return pictures[edit, TOP + block * CELL + 4, LEFT + layer * CELL + 4]


def test_each_edit_is_one_picture_of_blocks_by_layers() -> None:
    pictures = alignment_picture(torch.full((3, 4, 18), 1 / 18), ["Purple hair", "Bald", "Beard"])
    assert pictures.shape[0] == 3 and pictures.shape[3] == 3
    assert pictures.dtype == torch.float32
    assert 0 <= pictures.min() and pictures.max() <= 1
    assert pictures.shape[1] > TOP + 4 * CELL and pictures.shape[2] > LEFT + 18 * CELL


@pytest.mark.parametrize("layers", [4, 10, 14, 16, 18])
def test_the_layer_that_matters_most_is_darkest(layers: int) -> None:
    shares = torch.zeros(1, 4, layers)
    shares[0, 2, 1], shares[0, 2, 0] = 0.9, 0.1
    pictures = alignment_picture(shares, ["Bald"])
    most, some, none = (corner(pictures, 0, 2, layer).sum() for layer in (1, 0, 2))
    assert most < some < none


@pytest.mark.parametrize(("layers", "groups"), [(2, 1), (4, 1), (5, 2), (10, 3), (18, 3)])
def test_groups_of_layers_are_marked_above_their_cells(layers: int, groups: int) -> None:
    """By lines that do not touch: layers of up to 8 px, up to 32 px, and finer ones."""
    picture = alignment_picture(torch.full((1, 4, layers), 1 / layers), ["Bald"])[0]
    drawn = (picture[TOP - 40 : TOP - 10, :, 0] < 1).float()
    line = drawn[int(drawn.sum(1).argmax())].bool()
    edges = [int(at) + 1 for at in (line[1:] != line[:-1]).nonzero()]
    starts, ends = edges[::2], edges[1::2]
    assert len(starts) == len(ends) == groups
    bounds = [0, 4, 8, layers][:groups] + [layers]
    for start, end, first, last in zip(starts, ends, bounds, bounds[1:], strict=False):
        assert 0 < start - (LEFT + first * CELL) < CELL / 4 and 0 < LEFT + last * CELL - end < CELL / 4


def test_the_prompt_stands_above_and_a_long_one_stays_inside() -> None:
    shares = torch.full((2, 4, 10), 0.1)
    pictures = alignment_picture(shares, ["Bald", "a very long prompt " * 30])
    title_rows = pictures[:, :40]
    assert not torch.equal(title_rows[0], title_rows[1])
    assert bool((title_rows[:, :, LEFT + 10 * CELL + 8 :] == 1).all())


def test_titles_must_match_the_edits() -> None:
    with pytest.raises(ValueError, match="zip"):
        alignment_picture(torch.full((2, 4, 10), 0.1), ["only one"])


def titles(*texts: str) -> torch.Tensor:
    """The rows of the pictures that hold their titles."""
    return alignment_picture(torch.full((len(texts), 2, 10), 0.1), texts)[:, :40]


@pytest.mark.parametrize(
    "text",
    [
        "紫色的头发",
        "рыжие волосы",
        "cheveux frisés",
        "שיער סגול",
        "شعر أرجواني",
        "बैंगनी बाल",
        "e\u0301te\u0301",
        "half \ud83d of an emoji",
        "\udc00",
        "👍🏽🏳️‍🌈",
        "a\x00b\x07",
        "a\nb\r\n\tc\u2028d",
        "\u202eelprup\u202c",
        "\uffff\U0010ffff\ue000",
        "",
        "\u200b",
    ],
)
def test_titles_of_every_kind_are_drawn_without_boxes(text: str) -> None:
    line, font = _legible(text)
    assert "\n" not in line and all(_has(font, letter) for letter in line)
    drawn = titles(text)
    assert (drawn < 0.9).any().item() == bool(line), "in ink"
    assert (drawn[:, :, LEFT + 10 * CELL + 8 :] == 1).all(), "inside"


@pytest.mark.parametrize("fonts", ["all", "Pillow's alone"])
def test_other_prompts_have_other_titles(fonts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if fonts != "all":
        own = module._fonts()[:1]
        monkeypatch.setattr(module, "_fonts", lambda: own)
    texts = ["紫发", "紫髪", "рыжий", "рыжая", "été", "ete", "שיער", "שיעו", "\ud83d", "\ud83e", "\u202e", "\u202d"]
    texts += ["a very long prompt that goes on and on " * 5 + end for end in ("with a hat", "with a tie")]
    drawn = {picture.numpy().tobytes() for picture in titles(*texts)}
    assert len(drawn) == len(texts)


def test_a_title_of_any_length_is_laid_out_as_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = []
    getlength = ImageFont.FreeTypeFont.getlength

    def listen(self: ImageFont.FreeTypeFont, text: str, *arguments: Any) -> float:
        lengths.append(len(text))
        return getlength(self, text, *arguments)

    monkeypatch.setattr(ImageFont.FreeTypeFont, "getlength", listen)
    assert titles("x" * 20_000, "purple hair " * 100_000, "紫" * 20_000).shape[0] == 3
    # Six letters stand for one that no font has.
    assert max(lengths) <= 6 * LONGEST_TITLE + 1 and len(lengths) <= 3 * 16


def test_shares_that_are_no_numbers_are_named() -> None:
    shares = torch.full((2, 4, 10), 0.1)
    shares[1, 2, 3] = torch.nan
    with pytest.raises(InputError, match=r"alignment maps hold the value nan \(edit 1, block 2, layer 3"):
        alignment_picture(shares, ["Bald", "Beard"])
