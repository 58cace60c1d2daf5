"""Train the generator on drawings whose every parameter is known: parameters → w → StyleGAN2 synthesis → the drawing.

python -m ffclip.ffclip_core.training.train_generator DATA RUN

What a picture was drawn from (avatars.parameters) has a code w (codes.Codes), the same for all layers, so W draws
people and every attribute has its place there, small ones such as mouths as well as large ones. No adversary and no
encoder: L1, most of it on the face, and a Laplacian pyramid. When training ends, the mapping network is fitted to the
Gaussian of the codes, and latent_avg is set to their mean.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..checkpoints import save_part
from ..networks.generator import Generator
from . import loop
from .codes import LATENT_DIM, Codes
from .draw_dataset import SIZE, load

FAMILY = "avatars"
CHANNELS = {4: 128, 8: 128, 16: 96, 32: 48, 64: 24}


def laplacian_l1(difference: Tensor, levels: int = 5) -> Tensor:
    """Mean absolute value of every level of the Laplacian pyramid of a difference of pictures, summed."""
    total = difference.new_zeros(())
    for _ in range(levels - 1):
        small = F.avg_pool2d(difference, 2)
        total = total + (difference - F.interpolate(small, scale_factor=2, mode="nearest")).abs().mean()
        difference = small
    return total + difference.abs().mean()


def face_weights(boxes: Tensor, inside: float) -> Tensor:
    """Maps [B, 1, 64, 64] that are `inside` in the boxes (fractions of the side) and 1 elsewhere."""
    centres = (torch.arange(SIZE) + 0.5) / SIZE
    left, top, right, bottom = boxes[:, :, None].unbind(1)
    columns, rows = (centres > left) & (centres < right), (centres > top) & (centres < bottom)
    return 1 + (inside - 1) * (rows[:, None, :, None] & columns[:, None, None, :]).float()


def pixel_losses(difference: Tensor, boxes: Tensor) -> dict[str, Tensor]:
    """The losses of a difference of pictures [B, 3, 64, 64] whose faces are in the boxes."""
    return {
        "l1": 2 * (difference.abs() * face_weights(boxes, 4.0)).mean(),
        "laplacian": 2 * laplacian_l1(difference),
    }


def sheet(rows: list[Tensor], path: Path) -> None:
    """Save rows of pictures [N, 3, H, W] in [-1, 1] below each other, twice their size."""
    picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    picture = picture.add(1).mul(127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(picture).resize((2 * picture.shape[1], 2 * picture.shape[0]), Image.Resampling.NEAREST).save(path)


def _worker(rank: int, run: loop.Run) -> None:
    data = load(run.data)
    pictures = data.pictures
    boxes = torch.from_numpy(data.face_boxes)
    generator = Generator(size=SIZE, channels=CHANNELS, latent_dim=LATENT_DIM, num_mapping_layers=4, family=FAMILY)
    generator.style.requires_grad_(False)  # Fitted at the end.
    codes = Codes.of(torch.from_numpy(data.parameters[0]), generator.num_layers)

    def drawn(network: Generator, side: int, rows: np.ndarray) -> Tensor:
        w = codes.w(torch.from_numpy(data.parameters[side, rows]))
        return network(w[:, None].expand(-1, network.num_layers, -1), noise="none")

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        side = int(rng.integers(2))
        rows = np.sort(rng.integers(0, len(boxes), run.batch))
        # Coarser numbers are faster, and do until the end is near.
        with torch.autocast("cpu", torch.bfloat16, enabled=step < 0.8 * run.steps):
            picture = drawn(generator, side, rows)
        return pixel_losses(picture.float() - loop.to_network(pictures[side][rows]), boxes[rows])

    def drawings(average: Generator, folder: Path) -> None:
        with torch.no_grad():
            sheet([loop.to_network(pictures[0][:16]), drawn(average, 0, np.arange(16))], folder / "drawings.png")

    trained = loop.fit(rank, run, generator, losses, ema=0.998, clip=5.0, sheet=drawings, sheet_every=250)
    if rank == 0:
        # A trial of a few steps shall not end in thousands.
        finish(trained, codes, torch.from_numpy(data.parameters[0]), run.folder, min(3000, run.steps))


@torch.no_grad()
def finish(generator: Generator, codes: Codes, parameters: Tensor, folder: Path, mapping_steps: int) -> None:
    """Fit the mapping network, draw the constant noise, write generator.safetensors and a sheet of random samples."""
    codes.restrict(generator)
    _fit_mapping(generator, codes.w(parameters), mapping_steps)
    for i in range(generator.num_layers - 1):
        stream = torch.Generator().manual_seed(i)
        getattr(generator.noises, f"noise_{i}").copy_(torch.randn(1, 1, *generator.noise_shape(i), generator=stream))
    save_part(folder / "generator.safetensors", generator)
    z = torch.randn(16, generator.latent_dim, generator=torch.Generator().manual_seed(0))
    sheet([generator(generator.map(z, truncation)) for truncation in (0.7, 1.0)], folder / "samples.png")


def _fit_mapping(generator: Generator, codes: Tensor, steps: int) -> None:
    """Fit the mapping network to the Gaussian of codes [N, D]: z in principal coordinates ↦ that Gaussian's point."""
    mean = codes.mean(0)
    spread, axes = torch.linalg.eigh((codes - mean).T @ (codes - mean) / len(codes))
    project = axes * spread.clamp_min(0).sqrt()
    generator.style.requires_grad_(True)
    stream = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(generator.style.parameters(), 2e-3, betas=(0.9, 0.99))
    with torch.enable_grad():
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 2e-3 * (1 - step / steps)
            z = torch.randn(256, codes.shape[1], generator=stream)
            wanted = mean + F.normalize(z, dim=-1) * z.shape[1] ** 0.5 @ project.T
            loss = (generator.style(z) - wanted).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    generator.latent_avg.copy_(mean)


if __name__ == "__main__":
    loop.launch(_worker, loop.parser(__doc__, steps=16000, batch=16, learning_rate=2e-2).parse_args())
