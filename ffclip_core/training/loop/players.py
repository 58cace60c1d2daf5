"""Players: who learns in a step, by which losses, and how."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from .run import Share

Schedule = Literal["cosine", "halving", "constant"]
Losses = Callable[[Share], dict[str, Tensor]]

_HALVED_AT = (0.5, 0.75, 0.9, 0.95)


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How weights follow from losses, by Adam.

    rates: factors of the learning rate by a part of a parameter's name; ema: decay of the weights' running mean, 0 for
    none; clip: the largest norm of a gradient; schedule: "cosine" down to a hundredth, "halving" at 50, 75, 90 and 95 %
    of the steps (FFCLIP's), or "constant"; warm_up: steps in which the rate rises in a straight line.
    """

    learning_rate: float
    rates: Mapping[str, float] = field(default_factory=dict)
    betas: tuple[float, float] = (0.9, 0.99)
    ema: float = 0.0
    clip: float = math.inf
    schedule: Schedule = "cosine"
    warm_up: int = 0

    def factor(self, step: int, steps: int) -> float:
        """Of the learning rate in a step of so many."""
        rising = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        if self.schedule == "cosine":
            return rising * (0.01 + 0.99 * (1 + math.cos(math.pi * step / steps)) / 2)
        if self.schedule == "halving":
            return rising * 0.5 ** sum(step >= share * steps for share in _HALVED_AT)
        return rising


class Player(nn.Module):
    """Networks that learn together, and the losses they learn by.

    A subclass has the networks to train as its modules, and calls what it only uses (another player's networks, frozen
    ones) without making them modules of its own: behind a function, or in a tuple. Its forward gives the weighted
    losses of a share: each a mean over the share's examples, by a name that no other player has; their sum is
    minimised. {} says that there is nothing to do in this step. What it has to remember from step to step (a running
    mean, a probability) are buffers, changed in place and alike in all processes: they are saved with the weights.

    phases: each gets its own gradient and its own step of the optimiser, in turn, as StyleGAN2's lazy regularisations
    do, which share Adam's state with the main loss; Share.phase says which one it is.

    averages: by the name of each network of this player, what is used and stored: its running mean (ema), or where
    there is none the network itself. fit() makes them.
    """

    phases: tuple[str, ...] = ("main",)

    def __init__(self, name: str, learning: Learning) -> None:
        super().__init__()
        self.name = name
        self.learning = learning
        self.averages: dict[str, nn.Module] = {}

    def forward(self, share: Share) -> dict[str, Tensor]:
        raise NotImplementedError

    @staticmethod
    def of(name: str, network: nn.Module, losses: Losses, learning: Learning) -> Player:
        """A player of one network, called "network", whose losses come from a function."""
        return _Plain(name, network, losses, learning)


class _Plain(Player):
    def __init__(self, name: str, network: nn.Module, losses: Losses, learning: Learning) -> None:
        super().__init__(name, learning)
        self.network = network
        self.losses = losses

    def forward(self, share: Share) -> dict[str, Tensor]:
        return self.losses(share)


def decay_of(half_life: float, batch: int) -> float:
    """The decay of a running mean of which half is new after half_life examples; 0 for a half-life of 0."""
    return 0.5 ** (batch / half_life) if half_life else 0.0
