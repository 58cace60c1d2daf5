"""Train the e4e encoder for a trained generator: picture → encoder → W+ → synthesis → the same picture.

python -m ffclip.ffclip_core.training.train_encoder DATA RUN --generator GENERATOR_RUN --clip CLIP_RUN/clip.pt

The encoder that trained with the generator is small and less exact than the generator can draw: optimised codes halve
its error. Here a larger one
learns from scratch by the same pixel losses; after a twentieth of the steps the generator learns too. After a fifth
batch statistics are frozen: those of a few pictures are noise to one who must tell exact colours. A linear probe keeps
attributes easy to read from the codes; for the last third the attribute heads of the small CLIP's image tower judge the
reconstructions, a little. The mapping network stays; latent_avg is set to the codes' mean.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ..checkpoints import load_generator, save_part
from ..encoder import Encoder, StyleHead
from . import loop
from .avatars import ATTRIBUTES
from .draw_dataset import SIZE, load
from .judge import attribute_losses
from .train_clip import load_clip
from .train_generator import FAMILY, encode_all, face_weights, laplacian_l1, samples, sheet


class AutoEncoder(nn.Module):
    """The generator of a run of train_generator, a new encoder, and a linear probe of the codes."""

    def __init__(self, generator_run: Path) -> None:
        super().__init__()
        self.generator = load_generator(generator_run / "generator.safetensors")
        layers, latent_dim = self.generator.num_layers, self.generator.latent_dim
        self.encoder = Encoder(
            layers, latent_dim, (SIZE, SIZE), (32, 64, 128, 256), (1, 1, 2, 2), pyramid_width=128, family=FAMILY
        ).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.probe = nn.ModuleDict({name: nn.Linear(layers * latent_dim, len(v)) for name, v in ATTRIBUTES.items()})
        self.generator.style.requires_grad_(False)


def _worker(rank: int, run: loop.Run, generator_run: Path, clip_path: Path) -> None:
    data = load(run.data)
    pictures = data.pictures
    labels = torch.from_numpy(data.labels).long()
    boxes = torch.from_numpy(data.face_boxes)
    clip = load_clip(clip_path)
    model = AutoEncoder(generator_run)
    synthesis = [p for p in model.generator.parameters() if p.requires_grad]

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        done = step / run.steps
        for parameter in synthesis:
            parameter.requires_grad_(done >= 0.05)
        model.encoder.train(done < 0.2)
        side = int(rng.integers(2))
        rows = np.sort(rng.integers(0, len(boxes), run.batch))
        x, seen = loop.to_network(pictures[side][rows]), labels[side][rows]
        w = model.encoder(x)
        y = model.generator(w, noise="none")
        difference = y - x
        codes = w.flatten(1)
        probe = attribute_losses({name: head(codes) for name, head in model.probe.items()}, seen)
        parts = {
            "l1": 2 * (difference.abs() * face_weights(boxes[rows], 4.0)).mean(),
            "laplacian": 2 * laplacian_l1(difference),
            "probe": 0.1 * probe.sum(),
            "attributes": torch.zeros(()),
        }
        if done >= 0.67:
            # Not before: the heads mislead while the pictures are soft. Half of the pictures: CLIP takes time.
            some = slice(0, run.batch // 2)
            read = clip.attributes(clip.features(y[some])[-1])
            parts["attributes"] = 0.05 * (done - 0.67) * attribute_losses(read, seen[some]).sum()
        return parts

    def reconstructions(average: nn.Module, folder: Path) -> None:
        x = loop.to_network(pictures[0][:16])
        with torch.no_grad():
            y = average.generator(average.encoder(x), noise="none")  # pyright: ignore[reportCallIssue]
        sheet([x, y], folder / "reconstructions.png")

    trained = loop.fit(
        rank, run, model, losses, ema=0.998, clip=5.0, faster={"generator": 2.0}, sheet=reconstructions, sheet_every=250
    )
    if rank == 0:
        with torch.no_grad():
            finish(trained, pictures[0][:10_000], run.folder)


def finish(model: AutoEncoder, pictures: np.ndarray, folder: Path) -> None:
    """Set the encoder's latent_avg, and write generator.safetensors and encoder.safetensors."""
    encoder, generator = model.encoder, model.generator
    mean = encode_all(encoder, pictures).mean(0)
    # latent_avg moves out of the heads' biases; the codes stay the same.
    encoder.latent_avg.copy_(mean)
    for i, head in enumerate(encoder.styles):
        cast(StyleHead, head).linear.bias.data -= mean[0] if i == 0 else mean[i] - mean[0]
    save_part(folder / "generator.safetensors", generator)
    save_part(folder / "encoder.safetensors", encoder)
    samples(generator, folder)


def main() -> None:
    parser = loop.parser(__doc__, steps=6000, batch=8, learning_rate=1e-3)
    parser.add_argument("--generator", type=Path, required=True, help="the folder that train_generator wrote")
    parser.add_argument("--clip", type=Path, required=True, help="clip.pt that train_clip wrote")
    arguments = parser.parse_args()
    loop.launch(_worker, arguments, arguments.generator, arguments.clip)


if __name__ == "__main__":
    main()
