"""Drawings, of which everything is known, and the family that is trained of them."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import EMBEDDED, Editor, InputError
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from ffclip.ffclip_core.training import work as work_module
from ffclip.ffclip_core.training.__main__ import _pictures, main
from ffclip.ffclip_core.training.codes import ALL, Codes
from ffclip.ffclip_core.training.drawings import Drawings, Known
from ffclip.ffclip_core.training.edits import edits
from ffclip.ffclip_core.training.loop import Player, Process, Run, Share, StoppedError, seeded
from ffclip.ffclip_core.training.settings import Settings, read_settings
from ffclip.ffclip_core.training.short_texts import encode_short
from ffclip.ffclip_core.training.sources import prepare
from ffclip.ffclip_core.training.stages import autoencoder, drawn_encoder, drawn_generator, drawn_modulator, text
from ffclip.ffclip_core.training.training import Task, train
from ffclip.ffclip_core.training.work import Work
from safetensors.torch import load_file
from toys import NAMES, SQUARES, Square, Squares

STAGES = ("text", "drawn_generator", "drawn_encoder", "drawn_modulator")
FEW = """
size: 16
pictures: 60
workers: 2
device: cpu
text: {steps: 2, batch: 4}
drawn_generator: {steps: 2, batch: 4}
drawn_encoder: {steps: 2, batch: 4}
drawn_modulator: {steps: 2, batch: 4}
"""


class Others(Squares):
    fingerprint = "others"

    def sample(self, seed: int) -> Square:
        return super().sample(seed + 7)


def few(**others: Any) -> Settings:
    stages = {name: {"steps": 3, "batch": 4} for name in STAGES}
    return read_settings(**{"size": 16, "pictures": 60, "workers": 1, "device": "cpu", **stages, **others})


def rows(things: Sequence[Square]) -> np.ndarray:
    return np.array([SQUARES.parameters(thing) for thing in things], np.float32)


def columns(folder: Path, stage: str) -> list[str]:
    return (folder / "training" / stage / "log.csv").read_text().splitlines()[0].split(",")


def test_each_seed_is_drawn_with_captions_that_are_true_of_it() -> None:
    source = Drawings(SQUARES, 16, seed=5)
    found = list(islice(source, 40))
    for i, example in enumerate(found):
        thing = SQUARES.sample(5 + i)
        assert source.thing(i) == thing and np.array_equal(example.picture, SQUARES.draw(thing, 16))
        true = {f"{thing.inner} square", f"{thing.outer} ground"}
        assert len(example.captions) == 3 and all(set(text.split(", ")) <= true for text in example.captions)
        if thing.inner == thing.outer:
            assert not any("square" in text for text in example.captions)
    assert [example.captions for example in islice(source, 40)] == [example.captions for example in found]
    assert [each.captions for each in islice(source.after(9), 8)] == [each.captions for each in found[9:17]]
    others = Drawings(SQUARES, 32), Drawings(SQUARES, 16, 1), Drawings(Others(), 16, 5)
    assert len({source.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_what_is_known_of_them_is_kept_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known.of(Drawings(SQUARES, 16, seed=3), 30, tmp_path / "known.npz")
    things = [SQUARES.sample(3 + i) for i in range(30)]
    assert np.array_equal(known.parameters, rows(things))
    assert np.array_equal(known.labels, [SQUARES.labels(thing) for thing in things])
    assert known.focus.shape == (30, 4) and known.parameters.dtype == np.float32
    with monkeypatch.context() as patch:
        patch.setattr("ffclip.ffclip_core.training.drawings._known", None)
        again = Known.of(Drawings(SQUARES, 16, seed=3), 30, tmp_path / "known.npz")
    assert np.array_equal(again.parameters, known.parameters) and np.array_equal(again.labels, known.labels)
    others = Known.of(Drawings(Others(), 16, seed=3), 20, tmp_path / "known.npz")
    assert np.array_equal(others.parameters, rows([SQUARES.sample(10 + i) for i in range(20)]))


def test_an_edit_is_to_have_the_parameters_of_its_drawing() -> None:
    things = [SQUARES.sample(seed) for seed in range(200)]
    parameters = torch.from_numpy(rows(things))
    codes = Codes.of(parameters, 4, 256, SQUARES.scales)
    w = (codes.w(parameters)[:, None] + codes.offsets).clone()
    found = edits(SQUARES, codes, things, w, np.random.default_rng(0))
    after = torch.from_numpy(rows(found.things))
    wanted = codes.w(after)[:, None] + codes.offsets
    assert golden.error(found.wanted, wanted) < golden.rounding(256, layers=4)
    changed = [before != thing for before, thing in zip(things, found.things, strict=True)]
    assert 150 < sum(changed) < 200, "one in ten asks for nothing new"
    for thing, caption in zip(found.things, found.captions, strict=True):
        assert set(caption.split(", ")) <= {f"{thing.inner} square", f"{thing.outer} ground"}


def test_more_parameters_than_a_code_has_room_for() -> None:
    with pytest.raises(InputError, match="Drawings with 17 parameters need codes of 34 numbers"):
        Codes.of(torch.randn(50, 17), 4, 32, (ALL,) * 17)


def test_texts_mean_the_same_without_their_padding() -> None:
    tower = golden.fill(TextEncoder(embed_dim=32, width=32, heads=4, layers=2), "clip")
    texts = ["a cat", "a cat that sleeps on the mat"]
    ids = torch.stack([tower._row(text) for text in texts])  # noqa: SLF001
    with torch.no_grad():
        assert golden.error(encode_short(tower, ids), tower.encode(texts)) < golden.rounding(32, layers=8)


@pytest.mark.slow
def test_a_domain_that_is_named_becomes_a_family_by_two_processes(tmp_path: Path) -> None:
    """Each has statistics of its own part of every batch, but the first one's parts are those of all."""
    (tmp_path / "few.yaml").write_text(FEW)
    out = tmp_path / "squares"
    assert main(["toys:SQUARES", str(out), "--config", str(tmp_path / "few.yaml")]) == 0
    editor = Editor.from_folder(out)
    assert editor.generator.size == 16
    w = editor.invert(torch.rand(1, 16, 16, 3, generator=torch.Generator().manual_seed(0)))
    assert editor.edit(w, ["green square"]).shape == (1, 16, 16, 3)
    assert "attributes" in columns(out, "text") and "styles" in columns(out, "drawn_modulator")
    assert json.loads((out / "family.json").read_text("utf-8"))["prompts"][:4] == list(SQUARES.prompts)
    assert "| red square |" in (out / "evaluation.md").read_text("utf-8")


@pytest.mark.slow
def test_its_pictures_and_codes_come_nearer_to_what_they_are_drawn_from(tmp_path: Path) -> None:
    steps = {"drawn_generator": {"steps": 40, "batch": 8}, "drawn_encoder": {"steps": 40, "batch": 8}}
    train(Task(pictures=SQUARES, out=tmp_path / "x", config=few(**steps), tell=lambda said: None))
    for stage, loss in (("drawn_generator", "l1"), ("drawn_encoder", "codes")):
        log = (tmp_path / "x" / "training" / stage / "log.csv").read_text().splitlines()
        values = [float(line.split(",")[log[0].split(",").index(loss)]) for line in log[1:]]
        assert values[-1] < 0.6 * values[0], (stage, values)
    with pytest.raises(InputError, match="of other pictures"):  # Their codes would have another mean and scale.
        train(Task(pictures=SQUARES, out=tmp_path / "x", config=few(pictures=61, **steps), tell=lambda said: None))
    generator, codes = Editor.from_folder(tmp_path / "x").generator, torch.randn(2, 1, 256).expand(-1, 6, -1)
    with torch.inference_mode():
        # What no parameter needs is not seen; the blocks may have it.
        free = torch.zeros(256)
        free[2 * 7 :] = 5.0
        assert golden.error(generator(codes + free), generator(codes)) < golden.rounding(256, layers=12)


@pytest.mark.slow
def test_stopped_in_every_stage_it_ends_with_the_same_parts(tmp_path: Path) -> None:
    asked = [0]

    def stop() -> bool:
        asked[0] += 1
        return asked[0] % 2 == 0

    quiet = {"pictures": SQUARES, "config": few(), "tell": lambda said: None}
    whole = train(Task(out=tmp_path / "whole" / "x", **quiet))
    stops = 0
    while True:
        try:
            train(Task(out=tmp_path / "stopped" / "x", stop=stop, **quiet))
            break
        except StoppedError:
            stops += 1
    assert stops >= 4
    for part in whole.glob("*.safetensors"):
        one, other = load_file(part), load_file(tmp_path / "stopped" / "x" / part.name)
        assert all(torch.equal(value, other[name]) for name, value in one.items()), part.name


class Hidden(Squares):
    def labels(self, thing: Square) -> Sequence[int]:
        return -1, -1


class Many(Squares):
    def parameters(self, thing: Square) -> np.ndarray:
        return np.zeros(129)


class Typed(Squares):
    attributes = {"type": NAMES, "a.b": NAMES}
    spoken = {"a.b": 1.0}
    fingerprint = "typed"


class Silent(Squares):
    prompts = ()


def local() -> Squares:
    class Local(Squares):
        pass

    return Local()


@pytest.mark.parametrize(
    ("source", "settings", "files", "told"),
    [
        (SQUARES, {"pictures": None}, {}, "Drawings have no end: say in the settings how many"),
        (SQUARES, {}, {"generator": EMBEDDED / "generator.safetensors"}, "leave out the generator"),
        (Squares, {}, {}, "Pictures can't be had of <class 'toys.Squares'>"),
        (7, {}, {}, "Pictures can't be had of 7"),
        (Silent(), {}, {}, "The domain has no prompts"),
        (local(), {"workers": 2}, {}, "Other processes can't find Local: put it into a module of its own"),
        (Hidden(), {}, {}, "The drawing of seed 0 shows nothing that captions speak of"),
        (Many(), {}, {}, "Drawings with 129 parameters need codes of 258 numbers"),
    ],
)
def test_what_can_not_be_is_told_before_anything_is_learned(
    source: Any, settings: dict[str, Any], files: dict[str, Path], told: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=told):
        train(Task(pictures=source, out=tmp_path / "x", config=few(**settings), files=files, tell=lambda said: None))
    assert not list(tmp_path.rglob("checkpoint.pt"))


def test_names_of_python_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of installed modules, or of one in the folder in which the command is started; paths are paths first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mine_alone.py").write_text("DRAWN = 7\n")
    for path in ("C:drawn", "C:/drawn", "./toys:SQUARES", "drawn.zip"):
        assert _pictures(path) == Path(path)
    assert _pictures("toys:SQUARES") is SQUARES and _pictures("mine_alone:DRAWN") == 7
    if sys.platform != "win32":
        (tmp_path / "toys:SQUARES").touch()
        assert _pictures("toys:SQUARES") == Path("toys:SQUARES")
    with pytest.raises(SystemExit):
        main(["toys:TRIANGLES", str(tmp_path / "y")])
    assert "The source 'toys:TRIANGLES' can't be had (AttributeError" in capsys.readouterr().err


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """With all parts, untrained."""
    out = tmp_path_factory.mktemp("drawings")
    drawings = Drawings(SQUARES, 16)
    work = Work(
        settings=few(),
        out=out,
        process=Process(device=torch.device("cpu")),
        data=prepare(drawings, out / "data", 16, limit=60),
        parts={},
        minutes={},
        texts=SQUARES.prompts,
        drawings=drawings,
        save_parts=False,
    )
    (out / "training" / "modulator").mkdir(parents=True)
    with seeded(0):
        towers = text.new_towers(work)
        generator = autoencoder.new_generator(work, 256)
        work.take({**towers, "generator": generator, "encoder": autoencoder.new_encoder(work, 6, 256)})
    return work


@pytest.mark.parametrize(
    ("stage", "losses", "idle"),
    [
        (text, {"sigmoid", "softmax", "attributes", "meanings"}, r"image\.visual\.layer"),
        (drawn_generator, {"l1", "laplacian"}, r"\.noise\.|noises"),
        (drawn_encoder, {"codes"}, "latlayer2"),
        (drawn_modulator, {"styles", "codes", "unseen"}, "q_matrix"),
    ],
)
def test_every_weight_learns_from_finite_losses(stage: Any, losses: set[str], idle: str, work: Work) -> None:
    """But those that residual branches of nothing, even attention and no noise leave alone at first; and those of finer
    layers than there are."""
    given: dict[Any, Callable[[], Player]] = {
        text: lambda: text._Clip(work),
        drawn_generator: lambda: drawn_generator._Drawing(work),
        drawn_encoder: lambda: drawn_encoder._Encoding(work),
        drawn_modulator: lambda: drawn_modulator._Editing(
            work, work.space(6, 256), work.codes("pictures", work.data.pictures)
        ),
    }
    with seeded(0):
        player = given[stage]().train()
    found = player(Share(run=Run(folder=work.out, steps=10, batch=8), step=1, micro=0))
    assert found.keys() == losses and all(0 < float(loss.detach()) < 1000 for loss in found.values())
    torch.stack(list(found.values())).sum().backward()
    left = [n for n, p in player.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert [name for name in left if not re.search(idle, name)] == []


def test_the_encoders_statistics_are_frozen_at_last(work: Work) -> None:
    player = drawn_encoder._Encoding(work).train()
    for step, learning in ((6, True), (7, False)):
        player(Share(run=Run(folder=work.out, steps=10, batch=2), step=step, micro=0))
        assert player.encoder.training == learning


def test_attributes_have_any_names(work: Work) -> None:
    player = text._Clip(replace(work, drawings=Drawings(Typed(), 16)))
    found = player(Share(run=Run(folder=work.out, steps=10, batch=8), step=1, micro=0))
    assert float(found["attributes"].detach()) > 0


def test_processes_compute_a_part_of_the_codes_each_and_once(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = threading.Barrier(2, timeout=60)
    monkeypatch.setattr(work_module, "wait_for_all", barrier.wait)
    monkeypatch.setattr(work_module, "_CODES", 7)
    seen: list[tuple[str, int]] = []
    codes_of = work_module.codes_of
    monkeypatch.setattr(
        work_module,
        "codes_of",
        lambda encoder, pictures: (
            seen.append((threading.current_thread().name, len(pictures))) or codes_of(encoder, pictures)
        ),
    )
    found: dict[int, torch.Tensor] = {}

    def compute(rank: int, **parts: Any) -> None:
        process = Process(device=torch.device("cpu"), rank=rank, world=2)
        one = replace(work, process=process, parts={**work.parts, **parts}, out=work.out / "codes of two", _codes={})
        found[rank] = one.codes("pictures", work.data.pictures)

    def together(**parts: Any) -> None:
        threads = [threading.Thread(target=compute, args=(rank,), kwargs=parts, name=str(rank)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with torch.no_grad():
        expected = codes_of(work.parts["encoder"], work.data.pictures)
    together()
    assert all(golden.error(found[rank], expected) < golden.rounding(9 * 256, layers=24) for rank in range(2))
    shares = [sum(count for name, count in seen if name == str(rank)) for rank in range(2)]
    assert sum(shares) == len(work.data.pictures) and min(shares) > 20
    together()
    assert sum(count for _, count in seen) == len(work.data.pictures), "they are there"
    with seeded(1):
        other = autoencoder.new_encoder(work, 6, 256).eval()
    together(encoder=other)
    with torch.no_grad():
        assert golden.error(found[1], codes_of(other, work.data.pictures)) < golden.rounding(9 * 256, layers=24)
    assert len(list((work.out / "codes of two").rglob("*.npy"))) == 1, "those of the encoder before are gone"
