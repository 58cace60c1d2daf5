"""From pictures to a family, by the public command: each of the documented cases for a few steps, in one process.

How well is measured by hand (docs/training.md); here, that every part is trained of what it should be, that the folder
loads at every moment, and that a run goes on.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import golden
import layouts
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import Editor, InputError, load_generator, load_modulator, load_text_encoder
from ffclip.ffclip_core.checkpoints import load_parts
from ffclip.ffclip_core.families import read_family
from ffclip.ffclip_core.networks.image_encoder import ImageEncoder
from ffclip.ffclip_core.training.__main__ import main
from ffclip.ffclip_core.training.family_folder import family_name
from ffclip.ffclip_core.training.loop import StoppedError
from ffclip.ffclip_core.training.settings import read_settings
from ffclip.ffclip_core.training.sources import Example
from ffclip.ffclip_core.training.stages import modulator
from ffclip.ffclip_core.training.training import Task, train
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 230), "white": (240, 240, 240)}
FEW = """
size: 16
workers: 1
device: cpu
text: {steps: 2, batch: 4}
autoencoder: {steps: 2, batch: 4}
encoder: {steps: 2, batch: 4}
modulator: {steps: 2, batch: 4}
"""


def square(inner: str, outer: str) -> np.ndarray:
    picture = np.full((24, 24, 3), COLOURS[outer], np.uint8)
    picture[8:16, 8:16] = COLOURS[inner]
    return picture


def pictures(folder: Path, count: int = 24) -> Path:
    folder.mkdir()
    names = list(COLOURS)
    for i in range(count):
        inner, outer = names[i % 4], names[(i // 4 + i % 4 + 1) % 4]
        Image.fromarray(square(inner, outer)).save(folder / f"{i}.png")
        (folder / f"{i}.txt").write_text(f"{inner} square\n{inner} square and {outer} ground\n")
    return folder


def pairs(folder: Path, count: int = 6) -> Path:
    folder.mkdir()
    for i, outer in zip(range(count), list(COLOURS) * 2, strict=False):
        Image.fromarray(square("red", outer)).save(folder / f"{i}.before.png")
        Image.fromarray(square("blue", outer)).save(folder / f"{i}.after.png")
        (folder / f"{i}.txt").write_text("blue square\n")
    return folder


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Case c: everything, of pictures and captions."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "few.yaml").write_text(FEW)
    status = main([str(pictures(folder / "squares")), str(folder / "out"), "--config", str(folder / "few.yaml")])
    assert status == 0
    return folder / "out"


@pytest.mark.slow
def test_pictures_and_captions_become_a_family(family: Path) -> None:
    editor = Editor.from_folder(family)
    assert editor.generator.size == 16 and editor.generator.num_layers == 6
    w = editor.invert(torch.rand(1, 20, 30, 3, generator=torch.Generator().manual_seed(0)))
    assert editor.edit(w, ["green square"]).shape == (1, 16, 16, 3)
    # What captions repeat is learnt by what it brings, not by CLIP, which is fooled.
    kept = (family / "training/modulator/log.csv").read_text().splitlines()[0].split(",")
    assert {"caption_image", "caption_masked", "caption_latent"} <= {*kept} and "clip" not in kept
    report = (family / "evaluation.md").read_text("utf-8")
    assert "| red square |" in report and "Fréchet" in report
    for picture in ("evaluation.png", "losses.png", "training/autoencoder/reconstructions.png"):
        assert (family / picture).exists()
    assert json.loads((family / "family.json").read_text("utf-8"))["prompts"][0] == "red square"
    spread = editor.generator.map(torch.randn(8, 256, generator=torch.Generator().manual_seed(1))).std(0).mean()
    assert spread > 0, "the mapping network gives every z the same code"


@pytest.mark.slow
def test_what_it_was_trained_on_is_known_and_nothing_else(family: Path) -> None:
    found = Editor.from_folder(family).known(["red square", "RED square, please", "violet square", "blue"])
    assert found is not None
    assert [each.known for each in found] == [True, False, False, False]
    assert found[2].sentence() == "'violet' is not known; nothing known is near."
    assert found[1].unknown == ("please",)


@pytest.mark.slow
def test_a_finished_run_trains_nothing_again(family: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {path: path.read_bytes() for path in family.glob("*.safetensors")}
    config = family.parent / "few.yaml"
    assert main([str(family.parent / "squares"), str(family), "--config", str(config)]) == 0
    assert capsys.readouterr().out.count("done already") == 3
    assert files == {path: path.read_bytes() for path in family.glob("*.safetensors")}


@pytest.mark.slow
def test_prompts_that_captions_say_are_learnt_by_captions_and_others_by_clip(family: Path, tmp_path: Path) -> None:
    shutil.copytree(family, tmp_path / "out")

    def columns(*prompts: str) -> set[str]:
        few = read_settings(family.parent / "few.yaml", prompts=prompts)
        train(Task(pictures=family.parent / "squares", out=tmp_path / "out", config=few))
        return {*(tmp_path / "out/training/modulator/log.csv").read_text().splitlines()[0].split(",")}

    with pytest.raises(InputError, match="modulator is of other pictures, texts"):
        columns("Red square,  white ground")
    for prompts, clip in ((("Red square,  white ground",), False), (("a red square", "Blue square"), True)):
        shutil.rmtree(tmp_path / "out/training/modulator")
        found = columns(*prompts)
        assert "caption_image" in found and ("clip" in found) == clip


@pytest.mark.slow
def test_captions_need_no_image_tower(family: Path, tmp_path: Path) -> None:
    files = {part: family / f"{part}.safetensors" for part in ("generator", "encoder", "text_encoder")}
    few = read_settings(family.parent / "few.yaml")
    out = train(Task(pictures=family.parent / "squares", out=tmp_path / "out", config=few, files=files))
    assert "caption_image" in (out / "training/modulator/log.csv").read_text()
    with pytest.raises(InputError, match="No five captions say the same"):
        train(Task(pictures=pictures(tmp_path / "few", 4), out=tmp_path / "other", config=few, files=files))


@pytest.mark.slow
def test_pictures_without_a_text_teach_by_their_differences(family: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for i, name in enumerate(COLOURS):
        Image.fromarray(square(name, "white")).save(tmp_path / "pictures" / f"{i}.png")
    files = {kind: family / f"{kind}.safetensors" for kind in ("generator", "encoder", "text_encoder", "image_encoder")}
    free = read_settings(family.parent / "few.yaml", modulator={"losses": {"text_free": 1.0}})
    task = Task(pictures=tmp_path / "pictures", out=tmp_path / "out", config=free, files=files)
    log = (train(task) / "training/modulator/log.csv").read_text().splitlines()
    assert log[0] == "step,text_free" and all(float(line.split(",")[1]) > 0 for line in log[1:])


def test_a_difference_of_pictures_is_as_far_from_a_neutral_text_as_words_are(family: Path) -> None:
    kinds = ("text_encoder", "image_encoder")
    parts = load_parts({kind: family / f"{kind}.safetensors" for kind in kinds})
    drawn = np.stack([square(name, "white") for name in ("red", "blue", "red")])
    data = SimpleNamespace(training=np.arange(3), pictures=drawn)
    settings = read_settings(family.parent / "few.yaml")
    work: Any = SimpleNamespace(parts=parts, data=data, settings=settings, device=torch.device("cpu"))
    found = modulator._Differences(work)
    first, second = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 0])
    e = found.embedding(first, second)
    neutral = parts["text_encoder"].encode(["a picture"])[0]
    far = (e / neutral.norm() - neutral / neutral.norm()).norm(dim=1)
    words = torch.nn.functional.normalize(parts["text_encoder"].encode(list(modulator._WORDS)), dim=1)
    expected = (words - neutral / neutral.norm()).norm(dim=1).mean()
    assert far[0] == pytest.approx(float(expected), rel=1e-4) and far[0] == pytest.approx(float(far[2]), rel=1e-4)
    assert golden.error(e[1], neutral) < golden.rounding(256), "equal pictures ask for nothing"
    assert golden.error(e[0] + e[2], 2 * neutral) < golden.rounding(256, layers=4), "and back is the other way"


@pytest.mark.slow
def test_a_generator_alone_gets_an_encoder_and_blocks(family: Path, tmp_path: Path) -> None:
    """Case b, of prompts, without a picture."""
    (tmp_path / "prompts.txt").write_text("green square\nblue square\n\nred ground\n")
    given = {"generator": family / "generator.safetensors", "text_encoder": family / "text_encoder.safetensors"}
    given["image_encoder"] = family / "image_encoder.safetensors"
    said: list[str] = []
    few = read_settings(family.parent / "few.yaml")
    train(Task(pictures=tmp_path / "prompts.txt", out=tmp_path / "out", config=few, files=given, tell=said.append))
    assert any("by 3 texts" in sentence for sentence in said)
    editor = Editor.from_folder(tmp_path / "out")
    state = load_generator(given["generator"]).state_dict()
    assert all(torch.equal(value, state[key]) for key, value in editor.generator.state_dict().items())
    assert editor.encoder.num_layers == 6


@pytest.mark.slow
def test_pairs_are_learned_by_blocks_that_go_on(family: Path, tmp_path: Path) -> None:
    """Case d: only the blocks change, and towards the pictures after."""
    few = read_settings(family.parent / "few.yaml").changed(modulator={"steps": 30})
    files = {part: family / f"{part}.safetensors" for part in ("generator", "encoder", "text_encoder", "modulator")}
    out = train(Task(pictures=pairs(tmp_path / "pairs"), out=tmp_path / "out", config=few, files=files))
    rows = (out / "training/modulator/log.csv").read_text().splitlines()
    assert "pair_image" in rows[0]
    before = load_modulator(files["modulator"]).state_dict()
    after = load_modulator(out / "modulator.safetensors").state_dict()
    assert any(not torch.equal(before[key], value) for key, value in after.items())
    texts = [load_text_encoder(path / "text_encoder.safetensors").state_dict() for path in (family, out)]
    assert all(torch.equal(value, texts[1][key]) for key, value in texts[0].items())
    assert "Edits of which pairs are known" in (out / "evaluation.md").read_text("utf-8")


@pytest.mark.slow
def test_a_python_source_and_a_run_that_is_stopped(tmp_path: Path) -> None:
    source = [Example(picture=square(a, b), captions=(f"{a} square",)) for a in COLOURS for b in COLOURS if a != b]
    (tmp_path / "few.yaml").write_text(FEW)
    few = read_settings(tmp_path / "few.yaml")
    seen: list[tuple[str, int]] = []

    def task(stop: Any) -> Task:
        watch = lambda stage, step, of: seen.append((stage, step))  # noqa: E731
        return Task(pictures=source, out=tmp_path / "out", config=few, stop=stop, watch=watch)

    with pytest.raises(StoppedError, match="text"):
        train(task(lambda: True))
    Editor.from_folder(tmp_path / "out")
    train(task(lambda: False))
    assert seen == [(stage, step) for stage in ("text", "autoencoder", "modulator") for step in (1, 2)]


@pytest.mark.slow
def test_published_files_and_a_list_of_texts(family: Path, tmp_path: Path) -> None:
    """Case a: CLIP's whole file, whose image tower judges edits, beside generator and encoder."""
    towers = (load_text_encoder(family / "text_encoder.safetensors"), tiny_tower())
    layouts.clip_openai(tmp_path / "ViT-B-32.pt", *towers)
    (tmp_path / "prompts.txt").write_text("green square\nblue square\n")
    files = {part: family / f"{part}.safetensors" for part in ("generator", "encoder")}
    files["text_encoder"] = tmp_path / "ViT-B-32.pt"
    few = read_settings(family.parent / "few.yaml", modulator={"losses": {"directional": 1.0, "latent_l2": 1.0}})
    out = train(Task(pictures=tmp_path / "prompts.txt", out=tmp_path / "my.faces", config=few, files=files))
    columns = (out / "training/modulator/log.csv").read_text().splitlines()[0].split(",")
    assert {"clip", "directional", "latent_l1", "latent_l2", "embedding", "background"} <= set(columns)
    assert Editor.from_folder(out).modulator.num_layers == 6
    assert read_family(out).name == load_generator(files["generator"]).family


def tiny_tower() -> ImageEncoder:
    return ImageEncoder(embed_dim=256, image_size=64, patch_size=32, width=64, heads=1, layers=1)


@pytest.mark.slow
def test_adversarial_training_goes_on_from_the_auto_encoder(family: Path, tmp_path: Path) -> None:
    """With all of its regularisations in the steps there are."""
    shutil.copytree(family, tmp_path / "out")
    few = read_settings(family.parent / "few.yaml", generator={"steps": 2, "batch": 4})
    task = Task(pictures=family.parent / "squares", out=tmp_path / "out", config=few)
    with pytest.raises(InputError, match="modulator is of other pictures, texts, losses or parts: delete it"):
        train(task)  # The blocks were learnt with the generator of before.
    shutil.rmtree(tmp_path / "out/training/modulator")
    train(task)
    columns = (tmp_path / "out/training/generator/log.csv").read_text().splitlines()[0].split(",")
    assert {"adversarial", "discriminator", "path_length", "r1"} <= set(columns)
    before, after = (load_generator(path / "generator.safetensors") for path in (family, tmp_path / "out"))
    assert not torch.equal(before.conv1.conv.weight, after.conv1.conv.weight)
    z = torch.randn(4096, 256, generator=torch.Generator().manual_seed(0))
    assert golden.error(after.latent_avg, after.style(z).mean(0)) < golden.rounding(4096)


@pytest.mark.slow
def test_a_folder_is_gone_on_with_by_the_same_parts_and_pictures_alone(family: Path, tmp_path: Path) -> None:
    few = read_settings(family.parent / "few.yaml")
    shutil.copytree(family, tmp_path / "out")
    others = pictures(tmp_path / "others", 23)
    with pytest.raises(InputError, match="text is of other pictures, texts, losses or parts: delete it"):
        train(Task(pictures=others, out=tmp_path / "out", config=few))
    files = {"text_encoder": family / "text_encoder.safetensors"}
    with pytest.raises(InputError, match="out was begun with another text encoder: give the same again"):
        train(Task(pictures=family.parent / "squares", out=tmp_path / "out", config=few, files=files))
    with pytest.raises(InputError, match="out was begun at 16 px, not 32 px"):
        train(Task(pictures=family.parent / "squares", out=tmp_path / "out", config=few.changed(size=32)))


def test_a_family_has_a_name_that_a_manifest_may_have() -> None:
    assert family_name(Path("a/<my>\ncats.v2 ")) == "mycats.v2"
    assert family_name(Path("/")) == "family" and len(family_name(Path("x" * 200))) == 70


def test_what_the_command_says_where_it_can_not_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        ([str(tmp_path / "empty"), str(tmp_path / "out")], "holds no pictures"),
        ([str(tmp_path / "nothing"), str(tmp_path / "out")], str(tmp_path / "nothing")),
        ([str(tmp_path / "empty"), str(tmp_path / "out"), "--family", "dogs"], "'dogs'"),
        ([str(tmp_path / "empty"), str(tmp_path / "out"), "--generator", str(tmp_path / "no.pt")], "no.pt"),
    ):
        assert main([*arguments, "--device", "cpu"]) == 1
        found = capsys.readouterr().err
        assert said in found and found.count("\n") == 1, found


def test_an_out_that_can_not_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="another folder"):
        train(Task(pictures=pictures(tmp_path / "squares", 4), out=tmp_path / "file", config=read_settings()))
