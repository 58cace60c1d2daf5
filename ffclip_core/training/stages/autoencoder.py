"""Generator and encoder together, as an auto-encoder: picture → encoder → W+ → synthesis → the same picture.

No adversary: on a CPU, and with few pictures, this is what gives a generator that can be edited within minutes; the
adversarial stage may go on from it. When it ends, the mapping network is fitted to the Gaussian of the codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...execution.encoder import FastEncoder
from ...execution.generator import FastGenerator
from ...networks.encoder import Encoder
from ...networks.generator import Generator
from ..inversion import codes_of
from ..loop import Player, Share
from ..losses.autoencoder import feature_l1, l1, laplacian_l1
from ..losses.modulator import latent_l2
from ..mapping import fit_mapping
from ..pictures import resized, save_sheet, soften, to_network
from ..work import Work

NAME, GIVES, WHAT = "autoencoder", ("generator", "encoder"), "generator and encoder, as an auto-encoder"
CHANNELS = {4: 128, 8: 128, 16: 96, 32: 48, 64: 24}
LARGE_CHANNELS = {4: 160, 8: 160, 16: 128, 32: 80, 64: 40, 128: 24, 256: 12, 512: 8, 1024: 8}
"""Of pictures of more than 64 px."""
_STILL = 0.7  # The part of the steps after which batch statistics are frozen: colours depend on no neighbours.
_SOFT = 0.25
_FITTED = 20_000  # Codes that the mapping network is fitted to, at most.


def new_generator(work: Work, latent_dim: int) -> Generator:
    size = work.data.size
    channels = {side: count for side, count in (CHANNELS if size <= 64 else LARGE_CHANNELS).items() if side <= size}
    return Generator(size=size, channels=channels, latent_dim=latent_dim, num_mapping_layers=4, family=work.family)


def new_encoder(work: Work, num_layers: int, latent_dim: int, deltas: bool = True) -> Encoder:
    side = min(128, max(64, work.data.size))
    return Encoder(
        num_layers=num_layers,
        latent_dim=latent_dim,
        input_size=(side, side),
        widths=(32, 64, 128, 256),
        blocks=(1, 1, 2, 2),
        pyramid_width=128 if deltas else 96,
        deltas=deltas,
        family=work.family,
    )


class _AutoEncoder(Player):
    def __init__(self, work: Work) -> None:
        super().__init__("autoencoder", work.learning(NAME))
        latent_dim = work.parts["text_encoder"].embed_dim
        self.generator = new_generator(work, latent_dim)
        self.generator.style.requires_grad_(False)  # Fitted at the end.
        self.encoder = new_encoder(work, self.generator.num_layers, latent_dim)
        self.to(work.device)
        self.encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.using = (work.data, work.weights(NAME), work.device, work.parts.get("image_encoder"))

    def forward(self, share: Share) -> dict[str, Tensor]:
        data, weights, device, tower = self.using
        self.encoder.train(share.step < _STILL * share.run.steps)
        rows = data.training[share.rows(len(data.training))]
        x = to_network(data.pictures[rows], device)
        rng = share.rng("soften")
        with share.autocast():
            seen = soften(x, rng) if rng.random() < _SOFT else x
            w = self.encoder(resized(seen, self.encoder.input_size))
            y = self.generator(w.float(), noise="none").float()
        found = {
            "l1": lambda: l1(y, x),
            "laplacian": lambda: laplacian_l1(y - x),
            "latent_l2": lambda: latent_l2(w.float()),
        }
        if tower is not None:
            found["features"] = lambda: feature_l1(tower.features, y, x)
        return {name: weights[name] * loss() for name, loss in found.items() if name in weights}


def train(work: Work) -> None:
    def sheet(players: Sequence[Player], folder: Path) -> None:
        encoder, generator = (cast(Any, players[0].averages[kind]) for kind in ("encoder", "generator"))
        x = to_network(work.data.pictures[work.data.held_out[:16]], work.device)
        save_sheet(
            [x, generator(encoder(resized(x, encoder.input_size)), noise="none")], folder / "reconstructions.png"
        )

    players = work.fit(NAME, lambda: [_AutoEncoder(work)], lambda players: fast(players[0].averages), sheet)
    parts = fast(players[0].averages)
    if work.process.rank == 0:
        finish(work, parts["encoder"], parts["generator"])  # pyright: ignore[reportArgumentType]
    work.finish(NAME, parts)


def fast(networks: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """The networks as they are used, of those that are trained."""
    made: dict[str, nn.Module] = {}
    for kind, of in (("generator", FastGenerator), ("encoder", FastEncoder)):
        if kind in networks:
            with torch.device("cpu"):
                made[kind] = of(family=networks[kind].family, **vars(networks[kind].config))  # pyright: ignore
            made[kind].load_state_dict(networks[kind].state_dict())
    return made


@torch.no_grad()
def finish(work: Work, encoder: Encoder, generator: Generator) -> None:
    """Fit the mapping network to the Gaussian of the codes, draw the constant noise, and a sheet of random samples."""
    rows = work.data.training[:_FITTED]
    codes = codes_of(encoder, work.data.pictures[rows])
    fit_mapping(generator, codes.mean(1), min(3000, 3 * len(rows)))
    draw_noise(generator)
    sample_sheet(generator, work.folder(NAME) / "samples.png")


@torch.no_grad()
def draw_noise(generator: Generator) -> None:
    """The constant noise, the same for every generator of a size."""
    for i in range(generator.num_layers - 1):
        stream = torch.Generator().manual_seed(i)
        getattr(generator.noises, f"noise_{i}").copy_(torch.randn(1, 1, *generator.noise_shape(i), generator=stream))


@torch.no_grad()
def sample_sheet(generator: Generator, path: Path) -> None:
    """Random samples, below them the same untruncated."""
    z = torch.randn(16, generator.latent_dim, generator=torch.Generator().manual_seed(0))
    save_sheet([generator(generator.map(z, psi)) for psi in (0.7, 1.0)], path)
