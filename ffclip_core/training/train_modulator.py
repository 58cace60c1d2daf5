"""Train the semantic modulation blocks on drawn pairs; generator, encoder and CLIP stay as they are.

python -m ffclip.ffclip_core.training.train_modulator DATA RUN --generator GENERATOR_RUN --encoder ENCODER_RUN \
    --clip CLIP_RUN/clip.pt

The drawn domain knows the edited picture, and so its code: for w = encoder(source) and a caption of the changed facts,
w + Δw is to draw what w plus the difference of the two drawings' codes draws. Differences are measured in the styles
that the generator computes from the codes, in the codes themselves, and for some of each batch in the pictures, where
they count most at the places that the edit is about. Every pair is also used backwards, one in ten captions says only
what is true already, and a part of each batch starts from what the blocks made of the step before, as chained edits
do. At the end Δw is enlarged by a constant (GAIN). (FFCLIP's published losses, which know no edited picture, are not
used here.)
"""

from __future__ import annotations

import random
from dataclasses import dataclass
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
from ..generator import Generator
from ..modulation import Modulator
from ..text_encoder import TextEncoder
from . import loop
from .avatars import ATTRIBUTES, Fact
from .captions import caption
from .codes import Codes
from .draw_dataset import load
from .train_clip import EMBED_DIM, TEXT, SmallCLIP, facts_of_picture, load_clip
from .train_generator import FAMILY, laplacian_l1, sheet

GAIN = 1.5
"""Where the blocks are unsure, squared errors leave them with a part of the change; so all of it is enlarged. Chosen on
160 avatars (seeds from 800,000,000 on) that are in neither the training nor the test pictures."""

_NAMES = list(ATTRIBUTES)
_CHAINED = 0.25
_DRAWN = 0.2
_SHEET_PROMPTS = (
    "Purple hair",
    "Bald",
    "Beard",
    "wearing glasses",
    "Surprise",
    "Sad",
    "afro hairstyle",
    "closed eyes",
)


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
def style_metric(generator: Generator, codes: Codes, w: Tensor) -> Tensor:
    """Per layer a matrix [P, P] that takes a change of the code (along the directions) to a vector as long as the
    change of the layer's styles, each style in units of its own spread over w [N, D]."""
    taken: list[list[Tensor]] = [[] for _ in range(generator.num_layers)]
    convolutions = [generator.conv1.conv, *(layer.conv for layer in generator.convs)]
    for i, convolution in enumerate(convolutions):
        taken[i].append(convolution.modulation.weight)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    for j, rgb in enumerate([generator.to_rgb1, *generator.to_rgbs]):
        taken[2 * j + 1].append(rgb.conv.modulation.weight)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    spread = codes.along(w)
    factors = []
    for weights in taken:
        rows = codes.along(torch.cat(weights))
        rows = rows / (spread @ rows.T).std(0)[:, None]
        values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
        factors.append(vectors * values.clamp_min(0).sqrt())
    return torch.stack(factors)


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


@dataclass(frozen=True)
class Edits:
    """Edits to learn: the rows of their pairs, the sides that they start from and lead to [B]; codes before and as
    they should be after [B, L, D]; captions."""

    rows: np.ndarray
    start: np.ndarray
    goal: np.ndarray
    w: Tensor
    wanted: Tensor
    captions: list[str]


@torch.no_grad()
def enlarge(model: Modulator, gain: float) -> None:
    """Multiply Δw by gain, exactly: the last block's scale and shift, as its leaky ReLU is positively homogeneous."""
    last = model.blocks[-1]
    scale, shift = cast(nn.Linear, last.gamma_[3]), cast(nn.Linear, last.beta_[3])
    for layer in (scale, shift):
        layer.weight.mul_(gain)
        layer.bias.mul_(gain)
    scale.bias.add_(gain - 1)


def _worker(rank: int, run: loop.Run, generator_run: Path, encoder_run: Path, clip_path: Path, gain: float) -> None:
    data = load(run.data)
    pictures, labels, facts = data.pictures, data.labels, data.facts
    clip = load_clip(clip_path)
    generator = load_generator(generator_run / "generator.safetensors").requires_grad_(False)
    encoder = load_encoder(encoder_run / "encoder.safetensors").to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    inverted = _codes(encoder, run, rank, pictures)
    parameters = torch.from_numpy(data.parameters)
    codes = Codes.of(parameters[0], generator.num_layers)
    drawn_codes = [codes.w(side) for side in parameters]
    metric = style_metric(generator, codes, drawn_codes[0][:10_000])
    model = Modulator(generator.num_layers, generator.latent_dim, family=FAMILY)
    with torch.no_grad():
        # Begin with small changes.
        last = model.blocks[-1]
        cast(nn.Linear, last.gamma_[3]).bias.fill_(-0.7)
        cast(nn.Linear, last.beta_[3]).weight *= 0.3
    chained: list[Edits] = []

    def caption_of(row: int, start: int, goal: int, rng: np.random.Generator) -> str | None:
        """A wording of what leads from one side of a pair to the other, or of what is true of it already."""
        chosen = (
            facts_of_picture(labels[goal, row], rng) if start == goal else edited_facts(facts[row], labels[goal, row])
        )
        return caption(chosen, random.Random(int(rng.integers(2**62)))) if chosen else None

    def some(rng: np.random.Generator, count: int) -> Edits:
        """Edits of inverted pictures."""
        found: list[tuple[int, int, int]] = []
        captions = []
        while len(found) < count:
            row, start = int(rng.integers(len(facts))), int(rng.integers(2))
            goal = start if rng.random() < 0.1 else 1 - start
            if text := caption_of(row, start, goal, rng):
                found.append((row, start, goal))
                captions.append(text)
        rows, start, goal = np.array(found).T
        w = torch.from_numpy(inverted[start, rows].astype(np.float32))
        change = torch.stack([drawn_codes[g][r] - drawn_codes[s][r] for r, s, g in found])
        return Edits(rows, start, goal, w, w + change[:, None], captions)

    def go_on(rng: np.random.Generator, before: Edits, w: Tensor) -> Edits:
        """Edits that follow on these, which led to the codes w: back to where they began, where that has a name."""
        kept, captions = [], []
        for i, (row, start, goal) in enumerate(zip(before.rows, before.start, before.goal, strict=True)):
            if start != goal and (text := caption_of(row, goal, start, rng)):
                kept.append(i)
                captions.append(text)
        wanted = before.w[kept]
        return Edits(before.rows[kept], before.goal[kept], before.start[kept], w[kept], wanted, captions)

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        many = int(run.batch * _CHAINED) if chained else 0
        parts = [some(rng, run.batch - many), *(chained.pop() for _ in range(bool(many)))]
        w, wanted = torch.cat([part.w for part in parts]), torch.cat([part.wanted for part in parts])
        rows, start, goal = (np.concatenate([getattr(p, name) for p in parts]) for name in ("rows", "start", "goal"))
        with torch.no_grad():
            e = clip.encode_text(open_clip.tokenize([text for part in parts for text in part.captions]))
        edited = w + model.modulate(w, e, torch.float32).delta
        first = parts[0]
        some_edited = edited[: len(first.rows)].detach()
        fresh = slice(0, int(run.batch * _CHAINED))
        cut = Edits(*(getattr(first, name)[fresh] for name in Edits.__dataclass_fields__))
        chained.append(go_on(rng, cut, some_edited[fresh]))
        error = edited - wanted
        along = codes.along(error)
        unseen = error - along @ codes.directions
        few = np.arange(0, len(rows), round(1 / _DRAWN))
        with torch.no_grad():
            target = generator(wanted[few], noise="none")
        difference = generator(edited[few], noise="none") - target
        before, after = (
            loop.to_network(np.stack([pictures[s][r] for r, s in zip(rows[few], side[few], strict=True)]))
            for side in (start, goal)
        )
        return {
            "styles": torch.einsum("blp,lpq->blq", along, metric).square().sum(-1).mean(),
            "codes": 0.02 * along.square().sum(-1).mean(),
            "unseen": 0.01 * unseen.square().mean(),
            "pixels": (difference.abs() * change_weights(before, after)).mean(),
            "laplacian": laplacian_l1(difference),
        }

    def edits(average: nn.Module, folder: Path) -> None:
        with torch.no_grad():
            e = clip.encode_text(open_clip.tokenize(list(_SHEET_PROMPTS)))
            sheet_rows = []
            for row in range(8):
                w = torch.from_numpy(inverted[0, row].astype(np.float32)).expand(len(e), -1, -1)
                drawn = generator(torch.cat([w[:1], w + average(w, e)]), noise="none")
                sheet_rows.append(torch.cat([loop.to_network(pictures[0][row : row + 1]), drawn]))
        sheet(sheet_rows, folder / "edits.png")

    trained = loop.fit(rank, run, model, losses, ema=0.998, clip=1.0, sheet=edits, sheet_every=250)
    if rank == 0:
        enlarge(trained, gain)
        save_part(run.folder / "modulator.safetensors", trained, torch.float32)
        save_part(run.folder / "text_encoder.safetensors", export_text_encoder(clip))


def main() -> None:
    parser = loop.parser(__doc__, steps=5000, batch=64, learning_rate=1e-3)
    parser.add_argument("--generator", type=Path, required=True, help="the folder that train_generator wrote")
    parser.add_argument("--encoder", type=Path, required=True, help="the folder that train_encoder wrote")
    parser.add_argument("--clip", type=Path, required=True, help="clip.pt that train_clip wrote")
    parser.add_argument("--gain", type=float, default=GAIN, help="what the trained change is multiplied by")
    arguments = parser.parse_args()
    loop.launch(_worker, arguments, arguments.generator, arguments.encoder, arguments.clip, arguments.gain)


if __name__ == "__main__":
    main()
