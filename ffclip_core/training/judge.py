"""Train the judge of edits, a small classifier of the drawn attributes.

python -m ffclip.ffclip_core.training.judge DATA RUN [--pictures 60000]

It is trained on the drawings of the first seeds, which are drawn into DATA where they are not there yet.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from .avatars.command import count, learning, parser, train
from .avatars.domain import AVATARS
from .avatars.judge import Judge
from .avatars.vocabulary import SIZE
from .drawings import Drawings, Known
from .loop import Player, Run, Share, fit, wait_for_all
from .losses.labels import attribute_losses
from .pictures import roughen, to_network
from .sources import prepare
from .sources.data import load

JUDGE = "judge.pt"


def _worker(run: Run, arguments: argparse.Namespace) -> None:
    drawings, folder = Drawings(AVATARS, SIZE), arguments.data / "pictures"
    if run.rank == 0:
        prepare(drawings, folder, SIZE, limit=arguments.pictures)
        Known.of(drawings, arguments.pictures, arguments.data / "known.npz")
    wait_for_all()
    pictures = load(folder).pictures
    known = Known.of(drawings, arguments.pictures, arguments.data / "known.npz")
    labels = torch.from_numpy(known.labels).long().to(run.device)
    judge = Judge().to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(share: Share) -> dict[str, Tensor]:
        rows = share.rows(len(pictures))
        logits = judge(roughen(to_network(pictures[rows], run.device), share.rng("picture")))
        return {"attributes": attribute_losses(logits, labels[rows]).sum()}

    player = Player.of("judge", judge, losses, learning(arguments))
    fit(run, [player])
    if run.rank == 0:
        torch.save(judge.cpu().state_dict(), run.folder / JUDGE)


def main() -> None:
    options = parser(__doc__, steps=1500, batch=48, learning_rate=2e-3)
    options.add_argument("--pictures", type=count, default=60_000, help="how many are drawn")
    train(_worker, options.parse_args())


if __name__ == "__main__":
    main()
