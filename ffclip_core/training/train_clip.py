"""Train the small CLIP: a text tower to keep and an image tower that only training uses.

python -m ffclip.ffclip_core.training.train_clip DATA RUN

The drawn domain knows which captions are true of which pictures, so every caption × picture pair of a batch has a
right answer: a balanced sigmoid loss over all pairs (as in SigLIP, Zhai et al. 2023), a softmax over all true
pictures of a caption and captions of a picture (as in CLIP, Radford et al. 2021), and attribute heads on the image
tower's features.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from torch import Tensor, nn

from . import loop
from .avatars import ATTRIBUTES, Fact
from .captions import caption
from .draw_dataset import load
from .judge import attribute_losses, roughen

CLIP_FILE = "clip.pt"
EMBED_DIM = 256
TEXT = {"width": 96, "heads": 4, "layers": 2}

_NAMES = list(ATTRIBUTES)
# How often a caption speaks about each attribute.
_SPOKEN = np.array([3.0, 3.0, 2.5, 2.5, 3.0, 1.0, 0.7, 0.7])


class SmallCLIP(nn.Module):
    """open_clip's CLIP at 64 px, with attribute heads."""

    def __init__(self) -> None:
        super().__init__()
        vision = CLIPVisionCfg(layers=(1, 1, 2, 1), width=16, image_size=64)
        text = CLIPTextCfg(**TEXT)  # pyright: ignore[reportArgumentType]
        self.clip = CLIP(EMBED_DIM, vision, text, quick_gelu=True)  # pyright: ignore[reportArgumentType]
        self.scale = nn.Parameter(torch.tensor(2.3))
        self.bias = nn.Parameter(torch.tensor(-5.0))
        self.softmax_scale = nn.Parameter(torch.tensor(2.6))
        self.heads = nn.ModuleDict({name: nn.Linear(EMBED_DIM, len(v)) for name, v in ATTRIBUTES.items()})

    def features(self, x: Tensor) -> list[Tensor]:
        """The image tower's maps, from the stem on (as a perceptual distance), and last the embedding [B, 256]."""
        tower = self.clip.visual
        maps = [tower.stem(x)]  # pyright: ignore[reportCallIssue]
        for layer in (tower.layer1, tower.layer2, tower.layer3, tower.layer4):
            maps.append(layer(maps[-1]))  # pyright: ignore[reportCallIssue]
        return [*maps[:4], tower.attnpool(maps[4])]  # pyright: ignore[reportCallIssue]

    def attributes(self, embedding: Tensor) -> dict[str, Tensor]:
        return {name: head(embedding) for name, head in self.heads.items()}

    def encode_text(self, ids: Tensor) -> Tensor:
        """Token ids [B, T <= 77] → [B, 256]. Padding never matters, so it is cut off."""
        clip: Any = self.clip
        length = int((ids != 0).sum(1).max())
        ids = ids[:, :length]
        x = clip.token_embedding(ids) + clip.positional_embedding[:length]
        x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length]))
        return x[torch.arange(len(x)), ids.argmax(1)] @ clip.text_projection


def load_clip(path: str | Path) -> SmallCLIP:
    model = SmallCLIP()
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def facts_of_picture(labels: np.ndarray, rng: np.random.Generator) -> list[Fact]:
    """One to four facts, random ones, of a picture with these labels [attributes]."""
    weights = _SPOKEN * (labels >= 0)
    count = min(int(rng.choice(4, p=(0.4, 0.35, 0.15, 0.1))) + 1, int((labels >= 0).sum()))
    chosen = rng.choice(len(labels), count, replace=False, p=weights / weights.sum())
    return [(_NAMES[i], ATTRIBUTES[_NAMES[i]][labels[i]]) for i in chosen]


def truth_matrix(facts: list[list[Fact]], labels: Tensor) -> Tensor:
    """Which captions (rows; the facts each needs) are true of which pictures (columns; labels [B, attributes])."""
    needed = torch.full((len(facts), len(_NAMES)), -1)
    for row, caption_facts in enumerate(facts):
        for attribute, value in caption_facts:
            needed[row, _NAMES.index(attribute)] = ATTRIBUTES[attribute].index(value)
    return ((needed[:, None] == -1) | (needed[:, None] == labels[None])).all(-1)


def clip_losses(model: SmallCLIP, texts: Tensor, images: Tensor, truth: Tensor) -> dict[str, Tensor]:
    cosine = F.normalize(texts, dim=-1) @ F.normalize(images, dim=-1).T
    logits = cosine * model.scale.exp() + model.bias
    yes, no = F.softplus(-logits)[truth].mean(), F.softplus(logits)[~truth].mean()
    logits = cosine * model.softmax_scale.exp()
    pick = torch.tensor(0.0)
    for view, true in ((logits, truth), (logits.T, truth.T)):
        chances = view.log_softmax(1).masked_fill(~true, -torch.inf).logsumexp(1)
        pick = pick - chances[true.any(1)].mean() / 2
    return {"sigmoid": 2 * (yes + no), "softmax": pick}


def _worker(rank: int, run: loop.Run) -> None:
    data = load(run.data)
    pictures = data.pictures
    labels = data.labels
    model = SmallCLIP().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        side = int(rng.integers(2))
        rows = rng.integers(0, len(pictures[0]), run.batch)
        seen = labels[side][rows]
        facts = [facts_of_picture(row, rng) for row in seen]
        words = random.Random(int(rng.integers(2**62)))
        ids = open_clip.tokenize([caption(f, words) for f in facts])
        images = model.features(roughen(loop.to_network(pictures[side][rows]), rng))[-1]
        targets = torch.from_numpy(seen).long()
        heads = attribute_losses(model.attributes(images), targets).sum()
        return {
            **clip_losses(model, model.encode_text(ids), images, truth_matrix(facts, targets)),
            "attributes": heads,
        }

    trained = loop.fit(rank, run, model, losses, clip=5.0, ema=0.995)
    if rank == 0:
        torch.save(trained.state_dict(), run.folder / CLIP_FILE)


if __name__ == "__main__":
    loop.launch(_worker, loop.parser(__doc__, steps=2000, batch=96, learning_rate=1.5e-3).parse_args())
