"""Train the judge of edits, a small classifier of the drawn attributes.

python -m ffclip.ffclip_core.training.judge DATA RUN
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import settings
from .avatars.dataset import load
from .avatars.judge import Judge
from .losses import attribute_losses
from .pictures import roughen, to_network
from .plain_loop import fit
from .processes import launch

JUDGE = "judge.pt"


def _worker(rank: int, run: settings.Run) -> None:
    data = load(run.data)
    pictures = data.pictures
    labels = torch.from_numpy(data.labels).long().to(run.device)
    judge = Judge().to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        side = int(rng.integers(2))
        rows = rng.integers(0, len(pictures[0]), run.batch)
        logits = judge(roughen(to_network(pictures[side][rows], run.device), rng))
        return {"attributes": attribute_losses(logits, labels[side][rows]).sum()}

    trained = fit(rank, run, judge, losses)
    if rank == 0:
        torch.save(trained.state_dict(), run.folder / JUDGE)


if __name__ == "__main__":
    launch(_worker, settings.parser(__doc__, steps=1500, batch=48, learning_rate=2e-3).parse_args())
