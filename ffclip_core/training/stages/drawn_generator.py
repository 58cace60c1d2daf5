"""A generator of drawings whose every parameter is known: parameters → code → StyleGAN2 synthesis → the drawing.

What a picture was drawn from has a code (codes.Codes), so W draws things and every attribute has its place there, small
ones as well as large ones. No adversary and no encoder: L1, most of it where the domain says that most is to be seen,
and a Laplacian pyramid. When training ends, the generator is made blind to what no parameter needs, the mapping network
is fitted to the Gaussian of the codes, and latent_avg is set to their mean.

Large ones learn their smaller layers first, as those of Karras et al. (2018) do: most is to be learnt there, and a step
takes a small part of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
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
_FITTED = 3000


class _Drawing(Player):
    def __init__(self, work: Work) -> None:
        super().__init__(NAME, work.learning(NAME))
        self.generator = new_generator(work, work.parts["text_encoder"].embed_dim)
        self.generator.style.requires_grad_(False)  # Fitted at the end.
        self.to(work.device)
        self.using = (work, work.space(self.generator.num_layers, self.generator.latent_dim).to(work.device))

    def drawn(self, network: Generator, rows: Any) -> Tensor:
        work, codes = self.using
        w = codes.layers(torch.from_numpy(work.known.parameters[rows]).to(work.device))
        return network(w, noise="none")

    def forward(self, share: Share) -> dict[str, Tensor]:
        work, _ = self.using
        weights = work.weights(NAME)
        rows = work.data.training[share.rows(len(work.data.training))]
        with share.autocast(share.step < _COARSE * share.run.steps):
            picture = self.drawn(self.generator, rows)
        difference = picture.float() - to_network(work.data.pictures[rows], work.device)
        found = {
            "l1": lambda: focused_l1(difference, torch.from_numpy(work.known.focus[rows]).to(work.device)),
            "laplacian": lambda: laplacian_l1(difference),
        }
        return {name: weights[name] * loss() for name, loss in found.items() if name in weights}


def train(work: Work) -> None:
    def sheet(players: Sequence[Player], folder: Path) -> None:
        player, rows = players[0], work.data.held_out[:16]
        assert isinstance(player, _Drawing)  # noqa: S101
        drawn = player.drawn(cast(Generator, player.averages["generator"]), rows)
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
