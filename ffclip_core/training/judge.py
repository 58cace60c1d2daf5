"""Train the judge of a domain's edits, a small classifier of what is drawn.

python -m ffclip.ffclip_core.training.judge DATA RUN --domain module:name [--size 64] [--pictures 60000]

It is trained on the drawings of the first seeds, which are drawn into DATA where they are not there yet.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from .avatars.command import count, learning, parser, train
from .brought import brought_domain
from .drawings import Drawings, Known
from .evaluation.drawn_judge import DrawnJudge
from .loop import Player, Run, Share, fit, wait_for_all
from .losses.labels import attribute_losses
from .pictures import roughen, to_network
from .sources import prepare
from .sources.data import load

JUDGE = "judge.pt"


def _worker(run: Run, arguments: argparse.Namespace) -> None:
    drawings = Drawings(brought_domain(arguments.domain), arguments.size)
    folder = arguments.data / "pictures"
    if run.rank == 0:
        prepare(drawings, folder, arguments.size, limit=arguments.pictures)
        Known.of(drawings, arguments.pictures, arguments.data / "known.npz")
    wait_for_all()
    pictures = load(folder).pictures
    known = Known.of(drawings, arguments.pictures, arguments.data / "known.npz")
    labels = torch.from_numpy(known.labels).long().to(run.device)
    judge = DrawnJudge(drawings.domain.attributes)
    judge.to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(share: Share) -> dict[str, Tensor]:
        rows = share.rows(len(pictures))
        logits = judge(roughen(to_network(pictures[rows], run.device), share.rng("picture")))
        return {"attributes": attribute_losses(logits, labels[rows]).sum()}

    player = Player.of("judge", judge, losses, learning(arguments))
    fit(run, [player])
    if run.rank == 0:
        judge.cpu().save(run.folder / JUDGE)


def main() -> None:
    options = parser(__doc__, steps=1500, batch=48, learning_rate=2e-3)
    options.add_argument("--domain", required=True, help="such as ffclip.ffclip_core.training.avatars.domain:AVATARS")
    options.add_argument("--size", type=count, default=64, help="side of the drawings, px; the judge looks at 64")
    options.add_argument("--pictures", type=count, default=60_000, help="how many are drawn")
    train(_worker, options.parse_args())


if __name__ == "__main__":
    main()
