"""A generator of drawings whose every parameter is known: parameters → code → StyleGAN2 synthesis → the drawing.

What a picture was drawn from has a code (codes.Codes), so W draws things and every attribute has its place there, small
ones as well as large ones. No adversary and no encoder: L1, most of it where the domain says that most is to be seen,
and a Laplacian pyramid. When training ends, the generator is made blind to what no parameter needs, the mapping network
is fitted to the Gaussian of the codes, and latent_avg is set to their mean.

Above 64 px three steps of four are for the layers up to there alone: what is where is learnt there, in a small part of
the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...networks.generator import Generator
from ..codes import Codes
from ..loop import Player, Share
from ..losses.autoencoder import focused_l1, laplacian_l1
from ..mapping import fit_mapping
from ..pictures import save_sheet, to_network
from ..work import Work
from .autoencoder import draw_noise, fast, new_generator, sample_sheet

NAME, GIVES, WHAT = "drawn_generator", ("generator",), "generator, of what drawings are made from"
_COARSE = 0.8
"""The part of the steps in which coarser numbers do, which are faster."""
_SMALL, _WHOLE_EVERY = 64, 4
_FITTED = 3000


class _Drawing(Player):
    def __init__(self, work: Work) -> None:
        super().__init__(NAME, work.learning(NAME))
        self.generator = new_generator(work, work.parts["text_encoder"].embed_dim)
        self.generator.style.requires_grad_(False)  # Fitted at the end.
        self.to(work.device)
        self.rows = faithful(work, work.data.training)
        self.using = (work, work.space(self.generator.num_layers, self.generator.latent_dim).to(work.device))

    def drawn(self, network: Generator, rows: Any, side: int) -> Tensor:
        work, codes = self.using
        w = codes.layers(torch.from_numpy(work.known.parameters[rows]).to(work.device))
        return network(w, noise="none", resolution=side)

    def forward(self, share: Share) -> dict[str, Tensor]:
        work, _ = self.using
        weights, side = work.weights(NAME), work.data.size
        if share.step % _WHOLE_EVERY < _WHOLE_EVERY - 1:
            side = min(side, _SMALL)
        rows = self.rows[share.rows(len(self.rows))]
        with share.autocast(share.step < _COARSE * share.run.steps):
            picture = self.drawn(self.generator, rows, side)
        wanted = F.avg_pool2d(to_network(work.data.pictures[rows], work.device), work.data.size // side)
        difference = picture.float() - wanted
        found = {
            "l1": lambda: focused_l1(difference, torch.from_numpy(work.known.focus[rows]).to(work.device)),
            "laplacian": lambda: laplacian_l1(difference),
        }
        return {name: weights[name] * loss() for name, loss in found.items() if name in weights}


def faithful(work: Work, rows: np.ndarray) -> np.ndarray:
    return rows[work.known.faithful[rows]]


def train(work: Work) -> None:
    def sheet(players: Sequence[Player], folder: Path) -> None:
        player, rows = players[0], faithful(work, work.data.held_out)[:16]
        assert isinstance(player, _Drawing)  # noqa: S101
        drawn = player.drawn(cast(Generator, player.averages["generator"]), rows, work.data.size)
        save_sheet([to_network(work.data.pictures[rows], work.device), drawn], folder / "drawings.png")

    def parts(players: Sequence[Player]) -> dict[str, nn.Module]:
        return fast(players[0].averages)

    players = work.fit(NAME, lambda: [_Drawing(work)], parts, sheet)
    made = parts(players)
    if work.process.rank == 0:
        generator = cast(Generator, made["generator"])
        codes = work.space(generator.num_layers, generator.latent_dim)
        # A trial of a few steps shall not end in thousands.
        steps = min(_FITTED, work.settings.stage(NAME).steps or _FITTED)
        finish(generator, codes, torch.from_numpy(work.known.parameters[work.data.training]), steps)
        sample_sheet(generator, work.folder(NAME) / "samples.png")
    work.finish(NAME, made)


@torch.no_grad()
def finish(generator: Generator, codes: Codes, parameters: Tensor, steps: int) -> None:
    """Blind to what no parameter needs, with constant noise, and with a mapping network of so many steps."""
    codes.restrict(generator)
    fit_mapping(generator, codes.w(parameters), steps)
    draw_noise(generator)
