"""Which texts CLIP takes for true: by thresholds between what it gives to pictures that show them and others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import torch
from ffclip.ffclip_core.training.evaluation import ZeroShot
from torch import Tensor

AXES = torch.eye(3)


def judge() -> ZeroShot:
    """Of a tower that takes a picture's mean colour for its embedding, and texts that name colours."""
    tower = SimpleNamespace(logit_scale=torch.zeros(()), encode=lambda x: x.mean((2, 3)))
    encoder = SimpleNamespace(
        encode=lambda texts: torch.stack([AXES["red green blue".split().index(t)] for t in texts])
    )
    return ZeroShot(cast(Any, tower), cast(Any, encoder), ["red", "green", "blue"])


def pictures(colours: Tensor) -> Tensor:
    return colours[:, :, None, None].expand(-1, -1, 4, 4)


def test_thresholds_lie_between_pictures_that_show_a_text_and_others() -> None:
    colours = torch.tensor([[1, 0.4, 0], [1, 0.5, 0], [0.9, 0.4, 0], [0.3, 1, 0], [0.3, 0.9, 0], [0.2, 1, 0]])
    truth = torch.tensor([[True, False, False]] * 3 + [[False, True, False]] * 3)
    found = judge()
    found.learn(pictures(colours), truth)
    assert torch.equal(found.read(pictures(colours))[:, :2], truth[:, :2])
    # No threshold at zero would do: all pictures have something of both.
    assert (found.scores(pictures(colours))[:, :2] > 0.1).all()


def test_a_text_of_which_nothing_is_known_is_true_of_few() -> None:
    colours = torch.rand(100, 3, generator=torch.Generator().manual_seed(0)) + 0.01
    found = judge()
    found.learn(pictures(colours), torch.zeros(100, 3, dtype=torch.bool))
    read = found.read(pictures(colours))
    assert (read.sum(0) == 10).all()
    assert read[colours[:, 2].div(colours.norm(dim=1)).argmax(), 2]
