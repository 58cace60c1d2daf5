"""StyleGAN2's adversarial training, from the auto-encoder's generator, or from scratch where there is none.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020), with the adaptive augmentation of
"Training Generative Adversarial Networks with Limited Data" (NeurIPS 2020). Weeks of a GPU at 1024 px; on a CPU it is
off by default.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from ...networks.discriminator import Discriminator
from ...networks.generator import Generator
from ...tuned_weights import plain
from ..loop import Player, Share, gather
from ..losses.adversarial import lazy, r1, seems_real, told_apart
from ..losses.augmentation import AugmentationControl, augment, draw_changes
from ..losses.generator import PathLength, draw_crossings, mix
from ..losses.weights import PUBLISHED
from ..pictures import save_sheet, to_network
from ..work import Work
from .autoencoder import fast, new_generator

NAME, GIVES, WHAT = "generator", ("generator",), "generator, against a discriminator"


class _Drawing(Player):
    """The generator's side."""

    phases = ("main", "path")

    def __init__(self, work: Work, generator: Generator, control: AugmentationControl) -> None:
        super().__init__("generator", work.learning(NAME))
        self.generator = generator
        self.path = PathLength(gather=gather)
        self.using = (work.weights(NAME), work.device, control)
        self.against: tuple[nn.Module, ...] = ()

    def codes(self, share: Share, name: str) -> Tensor:
        """Codes of this share's pictures, some of them mixed of two."""
        weights, device, _ = self.using
        z = torch.randn(2, share.batch, self.generator.z_dim, generator=share.stream(name))
        first, second = (self.generator.map(share.of(part).to(device)) for part in z)
        crossings = draw_crossings(
            share.batch, self.generator.num_layers, weights.get("mixing", 0.0), share.stream(name, "crossings")
        )
        return mix(first, second, share.of(crossings))

    def forward(self, share: Share) -> dict[str, Tensor]:
        weights, device, control = self.using
        if share.phase == "path":
            every = PUBLISHED["generator"]["path_length"].every
            times = lazy(share.step, every) if "path_length" in weights else 0
            if not times:
                return {}
            side = self.generator.size
            noise = torch.randn(share.batch, 3, side, side, generator=share.stream("path"))
            w, noise = self.codes(share, "path z")[::2], share.of(noise)[::2].to(device)
            return {"path_length": weights["path_length"] * times * self.path(self.generator, w, noise)}
        with share.autocast():
            fake = self.generator(self.codes(share, "z"), noise="random", seed=share.seed_of("noise") + share.first)
            logits = self.against[0](augmented(fake.float(), share, control, "fake seen"))
        return {"adversarial": weights.get("adversarial", 1.0) * seems_real(logits)}


class _Judging(Player):
    """The discriminator's side."""

    phases = ("main", "r1")

    def __init__(self, work: Work, drawing: _Drawing, control: AugmentationControl) -> None:
        super().__init__("discriminator", work.learning(NAME, ema=0.0))
        generator = drawing.generator
        self.discriminator = Discriminator(size=generator.size, channels=dict(generator.channels))
        self.control = control
        self.to(work.device)
        self.using = (work.data, work.weights(NAME), work.device, drawing)

    def forward(self, share: Share) -> dict[str, Tensor]:
        data, weights, device, drawing = self.using
        rows = data.training[share.rows(len(data.training))]
        real = to_network(data.pictures[rows], device)
        if share.rng("mirrored").random() < 0.5 and "augment" in weights:
            real = real.flip(3)
        if share.phase == "r1":
            times = lazy(share.step, PUBLISHED["generator"]["r1"].every) if "r1" in weights else 0
            if not times:
                return {}
            seen = augmented(real, share, self.control, "r1 seen")
            return {"r1": weights["r1"] * times * r1(self.discriminator, seen)}
        with share.autocast():
            with torch.no_grad():
                w = drawing.codes(share, "judged z")
                fake = drawing.generator(w, noise="random", seed=share.seed_of("judged") + share.first).float()
            told = self.discriminator(augmented(real, share, self.control, "real seen"))
            logits = self.discriminator(augmented(fake, share, self.control, "judged seen"))
        if "augment" in weights:
            self.control.update(gather(told.detach().float().flatten()))
        return {"discriminator": told_apart(told, logits)}


def augmented(x: Tensor, share: Share, control: AugmentationControl, name: str) -> Tensor:
    p = float(control.p)
    if not p:
        return x
    size = (x.shape[2], x.shape[3])
    changes = draw_changes(share.batch, p, size, share.stream(name))
    return augment(x, changes[share.first : share.first + share.size])


def train(work: Work) -> None:
    def make() -> list[Player]:
        given = work.parts.get("generator")
        if given is None:
            generator = new_generator(work, work.parts["text_encoder"].embed_dim)
        else:
            generator = copy.deepcopy(plain(given)).requires_grad_(True)
        control = AugmentationControl(target=work.weights(NAME).get("augment", 0.6))
        drawing = _Drawing(work, generator.to(work.device), control)
        judging = _Judging(work, drawing, control)
        drawing.against = (judging.discriminator,)
        return [drawing, judging]

    def sheet(players: Sequence[Player], folder: Path) -> None:
        generator = cast(Generator, players[0].averages["generator"])
        z = torch.randn(16, generator.z_dim, generator=torch.Generator().manual_seed(0)).to(work.device)
        save_sheet([generator(generator.map(z, psi)) for psi in (0.7, 1.0)], folder / "samples.png")

    players = work.fit(NAME, make, _parts, sheet)
    work.finish(NAME, _parts(players))


@torch.no_grad()
def _parts(players: Sequence[Player]) -> dict[str, nn.Module]:
    made = fast({"generator": copy.deepcopy(players[0].averages["generator"]).cpu()})
    generator = made["generator"]
    z = torch.randn(4096, generator.z_dim, generator=torch.Generator().manual_seed(0))  # pyright: ignore
    generator.latent_avg.copy_(generator.style(z).mean(0))  # pyright: ignore
    return made
