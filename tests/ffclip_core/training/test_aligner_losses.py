"""What the aligner learns from: exact answers cost nothing, and a frame follows from its places."""

from __future__ import annotations

import golden
import numpy as np
import pytest
import torch

pytest.importorskip("dicebear", reason="drawing needs the extra `train`")
pytest.importorskip("resvg_py", reason="drawing needs the extra `train`")

from ffclip.ffclip_core.networks.aligner import Cells, cell_centres, fit_frames
from ffclip.ffclip_core.training.avatars.wide import FACE, FRAME_HALF, FRAME_MIDDLE, to_places, wide
from ffclip.ffclip_core.training.train_aligner import (
    Examples,
    alignment_losses,
    corner_errors,
    example,
    flipped,
    mirrored_loss,
    new_aligner,
)

FRAMES = torch.tensor([[40.0, 50.0, 30.0, 12.0], [10.0, 80.0, 45.0, -20.0], [48.0, 48.0, 0.5, 70.0]])


def test_the_frame_follows_from_the_places_of_any_cells() -> None:
    points = cell_centres(24, 24).expand(3, -1, -1, -1)
    places, stream = to_places(points, FRAMES), torch.Generator().manual_seed(0)
    weights = torch.rand(3, 24, 24, generator=stream)
    weights[:, :14] = 0  # As if most of it were covered.
    assert golden.error(fit_frames(places, weights), FRAMES) < 1e-4
    noisy = places + 0.05 * torch.randn(places.shape, generator=stream)
    assert corner_errors(fit_frames(noisy, weights), FRAMES).max() < 0.05
    assert corner_errors(FRAMES, FRAMES).max() < 1e-3
    assert fit_frames(torch.zeros_like(places), torch.zeros_like(weights)).isfinite().all()


def test_exact_answers_cost_nothing_and_wrong_ones_much() -> None:
    drawings = np.full((2, 16, 16, 4), 255, np.uint8)
    made = wide(drawings, 12, 64, np.random.default_rng(1))
    for near in (False, True):
        x, frames, there, mirrored, seen = example(made, 96, np.random.default_rng(2), near)
        assert x.shape == (12, 3, 96, 96) and -1 <= x.min() and x.max() <= 1 and seen.shape == (12, 24, 24)
        assert ((mirrored >= 0) == (there[:, 0] & torch.tensor(near))).all()
        assert torch.equal(mirrored[mirrored >= 0].bool(), made.mirrored[mirrored >= 0][:, 0])
        points = cell_centres(24, 24).expand(12, -1, -1, -1)
        places = torch.stack([to_places(points, frames[:, i]) for i in range(2)])
        middle = torch.tensor([FACE[i] - FRAME_MIDDLE[i] for i in range(2)])[:, None, None] / FRAME_HALF
        far = ((places - middle) / (torch.tensor(FACE[2:])[:, None, None] / FRAME_HALF)).norm(dim=2)
        on = [(far[i] < 1) & there[:, i, None, None] & seen for i in range(2)]
        told = Cells(
            torch.where(on[0] | on[1], 12.0, -12.0), torch.where(on[0][:, None], *places), (mirrored * 2 - 1) * 12
        )
        costs = alignment_losses(told, frames, there, seen) | {"mirrored": mirrored_loss(told.mirrored, mirrored)}
        assert all(float(cost) < 0.02 for cost in costs.values()), costs
        wrong = Cells(-told.face, told.places.roll(5, 3), -told.mirrored)
        costs = alignment_losses(wrong, frames, there, seen)
        assert all(float(cost) > 0.2 for cost in costs.values()), costs
        assert float(mirrored_loss(wrong.mirrored, mirrored)) > 1 or not near
        # Flipped, the same is so of what lies on the other side.
        again = flipped(Examples(x, frames, there, mirrored, seen))
        turned = Cells(
            told.face.flip(2), told.places.flip(3) * torch.tensor([-1.0, 1.0])[:, None, None], -told.mirrored
        )
        costs = alignment_losses(turned, again.frames, there, again.seen)
        assert all(float(cost) < 0.02 for cost in costs.values()), costs
        assert float(mirrored_loss(turned.mirrored, again.mirrored)) < 0.02


def test_an_untrained_aligner_has_the_familys_face() -> None:
    aligner = new_aligner()
    assert aligner.family == "avatars" and abs(aligner.face[0].real) < 1e-3
    assert golden.error(torch.tensor(aligner.face[1].imag), torch.tensor(FACE[3] / FRAME_HALF)) < 1e-3
    left, right = aligner.points[0], aligner.points[1]
    assert left.real < 0 < right.real and left.imag == right.imag
