"""Small trainings that have all that a training can have: what tests of the loop train.

game: a generator against a discriminator that is lazily regularised, with running means, a remembered number, torch's
own random choices (dropout) and buffers that count. pairs: texts and pictures that are told apart over a whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from ffclip.ffclip_core.training.loop import Learning, Player, Process, Run, Share, fit, gather, mean, seeded
from torch import Tensor, nn

WIDTH = 16


class Drawing(Player):
    """remember: weigh a loss by the running mean of what it was before."""

    def __init__(self, generator: nn.Module, remember: bool) -> None:
        super().__init__("generator", Learning(learning_rate=0.01, betas=(0.0, 0.99), ema=0.9, clip=1.0, warm_up=5))
        self.generator = generator
        self.against: tuple[nn.Module, ...] = ()
        self.remember = remember
        self.register_buffer("length", torch.ones(()))

    def forward(self, share: Share) -> dict[str, Tensor]:
        drawn = self.generator(codes(share, "z"))
        losses = {"adversarial": F.softplus(-self.against[0](drawn)).mean()}
        if share.step % 4 == 0:
            length = drawn.square().sum(1).mean()
            losses["length"] = 0.1 * length / self.get_buffer("length").clone()
            if self.remember:
                self.get_buffer("length").lerp_(mean(length.detach()), 0.1)
        return losses


class Judging(Player):
    phases = ("main", "r1")

    def __init__(self, discriminator: nn.Module, generator: nn.Module) -> None:
        super().__init__("discriminator", Learning(learning_rate=0.01, betas=(0.0, 0.99), schedule="halving"))
        self.discriminator = discriminator
        self.against = (generator,)

    def forward(self, share: Share) -> dict[str, Tensor]:
        real = share.of(torch.randn(share.batch, 3, generator=share.stream("real"))) + 1
        if share.phase == "r1":
            if share.step % 3:
                return {}
            real.requires_grad_()
            (slope,) = torch.autograd.grad(self.discriminator(real).sum(), real, create_graph=True)
            return {"r1": slope.square().sum(1).mean()}
        with torch.no_grad():
            drawn = self.against[0](codes(share, "z of the judge"))
        return {
            "real": F.softplus(-self.discriminator(real)).mean(),
            "drawn": F.softplus(self.discriminator(drawn)).mean(),
        }


class Pairs(Player):
    """A softmax over all pairs of the batch (CLIP's)."""

    def __init__(self, one: nn.Module, other: nn.Module) -> None:
        super().__init__("pairs", Learning(learning_rate=0.01, ema=0.5, warm_up=5))
        self.one, self.other = one, other
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, share: Share) -> dict[str, Tensor]:
        z = codes(share, "pairs")
        with share.autocast():
            x, y = self.one(z), self.other(z + 0.1)
        logits = F.normalize(gather(x.float()), dim=1) @ F.normalize(gather(y.float()), dim=1).T * self.scale.exp()
        right = torch.arange(len(logits))
        return {"softmax": (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2}


def codes(share: Share, name: str) -> Tensor:
    return share.of(torch.randn(share.batch, 4, generator=share.stream(name)))


def layers(inside: int, outside: int, dropout: float = 0.0) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inside, WIDTH), nn.Tanh(), nn.Dropout(dropout), nn.Linear(WIDTH, outside))


def players(kind: str, dropout: float = 0.0, remember: bool = True) -> list[Player]:
    with seeded(7):
        if kind == "pairs":
            return [Pairs(layers(4, 8), layers(4, 8))]
        drawing = Drawing(layers(4, 3, dropout), remember)
        judging = Judging(layers(3, 1), drawing.generator)
        drawing.against = (judging.discriminator,)
        return [judging, drawing]


def run_of(folder: Path, **others: Any) -> Run:
    return replace(Run(folder=folder, steps=20, batch=8, log_every=1, save_every=math.inf), **others)


def play(process: Process, kind: str, run: Run, dropout: float = 0.0) -> None:
    """Train; the first process leaves the weights, as they are used, in end.pt."""
    table = players(kind, dropout)
    fit(replace(run, **vars(process)), table)
    if not process.rank:
        torch.save(weights(table), run.folder / "end.pt")


def weights(table: Sequence[Player]) -> dict[str, Tensor]:
    """Of all networks, and of their averages."""
    return {
        f"{player.name}.{name}.{key}": value.detach().clone()
        for player in table
        for name, network in [("", player), *player.averages.items()]
        for key, value in network.state_dict().items()
    }


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    """To the last bit."""
    return found.keys() == expected.keys() and all(torch.equal(found[key], value) for key, value in expected.items())
