"""Train the semantic modulation blocks on drawn pairs; generator, encoder and CLIP stay as they are.

python -m ffclip.ffclip_core.training.train_modulator DATA RUN --encoder ENCODER_RUN --clip CLIP_RUN/clip.pt

The drawn domain knows the edited picture: for w = encoder(source), a caption of the changed facts and its embedding e,
synthesis(w + Δw) is to be synthesis(encoder(target)). Differences count where the drawn target differs from the source,
the more the smaller that place is. Beside it: the CLIP distance to the caption, the features and attribute heads of
CLIP's image tower, and the distance to the target's code. Every pair is also used backwards, and one in ten captions
says only what is true already. (FFCLIP's published losses, which know no edited picture, are not used here.)
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import cast

import numpy as np
import open_clip
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoints import load_encoder, load_generator, save_part
from ..encoder import Encoder
from ..modulation import Modulator
from ..text_encoder import TextEncoder
from . import loop
from .avatars import ATTRIBUTES, Fact
from .captions import caption
from .draw_dataset import load
from .judge import attribute_losses
from .train_clip import EMBED_DIM, TEXT, SmallCLIP, facts_of_picture, load_clip
from .train_generator import FAMILY, feature_l1, sheet

_NAMES = list(ATTRIBUTES)

PAIRS = 24_000
"""How many pairs are used: their codes are computed first, which takes minutes."""


def export_text_encoder(clip: SmallCLIP) -> TextEncoder:
    """The text tower of the small CLIP as the pack's own."""
    text = TextEncoder(EMBED_DIM, **TEXT, family=FAMILY)
    state = clip.clip.state_dict()
    text.load_state_dict({key: state[key] for key in text.state_dict()})
    return text.eval()


def change_weights(source: Tensor, target: Tensor) -> Tensor:
    """How much each place counts, [B, 1, H, W]: 0.5, and up to 32 more where the drawn pictures differ."""
    changed = ((source - target).abs().amax(1, keepdim=True) > 0.1).float()
    area = changed.mean((1, 2, 3), keepdim=True)
    near = F.avg_pool2d(F.avg_pool2d(changed, 3, 1, 1), 3, 1, 1)
    return 0.5 + 8 * near * (0.12 / (area + 1e-4)).sqrt().clamp(1, 4)


def edited_facts(facts: tuple[Fact, ...], labels: np.ndarray) -> list[Fact] | None:
    """What a caption must say so that the pair's edit leads to a picture with these labels; None if it has no name."""
    result = []
    for attribute, _ in facts:
        value = labels[_NAMES.index(attribute)]
        if value < 0:
            return None
        result.append((attribute, ATTRIBUTES[attribute][value]))
    return result


@torch.no_grad()
def _codes(encoder: Encoder, run: loop.Run, rank: int, pictures: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Codes of sources and targets, float16 [2, N, L, D], computed once by all processes together."""
    path = run.folder / "codes.npy"
    shape = (2, len(pictures[0]), encoder.num_layers, encoder.latent_dim)
    done = path.with_suffix(".done")
    if not done.exists():
        if rank == 0:
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
        if run.workers > 1:
            dist.barrier()
        codes = np.load(path, mmap_mode="r+")
        for side in range(2):
            for start in range(125 * rank, shape[1], 125 * run.workers):
                rows = slice(start, start + 125)
                codes[side, rows] = encoder(loop.to_network(pictures[side][rows])).numpy()
        codes.flush()
        if run.workers > 1:
            dist.barrier()
        done.touch()
    return np.load(path, mmap_mode="r")


def _worker(rank: int, run: loop.Run, encoder_run: Path, clip_path: Path) -> None:
    data = load(run.data)
    pictures = (data.pictures[0][:PAIRS], data.pictures[1][:PAIRS])
    labels = data.labels
    facts = data.facts[:PAIRS]
    clip = load_clip(clip_path)
    generator = load_generator(encoder_run / "generator.safetensors").requires_grad_(False)
    encoder = load_encoder(encoder_run / "encoder.safetensors").to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    codes = _codes(encoder, run, rank, pictures)
    spread = torch.from_numpy(codes[0, :4000].astype(np.float32)).std(0).mean()
    model = Modulator(generator.num_layers, generator.latent_dim, family=FAMILY)
    with torch.no_grad():
        # Begin with small changes.
        last = model.blocks[-1]
        cast(nn.Linear, last.gamma_[3]).bias.fill_(0.3 * float(spread) - 1)
        cast(nn.Linear, last.beta_[3]).weight *= 0.3 * float(spread)

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        words = random.Random(int(rng.integers(2**62)))
        rows, sides, captions = [], [], []
        while len(rows) < run.batch:
            row, side = int(rng.integers(len(facts))), int(rng.integers(2))
            if rng.random() < 0.1:
                chosen, goal = facts_of_picture(labels[side, row], rng), side
            else:
                chosen, goal = edited_facts(facts[row], labels[1 - side, row]), 1 - side
            if chosen:
                rows.append(row)
                sides.append((side, goal))
                captions.append(caption(chosen, words))
        start, goal = np.array(sides).T
        rows = np.array(rows)
        both = np.stack([np.stack([p[row] for p in pictures]) for row in rows])
        index = np.arange(len(rows))
        x, wanted = loop.to_network(both[index, start]), loop.to_network(both[index, goal])
        w = torch.from_numpy(codes[start, rows].astype(np.float32))
        w_wanted = torch.from_numpy(codes[goal, rows].astype(np.float32))
        seen = torch.from_numpy(labels[goal, rows]).long()
        with torch.no_grad():
            target = generator(w_wanted, noise="none")
            e = clip.encode_text(open_clip.tokenize(captions))
            features = clip.features(target)
        edited = w + model.modulate(w, e, torch.float32).delta
        y = generator(edited, noise="none")
        distance, embedding = feature_l1(clip, y, features)
        return {
            "pixels": ((y - target).abs() * change_weights(x, wanted)).mean(),
            "features": 0.1 * distance,
            "attributes": 0.06 * attribute_losses(clip.attributes(embedding), seen).sum(),
            "clip": 0.15 * (1 - F.cosine_similarity(embedding, e)).mean(),
            "latent": 0.5 * ((edited - w_wanted) / spread).square().mean(),
        }

    def edits(average: nn.Module, folder: Path) -> None:
        prompts = (
            "Purple hair",
            "Bald",
            "Beard",
            "wearing glasses",
            "Surprise",
            "Sad",
            "afro hairstyle",
            "closed eyes",
        )
        with torch.no_grad():
            e = clip.encode_text(open_clip.tokenize(list(prompts)))
            sheet_rows = []
            for row in range(8):
                w = torch.from_numpy(codes[0, row].astype(np.float32)).expand(len(prompts), -1, -1)
                drawn = generator(torch.cat([w[:1], w + average(w, e)]), noise="none")
                sheet_rows.append(torch.cat([loop.to_network(pictures[0][row : row + 1]), drawn]))
        sheet(sheet_rows, folder / "edits.png")

    trained = loop.fit(rank, run, model, losses, ema=0.995, clip=1.0, sheet=edits, sheet_every=250)
    if rank == 0:
        save_part(run.folder / "modulator.safetensors", trained, torch.float32)
        save_part(run.folder / "text_encoder.safetensors", export_text_encoder(clip))


def main() -> None:
    parser = loop.parser(__doc__, steps=4000, batch=12, learning_rate=1e-3)
    parser.add_argument("--encoder", type=Path, required=True, help="the folder that train_encoder wrote")
    parser.add_argument("--clip", type=Path, required=True, help="clip.pt that train_clip wrote")
    arguments = parser.parse_args()
    loop.launch(_worker, arguments, arguments.encoder, arguments.clip)


if __name__ == "__main__":
    main()
