"""Train the semantic modulation blocks on edits whose outcome is known; generator, encoder and CLIP stay as they are.

python -m ffclip.ffclip_core.training.train_modulator DATA RUN --generator GENERATOR_RUN --encoder ENCODER_RUN \
    --clip CLIP_RUN/clip.pt

The drawn domain knows what the edited picture is drawn from (Avatar.edit_plainly), and so its code: for w =
encoder(picture) and a caption of changed facts, w + Δw is to have the parameters of the edited drawing where they
change, and those of w where they do not. Differences are measured in the styles that the generator computes from the
codes and in the codes themselves. One in ten captions says only what is true already, and a quarter of each batch
starts from what the blocks made of the step before, as edits in a row do. (FFCLIP's published losses, which know no
edited picture, are not used here.)
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import open_clip
import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..checkpoints import load_encoder, load_generator, save_part
from ..networks.encoder import Encoder
from ..networks.generator import Generator
from ..networks.modulation import Modulator
from ..networks.text_encoder import TextEncoder
from . import loop
from .avatars import Avatar, parameters, sample
from .captions import caption
from .codes import Codes
from .draw_dataset import label_row, load, random_edit
from .train_clip import EMBED_DIM, TEXT, SmallCLIP, facts_of_picture, load_clip
from .train_generator import FAMILY, sheet

_CHAINED = 0.25
_NOTHING_NEW = 0.1
_RATES = {"attention_layer": 0.002, "q_matrix": 0.01, "k_matrix": 0.01}
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
    text = TextEncoder(embed_dim=EMBED_DIM, **TEXT, family=FAMILY)
    state = clip.clip.state_dict()
    text.load_state_dict({key: state[key] for key in text.state_dict()})
    return text.eval()


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
def begin(model: Modulator) -> None:
    """Starting weights with which the code comes through the blocks, and Δw is small.

    With PyTorch's own the softmax over the layers soon looks at one of them alone, and the translation, which is
    normalised and equal for all layers, drowns what is left of the code.
    """
    for block in model.blocks:
        block.k_matrix.weight.zero_()  # Attention to all layers alike.
        block.v_matrix.weight.copy_(model.num_layers * torch.eye(model.latent_dim))
        block.attention_layer.v_matrix.weight.mul_(1e-3)
        for injector in (block.gamma_, block.beta_):
            cast(nn.Linear, injector[3]).weight.mul_(0.3)
    last = model.blocks[-1]
    cast(nn.Linear, last.gamma_[3]).bias.fill_(-0.7)
    cast(nn.Linear, last.beta_[3]).bias.fill_(0.5)  # Where the leaky ReLU lets both signs pass.


@torch.no_grad()
def _inversions(encoder: Encoder, run: loop.Run, rank: int, pictures: np.ndarray) -> np.ndarray:
    """Codes of the pictures, float16 [N, L, D], computed once for an encoder, by all processes together."""
    path = run.folder / "codes.npy"
    done = path.with_suffix(".done")
    mark = str(sum(float(weight.double().abs().sum()) for weight in encoder.parameters()))
    if not done.exists() or done.read_text() != mark:
        if rank == 0:
            shape = (len(pictures), encoder.num_layers, encoder.latent_dim)
            np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
        if run.workers > 1:
            dist.barrier()
        codes = np.load(path, mmap_mode="r+")
        for start in range(125 * rank, len(codes), 125 * run.workers):
            codes[start : start + 125] = encoder(loop.to_network(pictures[start : start + 125])).numpy()
        codes.flush()
        if run.workers > 1:
            dist.barrier()
        done.write_text(mark)
    return np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class Edits:
    """Edits to learn: codes before and as they should be after [B, L, D], captions, the persons after the edit."""

    w: Tensor
    wanted: Tensor
    captions: list[str]
    avatars: list[Avatar]


def edits(codes: Codes, avatars: Sequence[Avatar], w: Tensor, rng: np.random.Generator) -> Edits:
    """A random edit of each of these persons, whose pictures have the codes w [B, L, D]."""
    stream = random.Random(int(rng.integers(2**62)))
    after, captions = [], []
    for avatar in avatars:
        if rng.random() < _NOTHING_NEW:
            facts = facts_of_picture(np.array(label_row(avatar)), rng)
            after.append(avatar)
        else:
            facts = random_edit(avatar, stream)
            after.append(avatar.edit_plainly(facts))
        captions.append(caption(facts, stream))
    start, goal = (torch.from_numpy(np.stack([parameters(a) for a in people])) for people in (avatars, after))
    change = codes.along(codes.w(goal))[:, None] - codes.along(w)
    change = torch.where((start != goal)[:, None], change, 0) @ codes.directions
    return Edits(w, w + change, captions, after)


def _worker(rank: int, run: loop.Run, generator_run: Path, encoder_run: Path, clip_path: Path) -> None:
    data = load(run.data)
    clip = load_clip(clip_path)
    generator = load_generator(generator_run / "generator.safetensors")
    encoder = load_encoder(encoder_run / "encoder.safetensors").to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    pictures = data.pictures[0]
    inverted = _inversions(encoder, run, rank, pictures)
    codes = Codes.of(torch.from_numpy(data.parameters[0]), generator.num_layers)
    metric = style_metric(generator, codes, codes.w(torch.from_numpy(data.parameters[0, :10_000])))
    model = Modulator(num_layers=generator.num_layers, latent_dim=generator.latent_dim, family=FAMILY)
    begin(model)
    chained: list[tuple[list[Avatar], Tensor]] = []

    def losses(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        avatars, w = chained.pop() if chained else ([], torch.empty(0))
        rows = rng.integers(0, len(inverted), run.batch - len(avatars))
        w = torch.cat([torch.from_numpy(inverted[rows].astype(np.float32)), w])
        batch = edits(codes, [*(sample(int(row)) for row in rows), *avatars], w, rng)
        with torch.no_grad():
            e = clip.encode_text(open_clip.tokenize(batch.captions))
        edited = w + model.modulate(w, e, torch.float32).delta
        # Of fresh ones and of those in a row already, so that some rows are long.
        some = rng.permutation(run.batch)[: int(run.batch * _CHAINED)]
        chained.append(([batch.avatars[i] for i in some], edited[some].detach()))
        error = edited - batch.wanted
        along = codes.along(error)
        unseen = error - along @ codes.directions
        return {
            "styles": torch.einsum("blp,lpq->blq", along, metric).square().sum(-1).mean(),
            "codes": 0.02 * along.square().sum(-1).mean(),
            "unseen": 0.01 * unseen.square().mean(),
        }

    def drawings(average: nn.Module, folder: Path) -> None:
        with torch.no_grad():
            e = clip.encode_text(open_clip.tokenize(list(_SHEET_PROMPTS)))
            sheet_rows = []
            for row in range(8):
                w = torch.from_numpy(inverted[row].astype(np.float32)).expand(len(e), -1, -1)
                drawn = generator(torch.cat([w[:1], w + average(w, e)]), noise="none")
                sheet_rows.append(torch.cat([loop.to_network(pictures[row : row + 1]), drawn]))
        sheet(sheet_rows, folder / "edits.png")

    trained = loop.fit(rank, run, model, losses, ema=0.998, clip=1.0, rates=_RATES, sheet=drawings)
    if rank == 0:
        save_part(run.folder / "modulator.safetensors", trained, torch.float32)
        save_part(run.folder / "text_encoder.safetensors", export_text_encoder(clip))


def main() -> None:
    parser = loop.parser(__doc__, steps=5000, batch=64, learning_rate=3e-3)
    parser.add_argument("--generator", type=Path, required=True, help="the folder that train_generator wrote")
    parser.add_argument("--encoder", type=Path, required=True, help="the folder that train_encoder wrote")
    parser.add_argument("--clip", type=Path, required=True, help="clip.pt that train_clip wrote")
    arguments = parser.parse_args()
    loop.launch(_worker, arguments, arguments.generator, arguments.encoder, arguments.clip)


if __name__ == "__main__":
    main()
