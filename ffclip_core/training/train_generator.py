"""Train the generator on drawings whose every parameter is known: parameters → w → StyleGAN2 synthesis → the drawing.

python -m ffclip.ffclip_core.training.train_generator DATA RUN

What a picture was drawn from (avatars/parameters.py) has a code w (codes.Codes), the same for all layers, so W draws
people and every attribute has its place there, small ones such as mouths as well as large ones. No adversary and no
encoder: L1, most of it on the face, and a Laplacian pyramid. When training ends, the mapping network is fitted to the
Gaussian of the codes, and latent_avg is set to their mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ..checkpoints import save_part
from ..networks.generator import Generator
from .avatars.command import learning, parser, train
from .avatars.dataset import load
from .avatars.vocabulary import FAMILY, SIZE
from .codes import LATENT_DIM, Codes
from .loop import Player, Run, Share, fit
from .losses.autoencoder import pixel_losses
from .mapping import fit_mapping
from .pictures import save_sheet, to_network

CHANNELS = {4: 128, 8: 128, 16: 96, 32: 48, 64: 24}


def _worker(run: Run, arguments: argparse.Namespace) -> None:
    data = load(arguments.data)
    pictures = data.pictures
    boxes = torch.from_numpy(data.face_boxes).to(run.device)
    generator = Generator(size=SIZE, channels=CHANNELS, latent_dim=LATENT_DIM, num_mapping_layers=4, family=FAMILY)
    generator = generator.to(run.device)
    generator.style.requires_grad_(False)  # Fitted at the end.
    space = Codes.of(torch.from_numpy(data.parameters[0]), generator.num_layers)
    codes = space.to(run.device)

    def drawn(network: Generator, side: int, rows: np.ndarray) -> Tensor:
        w = codes.w(torch.from_numpy(data.parameters[side, rows]).to(run.device))
        return network(w[:, None].expand(-1, network.num_layers, -1), noise="none")

    def losses(share: Share) -> dict[str, Tensor]:
        side, rows = int(share.rng("side").integers(2)), np.sort(share.rows(len(boxes)))
        # Coarser numbers are faster, and do until the end is near.
        with share.autocast(share.step < 0.8 * run.steps):
            picture = drawn(generator, side, rows)
        return pixel_losses(picture.float() - to_network(pictures[side][rows], run.device), boxes[rows])

    player = Player.of("generator", generator, losses, learning(arguments, ema=0.998, clip=5.0))

    def average() -> Generator:
        return cast(Generator, player.averages["network"])

    def drawings(step: int) -> None:
        some = np.arange(min(16, len(boxes)))
        rows = [to_network(pictures[0][some], run.device), drawn(average(), 0, some)]
        save_sheet(rows, run.folder / "drawings.png")

    fit(run, [player], sheet=drawings)
    if run.rank == 0:
        # A trial of a few steps shall not end in thousands.
        finish(average().cpu(), space, torch.from_numpy(data.parameters[0]), run.folder, min(3000, run.steps))


@torch.no_grad()
def finish(generator: Generator, codes: Codes, parameters: Tensor, folder: Path, mapping_steps: int) -> None:
    """Fit the mapping network, draw the constant noise, write generator.safetensors and a sheet of random samples."""
    codes.restrict(generator)
    fit_mapping(generator, codes.w(parameters), mapping_steps)
    for i in range(generator.num_layers - 1):
        stream = torch.Generator().manual_seed(i)
        getattr(generator.noises, f"noise_{i}").copy_(torch.randn(1, 1, *generator.noise_shape(i), generator=stream))
    save_part(folder / "generator.safetensors", generator)
    z = torch.randn(16, generator.latent_dim, generator=torch.Generator().manual_seed(0))
    save_sheet([generator(generator.map(z, truncation)) for truncation in (0.7, 1.0)], folder / "samples.png")


if __name__ == "__main__":
    train(_worker, parser(__doc__, steps=16000, batch=16, learning_rate=2e-2).parse_args())
