"""The judge: a small classifier of the drawn attributes that measures edits. It enters no loss.

python -m ffclip.ffclip_core.training.judge DATA RUN trains it (six minutes on one CPU core).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import loop
from .avatars import ATTRIBUTES
from .draw_dataset import load

JUDGE = "judge.pt"


class Judge(nn.Module):
    """Pictures [B, 3, 64, 64] in [-1, 1] → for every attribute of ATTRIBUTES the logits of its values."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 64, 128)
        layers: list[nn.Module] = []
        for before, after in zip((3, *widths), widths, strict=False):
            for inner in (before, after):
                layers += [nn.Conv2d(inner, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(widths[-1] * 16, 256), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(256, len(values)) for name, values in ATTRIBUTES.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.body(x)
        return {name: head(features) for name, head in self.heads.items()}


def load_judge(path: str | Path) -> Judge:
    judge = Judge()
    judge.load_state_dict(torch.load(path, weights_only=True))
    return judge.eval().requires_grad_(False)


def attribute_losses(logits: dict[str, Tensor], labels: Tensor) -> Tensor:
    """Cross-entropy per attribute, [attributes]; labels [B, attributes], -1 where there is none."""
    columns = zip(logits.values(), labels.T, strict=True)
    return torch.stack([F.cross_entropy(x, y, ignore_index=-1, reduction="sum") / len(y) for x, y in columns])


def soften(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Pictures as they look enlarged from a smaller size, down to a half."""
    size = x.shape[-1]
    small = F.interpolate(x, size=int(rng.integers(size // 2, size)), mode="bilinear", antialias=True)
    return F.interpolate(small, size=size, mode="bilinear").contiguous(memory_format=torch.channels_last)


def roughen(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Move pictures by up to 2 px and soften a third of the batches, so that a drawing's crispness is no cue."""
    shift = tuple(rng.integers(-2, 3, 2))
    if rng.random() < 0.33:
        x = soften(x, rng)
    return x.roll(shift, (2, 3)).contiguous(memory_format=torch.channels_last)


def _worker(rank: int, run: loop.Run) -> None:
    data = load(run.data)
    pictures = data.pictures
    labels = torch.from_numpy(data.labels).long()
    judge = Judge().to(memory_format=torch.channels_last)

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        side = int(rng.integers(2))
        rows = rng.integers(0, len(pictures[0]), run.batch)
        logits = judge(roughen(loop.to_network(pictures[side][rows]), rng))
        return {"attributes": attribute_losses(logits, labels[side][rows]).sum()}

    trained = loop.fit(rank, run, judge, losses)
    if rank == 0:
        torch.save(trained.state_dict(), run.folder / JUDGE)


if __name__ == "__main__":
    loop.launch(_worker, loop.parser(__doc__, steps=1500, batch=48, learning_rate=2e-3).parse_args())
