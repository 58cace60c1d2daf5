"""Train the e4e encoder: picture → the W+ code of its drawing.

python -m ffclip.ffclip_core.training.train_encoder DATA RUN

The code of each training picture is known (codes.Codes), so the encoder learns it by regression; every parameter of a
drawing counts there, small ones as well as large ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ..checkpoints import save_part
from ..networks.encoder import Encoder, StyleHead
from .avatars.command import learning, parser, train
from .avatars.dataset import load
from .avatars.vocabulary import FAMILY, SIZE
from .codes import LATENT_DIM, Codes
from .loop import Player, Run, Share, fit
from .pictures import soften, to_network

NUM_LAYERS = 10


def _worker(run: Run, arguments: argparse.Namespace) -> None:
    data = load(arguments.data)
    pictures = data.pictures
    space = Codes.of(torch.from_numpy(data.parameters[0]), NUM_LAYERS)
    codes = space.to(run.device)
    encoder = Encoder(
        num_layers=NUM_LAYERS,
        latent_dim=LATENT_DIM,
        input_size=(SIZE, SIZE),
        widths=(32, 64, 128, 256),
        blocks=(1, 1, 2, 2),
        pyramid_width=128,
        family=FAMILY,
    ).to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(share: Share) -> dict[str, Tensor]:
        # At last the batch statistics are frozen: exact colours should not depend on neighbours.
        encoder.train(share.step < 0.7 * run.steps)
        rng = share.rng("picture")
        side, rows = int(rng.integers(2)), np.sort(share.rows(len(data.facts)))
        x = to_network(pictures[side][rows], run.device)
        wanted = codes.w(torch.from_numpy(data.parameters[side, rows]).to(run.device))[:, None]
        with share.autocast():
            w = encoder(soften(x, rng) if rng.random() < 0.25 else x)
        return {"codes": (w.float() - wanted).square().mean()}

    player = Player.of("encoder", encoder, losses, learning(arguments, ema=0.998, clip=1.0))
    fit(run, [player])
    if run.rank == 0:
        finish(cast(Encoder, player.averages["network"].cpu()), space, run.folder)


@torch.no_grad()
def finish(encoder: Encoder, codes: Codes, folder: Path) -> None:
    """Move the mean code out of the first head's bias into latent_avg, add the layers' constants; write the file."""
    first = cast(StyleHead, encoder.styles[0]).linear
    encoder.latent_avg.copy_(codes.offsets + first.bias * first.lr_mul)
    first.bias.zero_()
    save_part(folder / "encoder.safetensors", encoder)


if __name__ == "__main__":
    train(_worker, parser(__doc__, steps=4500, batch=32, learning_rate=2e-3).parse_args())
