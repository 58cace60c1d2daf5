"""What the aligner is trained and measured on: pictures in which it is known where people are."""

from __future__ import annotations

import random
from pathlib import Path

import golden
import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.faces.drawn import see
from ffclip.ffclip_core.training.avatars.avatar import sample
from ffclip.ffclip_core.training.avatars.drawing import draw
from ffclip.ffclip_core.training.avatars.framings import KINDS, Framing, draw_framed, frame_of
from ffclip.ffclip_core.training.avatars.whole import draw_whole, load_whole
from ffclip.ffclip_core.training.avatars.wide import to_places, wide

BLUE = "<rect width='1' height='1' fill='#2b6be0'/>"


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0.0, 21.0])
def test_a_framed_avatar_is_where_it_is_said_to_be(mirrored: bool, turn: float) -> None:
    """Brought back into the frame, it looks as one that was drawn there."""
    upright = torch.from_numpy(draw_framed(sample(3), Framing(behind=BLUE)))[None]
    framing = Framing(
        middle=(150.0, 100.0), side=320.0, turn=turn, mirrored=mirrored, width=700, height=500, behind=BLUE
    )
    image = torch.from_numpy(draw_framed(sample(3), framing))[None]
    assert image.shape == (1, 500, 700, 3)
    back = see(image, frame_of(framing), 128)
    expected = see(upright, frame_of(Framing()), 128)
    assert golden.error(back.flip(3) if mirrored else back, expected) < 0.05
    assert golden.error(back if mirrored else back.flip(3), expected) > 0.2


def test_the_mean_frame_is_that_of_the_training_pictures() -> None:
    """On average: each of those is a little off."""
    drawn = np.mean([draw(sample(seed), 64).astype(np.float32) / 255 for seed in range(40)], 0)
    framed = np.mean([draw_framed(sample(seed), Framing(behind=BLUE, width=64, height=64)) for seed in range(40)], 0)
    small = slice(12, 52)  # Their backgrounds differ.
    offsets = {
        (x, y): float(
            np.corrcoef(drawn[small, small].ravel(), np.roll(framed, (y, x), (0, 1))[small, small].ravel())[0, 1]
        )
        for x in range(-3, 4)
        for y in range(-3, 4)
    }
    assert max(offsets, key=lambda each: offsets[each]) in {(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)}, offsets


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_the_same_each_time(kind: str) -> None:
    first, second = (draw_framed(sample(1), KINDS[kind](random.Random(5))) for _ in range(2))
    assert np.array_equal(first, second) and first.dtype == np.float32 and 0 <= first.min() < first.max() <= 1


def test_drawings_are_drawn_once(tmp_path: Path) -> None:
    drawings = load_whole(tmp_path, 2)
    assert all(np.array_equal(drawings[seed], draw_whole(sample(seed))) for seed in range(2))
    assert drawings[0, 0, 0, 3] == 0, "nothing is behind them"
    stamp = (tmp_path / "whole.npy").stat().st_mtime_ns
    assert np.array_equal(load_whole(tmp_path, 2), drawings) and (tmp_path / "whole.npy").stat().st_mtime_ns == stamp
    with pytest.raises(ValueError, match="holds 2 drawings, not 3"):
        load_whole(tmp_path, 3)


@pytest.mark.parametrize("size", [32, 96])
def test_in_pictures_that_are_put_together_people_are_where_it_is_said(size: int) -> None:
    """Drawings whose left half is red and whose right half is green."""
    drawings = np.zeros((4, 32, 32, 4), np.uint8)
    drawings[:, :, :16, 0] = drawings[:, :, 16:, 1] = drawings[..., 3] = 255
    made = wide(drawings, 40, size, np.random.default_rng(0))
    assert made.pixels.shape == (40, 3, size, size) and 0 <= made.pixels.min() and made.pixels.max() <= 1
    assert made.there[:, 0].float().mean() > 0.7 and made.there[:, 1].any() and made.mirrored.any()
    spots = torch.tensor([[-0.2, 0.2], [0.0, 0.0]])  # Left and right of the frame's middle.
    right = []
    for i in np.flatnonzero(made.there[:, 0].numpy()):
        (mx, my, ax, ay), (x, y) = made.frames[i, 0], spots
        at = torch.stack([mx + ax * x - ay * y, my + ay * x + ax * y])
        assert torch.allclose(to_places(at[None], made.frames[i : i + 1, 0])[0], spots, atol=1e-4)
        colours = F.grid_sample(made.pixels[i][None], (at.T[None, None] / size) * 2 - 1, align_corners=False)[0, :, 0]
        redder = colours[0] - colours[1]
        left, top, far, bottom = made.rectangle[i]
        gray = float(redder.abs().max()) < 0.02
        if not gray and bool(
            ((at > torch.stack([left, top])[:, None]) & (at < torch.stack([far, bottom])[:, None])).all()
        ):
            right.append(bool(redder[0] > redder[1]) != bool(made.mirrored[i, 0]))
    assert len(right) > 15 and sum(right) >= len(right) - 1
    again = wide(drawings, 40, size, np.random.default_rng(0))
    assert all(torch.equal(a, b) for a, b in zip(made, again, strict=True))
