"""Train the judge of edits, a small classifier of the drawn attributes.

python -m ffclip.ffclip_core.training.judge DATA RUN
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from .avatars.command import learning, parser, train
from .avatars.dataset import load
from .avatars.judge import Judge
from .loop import Player, Run, Share, fit
from .losses.labels import attribute_losses
from .pictures import roughen, to_network

JUDGE = "judge.pt"


def _worker(run: Run, arguments: argparse.Namespace) -> None:
    data = load(arguments.data)
    pictures = data.pictures
    labels = torch.from_numpy(data.labels).long().to(run.device)
    judge = Judge().to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(share: Share) -> dict[str, Tensor]:
        rng = share.rng("picture")
        side, rows = int(rng.integers(2)), share.rows(len(pictures[0]))
        logits = judge(roughen(to_network(pictures[side][rows], run.device), rng))
        return {"attributes": attribute_losses(logits, labels[side][rows]).sum()}

    player = Player.of("judge", judge, losses, learning(arguments))
    fit(run, [player])
    if run.rank == 0:
        torch.save(judge.cpu().state_dict(), run.folder / JUDGE)


if __name__ == "__main__":
    train(_worker, parser(__doc__, steps=1500, batch=48, learning_rate=2e-3).parse_args())
