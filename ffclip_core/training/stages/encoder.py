"""An encoder for a generator that is there: e4e (Tov et al., "Designing an Encoder for StyleGAN Image Manipulation",
ACM TOG 2021).

It learns from the generator's own pictures, whose codes are known, and, where there are some, from the user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from ...networks.discriminator import LatentDiscriminator
from ...networks.encoder import Encoder
from ...networks.generator import Generator
from ...tuned_weights import plain
from ..loop import Player, Share
from ..losses.adversarial import lazy, r1, seems_real, told_apart
from ..losses.encoder import delta, deltas, open_deltas, perceptual, progressive, reconstruction
from ..losses.modulator import identity
from ..losses.weights import PUBLISHED
from ..pictures import resized, save_sheet, to_network
from ..work import Work
from .autoencoder import fast, new_encoder

NAME, GIVES, WHAT = "encoder", ("encoder",), "encoder, for the generator that is given"
_OPENED = 0.3  # The part of the steps after which deltas begin to open; the last does at half of the others.
_LARGEST = 256  # px at which pictures are compared.


class _Inverting(Player):
    def __init__(self, work: Work, generator: Generator) -> None:
        super().__init__("encoder", work.learning(NAME))
        self.encoder = new_encoder(work, generator.num_layers, generator.latent_dim)
        with torch.no_grad():
            self.encoder.latent_avg.copy_(generator.latent_avg.expand_as(self.encoder.latent_avg))
        self.to(work.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.using = (work, generator)
        self.against: tuple[nn.Module, ...] = ()

    def seen(self, share: Share) -> tuple[Tensor, Tensor | None]:
        """This share's pictures, and the codes they were drawn of: of the generator's own half of them, or all."""
        work, generator = self.using
        z = share.of(torch.randn(share.batch, generator.z_dim, generator=share.stream("z")))
        with torch.no_grad():
            w = generator.map(z.to(work.device), 1.0)
            if len(work.data.training) and share.step % 2:
                rows = work.data.training[share.rows(len(work.data.training))]
                return to_network(work.data.pictures[rows], work.device), None
            return generator(w, noise="random", seed=share.seed_of("noise") + share.first), w

    def codes(self, share: Share, x: Tensor) -> Tensor:
        start = round(_OPENED * share.run.steps)
        layers = self.encoder.num_layers
        opened = open_deltas(share.step, layers, start, max(1, start // (2 * layers)))
        with share.autocast():
            w = self.encoder(resized(x, self.encoder.input_size)).float()
        return progressive(w, self.encoder.latent_avg, opened)

    def forward(self, share: Share) -> dict[str, Tensor]:
        work, generator = self.using
        weights = work.weights(NAME)
        self.encoder.train(share.step < 0.7 * share.run.steps)
        x, known = self.seen(share)
        w = self.codes(share, x)
        found: dict[str, Tensor] = {}
        if known is not None and "latent" in weights:
            found["latent"] = weights["latent"] * (w - known).square().mean()
        if "delta" in weights:
            found["delta"] = weights["delta"] * delta(deltas(w, self.encoder.latent_avg))
        if "latent_adversarial" in weights:
            found["latent_adversarial"] = weights["latent_adversarial"] * seems_real(self.against[0](w))
        of_pictures = weights.keys() & {"reconstruction", "perceptual", "identity"}
        if of_pictures:
            with share.autocast():
                y = generator(w, noise="const")
            y, x = (resized(p.float(), (min(_LARGEST, p.shape[2]), min(_LARGEST, p.shape[3]))) for p in (y, x))
            if "reconstruction" in weights:
                found["reconstruction"] = weights["reconstruction"] * reconstruction(y, x)
            tower, who = work.parts.get("image_encoder"), work.parts.get("identity")
            if "perceptual" in weights and tower is not None:
                found["perceptual"] = weights["perceptual"] * perceptual(tower.features, y, x)
            if "identity" in weights and (who or tower) is not None:
                embed = who.embed if who is not None else tower.encode  # pyright: ignore[reportOptionalMemberAccess]
                found["identity"] = weights["identity"] * identity(embed, y, x)
        return found


class _Editable(Player):
    """The latent discriminator's side: the mapping network's codes are real, the encoder's are not."""

    phases = ("main", "r1")

    def __init__(self, work: Work, inverting: _Inverting, generator: Generator) -> None:
        super().__init__("latent discriminator", work.learning(NAME, ema=0.0))
        self.discriminator = LatentDiscriminator(latent_dim=generator.latent_dim)
        self.to(work.device)
        self.using = (work, inverting, generator)

    def forward(self, share: Share) -> dict[str, Tensor]:
        work, inverting, generator = self.using
        weights = work.weights(NAME)
        with torch.no_grad():
            z = share.of(torch.randn(share.batch, generator.z_dim, generator=share.stream("real")))
            real = generator.map(z.to(work.device))[:, 0]
        if share.phase == "r1":
            times = lazy(share.step, PUBLISHED["encoder"]["r1"].every) if "r1" in weights else 0
            return {"r1": weights["r1"] * times * r1(self.discriminator, real)} if times else {}
        with torch.no_grad():
            fake = inverting.codes(share, inverting.seen(share)[0])
        return {"latent discriminator": told_apart(self.discriminator(real), self.discriminator(fake))}


def train(work: Work) -> None:
    generator = plain(work.parts["generator"]).to(work.device).eval().requires_grad_(False)

    def make() -> list[Player]:
        inverting = _Inverting(work, generator)
        if "latent_adversarial" not in work.weights(NAME):
            return [inverting]
        against = _Editable(work, inverting, generator)
        inverting.against = (against.discriminator,)
        return [inverting, against]

    def sheet(players: Sequence[Player], folder: Path) -> None:
        encoder = cast(Encoder, players[0].averages["encoder"])
        z = torch.randn(8, generator.z_dim, generator=torch.Generator().manual_seed(0)).to(work.device)
        x = generator(generator.map(z, 0.7))
        rows = [x, generator(encoder(resized(x, encoder.input_size)))]
        if len(work.data.held_out):
            x = to_network(work.data.pictures[work.data.held_out[:8]], work.device)
            rows += [x, generator(encoder(resized(x, encoder.input_size)))] if len(x) == 8 else []
        save_sheet(rows, folder / "inversions.png")

    players = work.fit(NAME, make, lambda players: fast(players[0].averages), sheet)
    work.finish(NAME, fast(players[0].averages))
