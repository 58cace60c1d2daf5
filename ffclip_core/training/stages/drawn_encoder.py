"""An e4e encoder of drawings: picture → the W+ code of what it is drawn from.

The code of each picture is known (codes.Codes), so the encoder learns it by regression; every parameter of a drawing
counts there, small ones as well as large ones. Where layers have codes of their own, none is what differs from the
first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ...networks.encoder import Encoder, StyleHead
from ..codes import Codes
from ..loop import Player, Share
from ..pictures import resized, soften, to_network
from ..work import Work
from .autoencoder import fast, new_encoder

NAME, GIVES, WHAT = "drawn_encoder", ("encoder",), "encoder, of what drawings are made from"
_STILL = 0.7
"""The part of the steps after which batch statistics are frozen: exact colours should not depend on neighbours."""
_SOFT = 0.25


class _Encoding(Player):
    def __init__(self, work: Work) -> None:
        super().__init__(NAME, work.learning(NAME))
        generator = work.parts["generator"]
        codes = work.space(generator.num_layers, generator.latent_dim)
        deltas = bool(codes.seen.all())
        self.encoder = new_encoder(work, generator.num_layers, generator.latent_dim, deltas)
        self.to(work.device)
        self.encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.using = (work, codes.to(work.device))

    def forward(self, share: Share) -> dict[str, Tensor]:
        work, codes = self.using
        self.encoder.train(share.step < _STILL * share.run.steps)
        rng = share.rng("picture")
        rows = work.data.training[share.rows(len(work.data.training))]
        x = to_network(work.data.pictures[rows], work.device)
        wanted = codes.layers(torch.from_numpy(work.known.parameters[rows]).to(work.device))
        with share.autocast():
            seen = soften(x, rng) if rng.random() < _SOFT else x
            w = self.encoder(resized(seen, self.encoder.input_size))
        return {"codes": work.weights(NAME)["codes"] * (w.float() - wanted).square().mean()}


def train(work: Work) -> None:
    def parts(players: Sequence[Player]) -> dict[str, nn.Module]:
        made = fast(players[0].averages)
        encoder = cast(Encoder, made["encoder"])
        finish(encoder, work.space(encoder.num_layers, encoder.latent_dim))
        return made

    players = work.fit(NAME, lambda: [_Encoding(work)], parts)
    work.finish(NAME, parts(players))


@torch.no_grad()
def finish(encoder: Encoder, codes: Codes) -> None:
    """Move the mean codes out of the heads' biases into latent_avg, and add the layers' constants."""
    linears = [cast(StyleHead, head).linear for head in encoder.styles]
    encoder.latent_avg.copy_(codes.offsets)
    for i, linear in enumerate(linears[:1] if encoder.deltas else linears):
        encoder.latent_avg[slice(None) if encoder.deltas else i] += linear.bias * linear.lr_mul
        linear.bias.zero_()
