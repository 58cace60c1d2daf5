"""Train the small CLIP: a text tower to keep and an image tower that only training uses.

python -m ffclip.ffclip_core.training.train_clip DATA RUN

The drawn domain knows which captions are true of which pictures, so every caption × picture pair of a batch has a
right answer: a balanced sigmoid loss over all pairs, a softmax over all true pictures of a caption and captions of a
picture, and attribute heads on the image tower's features (losses/).
"""

from __future__ import annotations

import random

import numpy as np
import open_clip
import torch
from torch import Tensor

from . import settings
from .avatars.captions import caption
from .avatars.dataset import load
from .avatars.edits import SPOKEN
from .avatars.vocabulary import ATTRIBUTES
from .facts import facts_of_picture, truth_matrix
from .losses import attribute_losses
from .pictures import roughen, to_network
from .plain_loop import fit
from .processes import launch
from .small_clip import SmallCLIP, clip_losses

CLIP_FILE = "clip.pt"


def _worker(rank: int, run: settings.Run) -> None:
    data = load(run.data)
    pictures = data.pictures
    labels = data.labels
    model = SmallCLIP(ATTRIBUTES).to(run.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        side = int(rng.integers(2))
        rows = rng.integers(0, len(pictures[0]), run.batch)
        seen = labels[side][rows]
        facts = [facts_of_picture(row, ATTRIBUTES, SPOKEN, rng) for row in seen]
        words = random.Random(int(rng.integers(2**62)))
        ids = open_clip.tokenize([caption(f, words) for f in facts]).to(run.device)
        images = model.features(roughen(to_network(pictures[side][rows], run.device), rng))[-1]
        targets = torch.from_numpy(seen).long().to(run.device)
        heads = attribute_losses(model.attributes(images), targets).sum()
        truth = truth_matrix(facts, targets, ATTRIBUTES)
        return {**clip_losses(model, model.encode_text(ids), images, truth), "attributes": heads}

    trained = fit(rank, run, model, losses, clip=5.0, ema=0.995)
    if rank == 0:
        torch.save(trained.state_dict(), run.folder / CLIP_FILE)


if __name__ == "__main__":
    launch(_worker, settings.parser(__doc__, steps=2000, batch=96, learning_rate=1.5e-3).parse_args())
