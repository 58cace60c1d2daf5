"""The semantic modulation blocks of drawings: edits whose outcome is known; everything else stays as it is.

A domain knows what the edited picture would be drawn from, and so its code: for w = encoder(picture) and a caption of
changed facts, w + Δw is to have the parameters of the edited drawing where they change, and those of w where they do
not. Differences are measured in the styles that the generator computes from the codes and in the codes themselves. A
quarter of each batch starts from what the blocks make of another caption, as edits in a row do. (FFCLIP's published
losses, which know no edited picture, are not used here.)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import open_clip
import torch
from torch import Tensor, nn

from ...networks.modulation import Modulator
from ..codes import Codes
from ..edits import Edits, edits
from ..loop import Player, Share
from ..pictures import save_sheet, to_network
from ..short_texts import encode_short
from ..style_metric import style_metric
from ..work import Work
from .modulator import RATES, new_modulator

NAME, GIVES, WHAT = "drawn_modulator", ("modulator",), "semantic modulation blocks, by edits of drawings"
_EDITED_BEFORE = 0.25
_METRIC_OF = 10_000  # drawings


class _Editing(Player):
    def __init__(self, work: Work, codes: Codes, inversions: Tensor) -> None:
        super().__init__(NAME, work.learning(NAME, rates=RATES))
        generator = work.parts["generator"]
        self.modulator = new_modulator(work, generator)
        self.to(work.device)
        some = torch.from_numpy(work.known.parameters[work.data.training[:_METRIC_OF]]).to(work.device)
        self.using = (work, codes, style_metric(generator, codes, codes.w(some)), inversions)

    def edited(self, batch: Edits) -> Tensor:
        work = self.using[0]
        with torch.no_grad():
            ids = cast(Tensor, open_clip.tokenize(batch.captions)).to(work.device)
            e = encode_short(work.parts["text_encoder"], ids)
        return batch.w + self.modulator.modulate(batch.w, e, torch.float32).delta

    def forward(self, share: Share) -> dict[str, Tensor]:
        work, codes, metric, inversions = self.using
        assert work.drawings is not None  # noqa: S101
        weights, domain = work.weights(NAME), work.drawings.domain
        rng = share.rng("edits", share.first)
        rows = work.data.training[share.rows(len(work.data.training))]
        things: list[Any] = [work.drawings.thing(int(row)) for row in rows]
        w = inversions[torch.from_numpy(rows)].to(work.device)
        # Some have been edited before, and of these some more than once.
        again = np.flatnonzero(rng.random(len(rows)) < _EDITED_BEFORE)
        while len(again):
            earlier = edits(domain, codes, [things[i] for i in again], w[again], rng)
            for i, thing in zip(again, earlier.things, strict=True):
                things[i] = thing
            with torch.no_grad():
                w[again] = self.edited(earlier)
            again = again[rng.random(len(again)) < _EDITED_BEFORE]
        batch = edits(domain, codes, things, w, rng)
        error = self.edited(batch) - batch.wanted
        along = codes.along(error)
        unseen = error - along @ codes.directions
        found = {
            "styles": torch.einsum("blp,lpq->blq", along, metric).square().sum(-1).mean(),
            "codes": along.square().sum(-1).mean(),
            "unseen": unseen.square().mean(),
        }
        return {name: weights[name] * loss for name, loss in found.items() if name in weights}


def train(work: Work) -> None:
    generator = work.parts["generator"]
    codes = work.space(generator.num_layers, generator.latent_dim).to(work.device)
    inversions = work.codes("pictures", work.data.pictures)
    e = work.parts["text_encoder"].encode(list(work.texts[:8])).to(work.device)

    def sheet(players: Sequence[Player], folder: Path) -> None:
        model = cast(Modulator, players[0].averages["modulator"])
        rows = []
        for row in work.data.held_out[:8]:
            w = inversions[int(row)].to(work.device)[None].expand(len(e), -1, -1)
            drawn = generator(torch.cat([w[:1], w + model(w, e)]), noise="none")
            rows.append(torch.cat([to_network(work.data.pictures[row : row + 1], work.device), drawn]))
        save_sheet(rows, folder / "edits.png")

    def parts(players: Sequence[Player]) -> dict[str, nn.Module]:
        return dict(players[0].averages)

    players = work.fit(NAME, lambda: [_Editing(work, codes, inversions)], parts, sheet)
    work.finish(NAME, parts(players))
