from __future__ import annotations

import pytest
import torch
from ffclip.ffclip_core.alignment_picture import CELL, LEFT, TOP, alignment_picture


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


def test_the_prompt_stands_above_and_a_long_one_stays_inside() -> None:
    shares = torch.full((2, 4, 10), 0.1)
    pictures = alignment_picture(shares, ["Bald", "a very long prompt " * 30])
    title_rows = pictures[:, :40]
    assert not torch.equal(title_rows[0], title_rows[1])
    assert bool((title_rows[:, :, LEFT + 10 * CELL + 8 :] == 1).all())


def test_titles_must_match_the_edits() -> None:
    with pytest.raises(ValueError, match="zip"):
        alignment_picture(torch.full((2, 4, 10), 0.1), ["only one"])
