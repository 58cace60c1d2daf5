"""Train the e4e encoder for a trained generator: picture → encoder → W+ → synthesis → the same picture.

python -m ffclip.ffclip_core.training.train_encoder DATA RUN --generator GENERATOR_RUN

The code that draws each training picture is known (train_generator's conditioning network), so the encoder learns it
by regression; every part of the picture counts there, small ones as well as large ones. Beside it the pixel losses of
the picture drawn from the encoder's code, which grow as the codes become right. The generator stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ..checkpoints import load_generator, save_part
from ..encoder import Encoder, StyleHead
from . import loop
from .draw_dataset import SIZE, load
from .train_generator import FAMILY, load_condition, pixel_losses, sheet


@torch.no_grad()
def encode_all(encoder: Encoder, pictures: np.ndarray) -> Tensor:
    """Codes [N, L, D] of all pictures uint8 [N, H, W, 3]."""
    return torch.cat([encoder(loop.to_network(pictures[i : i + 250])) for i in range(0, len(pictures), 250)])


def _worker(rank: int, run: loop.Run, generator_run: Path) -> None:
    data = load(run.data)
    pictures = data.pictures
    parameters = torch.from_numpy(data.parameters)
    boxes = torch.from_numpy(data.face_boxes)
    generator = load_generator(generator_run / "generator.safetensors").requires_grad_(False)
    condition = load_condition(generator_run)
    layers, latent_dim = generator.num_layers, generator.latent_dim
    encoder = Encoder(
        layers, latent_dim, (SIZE, SIZE), (32, 64, 128, 256), (1, 1, 2, 2), pyramid_width=128, family=FAMILY
    ).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    codes = condition(parameters[0])
    variance = codes.var(0).mean()
    with torch.no_grad():
        # latent_avg stays zero until training ends: the first head's bias begins at the mean instead.
        cast(StyleHead, encoder.styles[0]).linear.bias.copy_(codes.mean(0))
    drawn = max(run.batch // 4, 1)

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        done = step / run.steps
        encoder.train(done < 0.7)  # Then batch statistics are frozen: exact colours should not depend on neighbours.
        side = int(rng.integers(2))
        rows = np.sort(rng.integers(0, len(boxes), run.batch))
        x = loop.to_network(pictures[side][rows])
        w = encoder(x)
        error = (w - condition(parameters[side][rows])[:, None]).square().mean() / variance
        result = {"codes": 2 * error}
        pixels = pixel_losses(generator(w[:drawn], noise="none") - x[:drawn], boxes[rows[:drawn]])
        return result | {name: (0.1 + 0.9 * done) * loss for name, loss in pixels.items()}

    def reconstructions(average: Encoder, folder: Path) -> None:
        x = loop.to_network(pictures[0][:16])
        with torch.no_grad():
            sheet([x, generator(average(x), noise="none")], folder / "reconstructions.png")

    trained = loop.fit(rank, run, encoder, losses, ema=0.995, clip=5.0, sheet=reconstructions, sheet_every=250)
    if rank == 0:
        with torch.no_grad():
            finish(trained, pictures[0][:10_000], run.folder)


def finish(encoder: Encoder, pictures: np.ndarray, folder: Path) -> None:
    """Set latent_avg to the mean code and write encoder.safetensors."""
    mean = encode_all(encoder, pictures).mean(0)
    # latent_avg moves out of the heads' biases; the codes stay the same.
    encoder.latent_avg.copy_(mean)
    for i, head in enumerate(encoder.styles):
        cast(StyleHead, head).linear.bias.data -= mean[0] if i == 0 else mean[i] - mean[0]
    save_part(folder / "encoder.safetensors", encoder)


def main() -> None:
    parser = loop.parser(__doc__, steps=2500, batch=24, learning_rate=1.5e-3)
    parser.add_argument("--generator", type=Path, required=True, help="the folder that train_generator wrote")
    arguments = parser.parse_args()
    loop.launch(_worker, arguments, arguments.generator)


if __name__ == "__main__":
    main()
