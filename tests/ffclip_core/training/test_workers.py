"""What each training command minimises and leaves behind, on a handful of drawings and without training anything."""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

pytest.importorskip("dicebear", reason="training needs the extra `train`")
pytest.importorskip("resvg_py", reason="training needs the extra `train`")

from ffclip.ffclip_core import Editor
from ffclip.ffclip_core.training import judge, train_clip, train_encoder, train_generator, train_modulator
from ffclip.ffclip_core.training.avatars.dataset import draw_pairs
from ffclip.ffclip_core.training.avatars.judge import load_judge
from ffclip.ffclip_core.training.avatars.vocabulary import ATTRIBUTES
from ffclip.ffclip_core.training.loop import Player, Run, Share
from ffclip.ffclip_core.training.loop.fitting import at_rest
from ffclip.ffclip_core.training.loop.learner import Learner
from ffclip.ffclip_core.training.small_clip import load_clip
from PIL import Image

STEPS, COUNT = 10, 4


class Followed:
    """In fit()'s place: the losses of an early and of a late step, and one sheet."""

    def __init__(self) -> None:
        self.parts: list[dict[str, float]] = []
        self.training: list[bool] = []
        self.idle: list[str] = []

    def __call__(self, run: Run, players: Sequence[Player], *, sheet: Callable[[int], None] | None = None) -> None:
        (player,) = players
        Learner(player, run)
        if run.rank:
            return
        network = player.get_submodule("network").train()
        for step in (6, 8):  # Of ten: before and after what changes at seven and at eight tenths.
            parts = player(Share(run=run, step=step, micro=0))
            self.parts.append({name: float(part.detach()) for name, part in parts.items()})
            self.training.append(network.training)
            torch.stack(list(parts.values())).sum().backward()
        self.idle = [
            n for n, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())
        ]
        if sheet:
            with at_rest(players):
                sheet(STEPS)
        player.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    draw_pairs(folder / "data", COUNT)
    return folder


@pytest.fixture(scope="module")
def followed(folder: Path) -> Iterator[dict[str, Followed]]:
    """All commands, one after the other, each as the first process and, as far as fit(), as the second."""
    found: dict[str, Followed] = {}
    patch = pytest.MonkeyPatch()
    models = folder / "models"

    def follow(module: ModuleType) -> None:
        for rank, place in ((0, models), (1, folder / "second")):
            place.mkdir(exist_ok=True)
            for codes in models.glob("codes.*"):
                shutil.copy(codes, place)  # What the first process has computed.
            run = Run(folder=place, steps=STEPS, batch=8, rank=rank, world=2)
            arguments = Namespace(
                data=folder / "data", learning_rate=1.0, generator=models, encoder=models, clip=models / "clip.pt"
            )
            name = module.__name__.rpartition(".")[2]
            patch.setattr(module, "fit", found.setdefault(name, Followed()))
            torch.manual_seed(0)
            module._worker(run, arguments)

    with torch.random.fork_rng():
        for module in (judge, train_clip, train_generator, train_encoder):
            follow(module)
        follow(train_modulator)
    yield found
    patch.undo()


def test_the_first_process_leaves_a_family_that_works_together(folder: Path, followed: dict) -> None:
    editor = Editor.from_folder(folder / "models")
    assert (editor.generator.size, editor.generator.family, editor.modulator.num_layers) == (64, "avatars", 10)
    assert load_judge(folder / "models" / "judge.pt")(torch.zeros(1, 3, 64, 64)).keys() == ATTRIBUTES.keys()
    assert load_clip(folder / "models" / "clip.pt", ATTRIBUTES).heads.keys() == ATTRIBUTES.keys()
    # The blocks keep what a code has of its own, so a text changes it in a way of its own.
    w = editor.encoder(torch.zeros(1, 3, 64, 64))
    first, second = (editor.modulator(w, editor.text_encoder.encode([text])) for text in ("Beard", "Pink hair"))
    assert not torch.equal(first, second)
    assert {path.name for path in (folder / "second").iterdir()} <= {"codes.npy", "codes.done"}, "and no other does"


@pytest.mark.parametrize(
    ("name", "losses"),
    [
        ("judge", {"attributes"}),
        ("train_clip", {"sigmoid", "softmax", "attributes"}),
        ("train_encoder", {"codes"}),
        ("train_modulator", {"styles", "codes", "unseen"}),
    ],
)
def test_every_weight_learns_from_finite_losses(name: str, losses: set[str], followed: dict[str, Followed]) -> None:
    for parts in followed[name].parts:
        assert parts.keys() == losses and all(0 < value < 1000 for value in parts.values())
    # At first attention is even, and residual branches give nothing.
    started_at_zero = ("q_matrix", "image.visual.layer")
    assert not [name for name in followed[name].idle if not any(part in name for part in started_at_zero)]


def test_the_generator_learns_all_but_its_mapping_network(followed: dict[str, Followed]) -> None:
    generator = followed["train_generator"]
    assert all(0 < value < 1000 for parts in generator.parts for value in parts.values())
    assert all(".noise." in name for name in generator.idle)


def test_the_encoders_statistics_are_frozen_at_last(followed: dict[str, Followed]) -> None:
    assert followed["train_encoder"].training == [True, False]


def test_sheets_show_drawings_and_what_becomes_of_them(folder: Path, followed: dict) -> None:
    """The generator's: drawings above its own; the blocks': each drawing, its inversion and edits by every prompt."""
    drawn = np.load(folder / "data" / "sources.npy")
    sheet = np.asarray(Image.open(folder / "models" / "drawings.png"))[::2, ::2]
    assert sheet.shape == (2 * 64, COUNT * 64, 3)
    assert np.array_equal(sheet[:64].reshape(64, COUNT, 64, 3).swapaxes(0, 1), drawn)
    sheet = np.asarray(Image.open(folder / "models" / "edits.png"))[::2, ::2]
    assert sheet.shape == (COUNT * 64, (2 + len(train_modulator.SHEET_PROMPTS)) * 64, 3)
    assert np.array_equal(sheet[:, :64].reshape(COUNT, 64, 64, 3), drawn)
