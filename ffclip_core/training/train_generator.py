"""Train the generator together with a small encoder: picture → encoder → W+ → StyleGAN2 synthesis → the same picture.

python -m ffclip.ffclip_core.training.train_generator DATA RUN --clip CLIP_RUN/clip.pt

No adversary: L1, most of it on the face, a Laplacian pyramid, the features of the small CLIP's image tower, and its
attribute heads on the reconstruction. A linear probe on the codes keeps attributes easy to read there. In one batch of
eight all layers share the encoder's first code, so that W (not only W+) draws people; when training ends, the mapping
network is fitted to the Gaussian of these codes, and latent_avg is set to their mean. The encoder is thrown away:
train_encoder makes a better one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..checkpoints import save_part
from ..encoder import Encoder
from ..generator import Generator
from . import loop
from .avatars import ATTRIBUTES
from .draw_dataset import SIZE, load
from .judge import attribute_losses
from .train_clip import SmallCLIP, load_clip

FAMILY = "avatars"
LATENT_DIM = 256
CHANNELS = {4: 128, 8: 128, 16: 96, 32: 48, 64: 24}


class AutoEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = Generator(SIZE, CHANNELS, LATENT_DIM, num_mapping_layers=4, family=FAMILY)
        layers = self.generator.num_layers
        self.encoder = Encoder(
            layers, LATENT_DIM, (SIZE, SIZE), (16, 48, 96, 128), (1, 1, 2, 1), pyramid_width=96, family=FAMILY
        ).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.probe = nn.ModuleDict({name: nn.Linear(layers * LATENT_DIM, len(v)) for name, v in ATTRIBUTES.items()})
        self.generator.style.requires_grad_(False)  # Fitted at the end.


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


def feature_l1(clip: SmallCLIP, drawn: Tensor, wanted: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Distance of pictures from wanted features (of SmallCLIP.features), and the pictures' embedding."""
    features = clip.features(drawn)
    distances = [(a - b).abs().mean() / b.abs().mean() for a, b in zip(features[:-1], wanted, strict=False)]
    return torch.stack(distances).sum(), features[-1]


def sheet(rows: list[Tensor], path: Path) -> None:
    """Save rows of pictures [N, 3, H, W] in [-1, 1] below each other, twice their size."""
    picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    picture = picture.add(1).mul(127.5).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(picture).resize((2 * picture.shape[1], 2 * picture.shape[0]), Image.Resampling.NEAREST).save(path)


def _worker(rank: int, run: loop.Run, clip_path: Path) -> None:
    data = load(run.data)
    pictures = data.pictures
    labels = torch.from_numpy(data.labels).long()
    boxes = torch.from_numpy(data.face_boxes)
    clip = load_clip(clip_path)
    model = AutoEncoder()

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # Attribute heads mislead while the pictures are still blurs.
        attribute_weight = 0.03 * min(max(4 * step / run.steps - 1, 0), 1)
        side = int(rng.integers(2))
        rows = np.sort(rng.integers(0, len(boxes), run.batch))
        x, seen = loop.to_network(pictures[side][rows]), labels[side][rows]
        w = model.encoder(x)
        shared = step % 8 == 7
        y = model.generator(w[:, :1].expand_as(w) if shared else w, noise="none")
        difference = y - x
        with torch.no_grad():
            wanted = clip.features(x)
        distance, embedding = feature_l1(clip, y, wanted)
        codes = w.flatten(1)
        probe = attribute_losses({name: head(codes) for name, head in model.probe.items()}, seen)
        return {
            "l1": 2 * (difference.abs() * face_weights(boxes[rows], 4.0)).mean(),
            "laplacian": 2 * laplacian_l1(difference),
            "features": 0.15 * distance,
            "attributes": attribute_weight * attribute_losses(clip.attributes(embedding), seen).sum(),
            "probe": 0.02 * probe.sum(),
        }

    def reconstructions(average: nn.Module, folder: Path) -> None:
        x = loop.to_network(pictures[0][:16])
        with torch.no_grad():
            w = average.encoder(x)  # pyright: ignore[reportCallIssue]
            first = w[:, :1].expand_as(w)
            drawn = [average.generator(code, noise="none") for code in (w, first)]  # pyright: ignore[reportCallIssue]
        sheet([x, *drawn], folder / "reconstructions.png")

    trained = loop.fit(rank, run, model, losses, ema=0.998, clip=5.0, faster={"generator": 4.0}, sheet=reconstructions)
    if rank == 0:
        finish(trained, pictures[0][:10_000], run.folder)


@torch.no_grad()
def encode_all(encoder: Encoder, pictures: np.ndarray) -> Tensor:
    """Codes [N, L, D] of all pictures uint8 [N, H, W, 3]."""
    return torch.cat([encoder(loop.to_network(pictures[i : i + 250])) for i in range(0, len(pictures), 250)])


def finish(model: AutoEncoder, pictures: np.ndarray, folder: Path) -> None:
    """Fit the mapping network to the pictures' first codes, draw the constant noise, write generator.safetensors."""
    generator = model.generator
    _fit_mapping(generator, encode_all(model.encoder, pictures)[:, 0])
    for i in range(generator.num_layers - 1):
        stream = torch.Generator().manual_seed(i)
        getattr(generator.noises, f"noise_{i}").copy_(torch.randn(1, 1, *generator.noise_shape(i), generator=stream))
    save_part(folder / "generator.safetensors", generator)
    samples(generator, folder)


def samples(generator: Generator, folder: Path) -> None:
    """Save random avatars, truncated (first row) and not, as samples.png."""
    z = torch.randn(16, generator.latent_dim, generator=torch.Generator().manual_seed(0))
    sheet([generator(generator.map(z, truncation)) for truncation in (0.7, 1.0)], folder / "samples.png")


def _fit_mapping(generator: Generator, codes: Tensor, steps: int = 3000) -> None:
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


def main() -> None:
    parser = loop.parser(__doc__, steps=5200, batch=8, learning_rate=2.5e-3)
    parser.add_argument("--clip", type=Path, required=True, help="clip.pt that train_clip wrote")
    arguments: argparse.Namespace = parser.parse_args()
    loop.launch(_worker, arguments, arguments.clip)


if __name__ == "__main__":
    main()
