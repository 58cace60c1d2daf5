"""Train the small CLIP: the family's text tower and an image tower.

python -m ffclip.ffclip_core.training.train_clip DATA RUN

The drawn domain knows which captions are true of which pictures, so every caption × picture pair of a batch has a
right answer: a balanced sigmoid loss over all pairs, a softmax over all true pictures of a caption and captions of a
picture, and attribute heads on the image tower's features (losses/).
"""

from __future__ import annotations

import argparse
import random
from typing import cast

import open_clip
import torch
from torch import Tensor

from ..checkpoints import save_part
from .avatars.captions import caption
from .avatars.command import learning, parser, train
from .avatars.dataset import load
from .avatars.edits import SPOKEN
from .avatars.vocabulary import ATTRIBUTES, FAMILY
from .facts import facts_of_picture, truth_matrix
from .loop import Player, Run, Share, fit
from .losses.labels import attribute_losses
from .pictures import roughen, to_network
from .small_clip import SmallCLIP, clip_losses

CLIP_FILE = "clip.pt"


def _worker(run: Run, arguments: argparse.Namespace) -> None:
    data = load(arguments.data)
    pictures = data.pictures
    labels = data.labels
    model = SmallCLIP(ATTRIBUTES, family=FAMILY).to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(share: Share) -> dict[str, Tensor]:
        side, rows = int(share.rng("side").integers(2)), share.rows(len(pictures[0]))
        rng = share.rng("captions", share.first)
        seen = labels[side][rows]
        facts = [facts_of_picture(row, ATTRIBUTES, SPOKEN, rng) for row in seen]
        words = random.Random(int(rng.integers(2**62)))
        ids = open_clip.tokenize([caption(f, words) for f in facts]).to(run.device)
        x = roughen(to_network(pictures[side][rows], run.device), share.rng("picture"))
        images = model.image.encode(x)
        targets = torch.from_numpy(seen).long().to(run.device)
        heads = attribute_losses(model.attributes(images), targets).sum()
        truth = truth_matrix(facts, targets, ATTRIBUTES)
        return {**clip_losses(model, model.encode_text(ids), images, truth), "attributes": heads}

    player = Player.of("clip", model, losses, learning(arguments, clip=5.0, ema=0.995))
    fit(run, [player])
    if run.rank == 0:
        trained = cast(SmallCLIP, player.averages["network"].cpu())
        torch.save(trained.state_dict(), run.folder / CLIP_FILE)
        save_part(run.folder / "image_encoder.safetensors", trained.image)


if __name__ == "__main__":
    train(_worker, parser(__doc__, steps=2000, batch=96, learning_rate=1.5e-3).parse_args())
