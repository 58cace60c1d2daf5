"""Drawings, of which everything is known, and the family that is trained of them."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import Editor, InputError
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from ffclip.ffclip_core.training.__main__ import main
from ffclip.ffclip_core.training.codes import Codes
from ffclip.ffclip_core.training.drawings import Drawings, Known
from ffclip.ffclip_core.training.edits import edits
from ffclip.ffclip_core.training.loop import StoppedError
from ffclip.ffclip_core.training.settings import Settings, read_settings
from ffclip.ffclip_core.training.short_texts import encode_short
from ffclip.ffclip_core.training.training import Task, train
from safetensors.torch import load_file
from toys import SQUARES, Square, Squares

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
    others = Drawings(SQUARES, 32), Drawings(SQUARES, 16, 1), Drawings(Others(), 16, 5)
    assert len({source.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_what_is_known_of_them_is_kept_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Known.of(Drawings(SQUARES, 16, seed=3), 30, tmp_path / "known.npz")
    things = [SQUARES.sample(3 + i) for i in range(30)]
    assert np.array_equal(known.parameters, [SQUARES.parameters(thing) for thing in things])
    assert np.array_equal(known.labels, [SQUARES.labels(thing) for thing in things])
    assert known.focus.shape == (30, 4) and known.parameters.dtype == np.float32
    with monkeypatch.context() as patch:
        patch.setattr("ffclip.ffclip_core.training.drawings._known", None)
        again = Known.of(Drawings(SQUARES, 16, seed=3), 30, tmp_path / "known.npz")
    assert np.array_equal(again.parameters, known.parameters) and np.array_equal(again.labels, known.labels)
    others = Known.of(Drawings(Others(), 16, seed=3), 20, tmp_path / "known.npz")
    assert np.array_equal(others.parameters, [SQUARES.parameters(SQUARES.sample(10 + i)) for i in range(20)])


def test_an_edit_is_to_have_the_parameters_of_its_drawing() -> None:
    things = [SQUARES.sample(seed) for seed in range(200)]
    parameters = torch.from_numpy(np.stack([SQUARES.parameters(thing) for thing in things]))
    codes = Codes.of(parameters, 4)
    w = (codes.w(parameters)[:, None] + codes.offsets).clone()
    found = edits(SQUARES, codes, things, w, np.random.default_rng(0))
    after = torch.from_numpy(np.stack([SQUARES.parameters(thing) for thing in found.things]))
    wanted = codes.w(after)[:, None] + codes.offsets
    assert golden.error(found.wanted, wanted) < golden.rounding(256, layers=4)
    changed = [before != thing for before, thing in zip(things, found.things, strict=True)]
    assert 150 < sum(changed) < 200, "one in ten asks for nothing new"
    for thing, caption in zip(found.things, found.captions, strict=True):
        assert set(caption.split(", ")) <= {f"{thing.inner} square", f"{thing.outer} ground"}


def test_more_parameters_than_a_code_has_room_for() -> None:
    with pytest.raises(InputError, match="Drawings with 17 parameters need codes of 34 numbers"):
        Codes.of(torch.randn(50, 17), 4, latent_dim=32)


def test_texts_mean_the_same_without_their_padding() -> None:
    tower = golden.fill(TextEncoder(embed_dim=32, width=32, heads=4, layers=2), "clip")
    texts = ["a cat", "a cat that sleeps on the mat"]
    ids = torch.stack([tower._row(text) for text in texts])  # noqa: SLF001
    with torch.no_grad():
        assert golden.error(encode_short(tower, ids), tower.encode(texts)) < golden.rounding(32, layers=8)


@pytest.mark.slow
def test_a_domain_that_is_named_becomes_a_family_by_two_processes(tmp_path: Path) -> None:
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


def test_what_can_not_be_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endless = read_settings(size=16, device="cpu")
    with pytest.raises(InputError, match="Drawings have no end: say in the settings how many"):
        train(Task(pictures=SQUARES, out=tmp_path / "x", config=endless, tell=lambda said: None))
    with pytest.raises(SystemExit):
        main(["toys:TRIANGLES", str(tmp_path / "y")])
    assert "The source 'toys:TRIANGLES' can't be had (AttributeError" in capsys.readouterr().err
