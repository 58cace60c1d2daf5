"""Train the semantic modulation blocks on edits whose outcome is known; generator, encoder and CLIP stay as they are.

python -m ffclip.ffclip_core.training.train_modulator DATA RUN --generator GENERATOR_RUN --encoder ENCODER_RUN \
    --clip CLIP_RUN/clip.pt

The drawn domain knows what the edited picture is drawn from (Avatar.edit_plainly), and so its code: for w =
encoder(picture) and a caption of changed facts, w + Δw is to have the parameters of the edited drawing where they
change, and those of w where they do not. Differences are measured in the styles that the generator computes from the
codes and in the codes themselves. One in ten captions says only what is true already, and a quarter of each batch
starts from what the blocks make of another caption, as edits in a row do. (FFCLIP's published losses, which know no
edited picture, are not used here.)
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import numpy as np
import open_clip
import torch
from torch import Tensor

from ..checkpoints import load_encoder, load_generator, save_part
from ..networks.modulation import Modulator
from .avatars.avatar import sample
from .avatars.command import learning, parser, train
from .avatars.dataset import load
from .avatars.domain import AVATARS
from .avatars.prompts import SHEET_PROMPTS
from .avatars.vocabulary import ATTRIBUTES, FAMILY
from .codes import Codes
from .edits import Edits, edits
from .inversion import stored_inversions
from .loop import Player, Run, Share, fit
from .pictures import save_sheet, to_network
from .small_clip import load_clip
from .stages.modulator import RATES, begin
from .style_metric import style_metric

_EDITED_BEFORE = 0.25


def _worker(run: Run, arguments: argparse.Namespace) -> None:
    data = load(arguments.data)
    clip = load_clip(arguments.clip, ATTRIBUTES, FAMILY).to(run.device)
    generator = load_generator(arguments.generator / "generator.safetensors").to(run.device)
    encoder = load_encoder(arguments.encoder / "encoder.safetensors")
    encoder = encoder.to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    pictures = data.pictures[0]
    inverted = stored_inversions(encoder, run, pictures)
    codes = Codes.of(torch.from_numpy(data.parameters[0]), generator.num_layers).to(run.device)
    some = torch.from_numpy(data.parameters[0, :10_000]).to(run.device)
    metric = style_metric(generator, codes, codes.w(some))
    model = Modulator(num_layers=generator.num_layers, latent_dim=generator.latent_dim, family=FAMILY)
    begin(model)
    model = model.to(run.device)

    def inversions(rows: np.ndarray | slice) -> Tensor:
        return torch.from_numpy(inverted[rows].astype(np.float32)).to(run.device)

    def edited(batch: Edits) -> Tensor:
        with torch.no_grad():
            e = clip.encode_text(open_clip.tokenize(batch.captions).to(run.device))
        return batch.w + model.modulate(batch.w, e, torch.float32).delta

    def losses(share: Share) -> dict[str, Tensor]:
        rng = share.rng("edits", share.first)
        rows = share.rows(len(inverted))
        avatars, w = [sample(int(row)) for row in rows], inversions(rows)
        # Some have been edited before, and of these some more than once.
        again = np.flatnonzero(rng.random(len(rows)) < _EDITED_BEFORE)
        while len(again):
            earlier = edits(AVATARS, codes, [avatars[i] for i in again], w[again], rng)
            for i, avatar in zip(again, earlier.things, strict=True):
                avatars[i] = avatar
            with torch.no_grad():
                w[again] = edited(earlier)
            again = again[rng.random(len(again)) < _EDITED_BEFORE]
        batch = edits(AVATARS, codes, avatars, w, rng)
        error = edited(batch) - batch.wanted
        along = codes.along(error)
        unseen = error - along @ codes.directions
        return {
            "styles": torch.einsum("blp,lpq->blq", along, metric).square().sum(-1).mean(),
            "codes": 0.02 * along.square().sum(-1).mean(),
            "unseen": 0.01 * unseen.square().mean(),
        }

    player = Player.of("modulator", model, losses, learning(arguments, ema=0.998, clip=1.0, rates=RATES))

    def average() -> Modulator:
        return cast(Modulator, player.averages["network"])

    def drawings(step: int) -> None:
        e = clip.encode_text(open_clip.tokenize(list(SHEET_PROMPTS)).to(run.device))
        sheet_rows = []
        for row in range(min(8, len(inverted))):
            w = inversions(slice(row, row + 1)).expand(len(e), -1, -1)
            drawn = generator(torch.cat([w[:1], w + average()(w, e)]), noise="none")
            sheet_rows.append(torch.cat([to_network(pictures[row : row + 1], run.device), drawn]))
        save_sheet(sheet_rows, run.folder / "edits.png")

    fit(run, [player], sheet=drawings)
    if run.rank == 0:
        save_part(run.folder / "modulator.safetensors", average().cpu(), torch.float32)
        save_part(run.folder / "text_encoder.safetensors", clip.text.cpu())


def main() -> None:
    options = parser(__doc__, steps=5000, batch=128, learning_rate=3e-3)
    options.add_argument("--generator", type=Path, required=True, help="the folder that train_generator wrote")
    options.add_argument("--encoder", type=Path, required=True, help="the folder that train_encoder wrote")
    options.add_argument("--clip", type=Path, required=True, help="clip.pt that train_clip wrote")
    train(_worker, options.parse_args())


if __name__ == "__main__":
    main()
