"""Settings from a file: what is given, what is not, and what is told of wrong ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("pydantic", reason="settings need the extra `train`")
pytest.importorskip("yaml", reason="settings need the extra `train`")

from ffclip.ffclip_core.errors import InputError
from ffclip.ffclip_core.training.losses.weights import PUBLISHED
from ffclip.ffclip_core.training.settings import Settings, Stage, read_settings
from pydantic import ValidationError


def read(folder: Path, text: str | bytes, **values: Any) -> Settings:
    path = folder / "train.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_settings(path, **values)


def test_what_is_not_given_is_the_presets(tmp_path: Path) -> None:
    found = read(
        tmp_path, "preset: published\nminutes: 5\nmodulator:\n  batch: 16\n  losses: {clip: 0.5, identity: 0}\n"
    )
    modulator, losses = found.modulator, found.modulator.losses
    assert (found.minutes, modulator.batch, losses["clip"], losses["identity"]) == (5, 16, 0.5, 0)
    # MATHS of the published settings: Adam 5e-4, halved, gradients clipped at 5; latent L1 1.6, background 2.
    assert (modulator.learning_rate, modulator.schedule, modulator.clip) == (5e-4, "halving", 5.0)
    assert (losses["latent_l1"], losses["embedding"], losses["background"]) == (1.6, 1.0, 2.0)
    # StyleGAN2: Adam (0, .99) with .002, R1 10, path length 2, mixing .9, half of the average is new after 10,000.
    generator = found.generator
    assert (generator.learning_rate, generator.betas, generator.ema) == (2e-3, (0.0, 0.99), 10_000)
    assert [generator.losses[name] for name in ("r1", "path_length", "mixing")] == [10, 2, 0.9]


def test_every_loss_has_its_published_weight_or_is_off() -> None:
    settings = read_settings(preset="published")
    for stage, losses in PUBLISHED.items():
        found = settings.stage(stage).losses
        assert list(found) == list(losses)
        assert all(found[name] in (0, loss.value) for name, loss in losses.items())
    assert [name for name, weight in settings.modulator.losses.items() if not weight] == [
        "directional",
        "latent_l2",
        "text_free",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "modulator:\ntext:\n"])
def test_an_empty_file_and_empty_stages_change_nothing(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == read_settings()


@pytest.mark.parametrize(
    ("gpu", "values", "preset"),
    [
        (False, {}, "quick"),
        (True, {}, "published"),
        (True, {"device": "cpu"}, "quick"),
        (False, {"preset": "published"}, "published"),
    ],
)
def test_on_a_cpu_what_is_quick_is_the_default(
    gpu: bool, values: dict[str, Any], preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    found = read_settings(**values)
    assert found.preset == preset
    assert (found.size, found.modulator.losses["latent_l1"]) == ((64, 0.1) if preset == "quick" else (256, 1.6))
    assert found.modulator.losses["identity"] == 0.9, "what is not quicker otherwise is as published"


def test_all_values_are_written_and_read_again(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "prompts: [purple hair, 'naïve ☂', 'yes']\npictures: 100\nmodulator: {steps: 7, clip: null}\n",
        encoder={"learning_rate": 1e-7},
    )
    found.write(tmp_path / "kept.yaml")
    assert read_settings(tmp_path / "kept.yaml") == found
    assert found.prompts == ("purple hair", "naïve ☂", "yes") and found.modulator.steps == 7
    assert all(f"{key}:" in (tmp_path / "kept.yaml").read_text("utf-8") for key in Settings.model_fields)


def test_values_can_be_changed_one_by_one(tmp_path: Path) -> None:
    before = read_settings(preset="quick")
    after = before.changed(minutes=3, modulator={"batch": 2, "losses": {"clip": 0.25}})
    assert (after.minutes, after.modulator.batch, after.modulator.losses["clip"]) == (3, 2, 0.25)
    assert after.changed(minutes=30, modulator=before.modulator.model_dump()) == before
    with pytest.raises(ValidationError):
        before.minutes = 3  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(InputError, match="^The settings: minutes is -1, but it has to be greater than 0.$"):
        before.changed(minutes=-1)


def test_numbers_may_be_written_as_people_write_them(tmp_path: Path) -> None:
    """YAML 1.1 takes 5e-4, which has no point, for a word."""
    assert read(tmp_path, "modulator: {learning_rate: 5e-4, batch: '16'}").modulator.learning_rate == 5e-4


def test_players_are_told_what_the_settings_say() -> None:
    stage = read_settings(preset="published").generator
    learning = stage.learning(rates={"style": 0.01})
    assert (learning.learning_rate, learning.betas, learning.schedule) == (2e-3, (0.0, 0.99), "constant")
    assert learning.clip == math.inf and learning.rates == {"style": 0.01}
    assert learning.ema ** (10_000 / stage.batch) == pytest.approx(0.5), "half is new after as many pictures"
    assert stage.learning(ema=0.0).ema == 0


STAGES = "text, autoencoder, generator, encoder, modulator"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("modulater: {batch: 4}", ": modulater is no setting; did you mean modulator?"),
        ("modulator: {learning_rat: 1}", ": modulator.learning_rat is no setting; did you mean learning_rate?"),
        ("modulator: {losses: {clop: 1}}", ": modulator.losses.clop is no loss; did you mean clip?"),
        (
            "encoder: {losses: {background: 1}}",
            ": encoder.losses.background is no loss; there are latent, reconstr",
        ),
        ("zzz: 1", ": zzz is no setting; there are preset, seed, size, "),
        ("batch: 8", ": batch is a setting of each stage: write it below one of modulator, autoencoder"),
        ("modulator: {batch: 0}", ": modulator.batch is 0, but it has to be greater than or equal to 1."),
        (
            "modulator: {losses: {clip: -1}}",
            ": modulator.losses.clip is -1, but it has to be greater than or equal to 0.",
        ),
        ("modulator: {batch: many}", ": modulator.batch is 'many', but it has to be a valid integer"),
        ("modulator: {batch: 1.5}", ": modulator.batch is 1.5, but it has to be a valid integer"),
        ("modulator: {betas: [0.9]}", ": modulator.betas.1 is missing."),
        ("modulator: {betas: [0.9, 1]}", ": modulator.betas.1 is 1, but it has to be less than 1."),
        ("modulator: 5", ": modulator is 5, but it has to be keys and values."),
        ("modulator: {losses: 5}", ": modulator.losses is 5, but it has to be keys and values."),
        ("prompts: purple hair", ": prompts is 'purple hair', but it has to be a list."),
        ("seed: yes", ": seed is True, but it has to be a number or a word."),
        ("minutes: .inf", ": minutes is inf, but it has to be a finite number."),
        ("size: 100", ": size is 100, but it has to be 8, 16, 32, 64, 128, 256, 512 or 1024."),
        ("device: cud", ": device is 'cud', but it has to be 'auto', 'cpu', 'cuda' or 'mps'; did you mean cuda?"),
        ("minutes: -1\nseed: -1", ": seed is -1, but it has to be greater than or equal to 0 (and 1 more)."),
        ("1: 2", ": 1 is 1, but a key has to be a word."),
        ("seed: 1\nminutes: [1", " is no YAML in line 2, column 12: expected ',' or ']', but got '<stream end>'."),
        ("\tseed: 1", " is no YAML in line 1, column 1: found character '\\t' that cannot start any token."),
        (b"seed: \xff", " is no YAML: "),
        ("[" * 5000, " is no YAML: "),
        ("- 1", " holds no keys and values but [1]: write lines such as 'minutes: 30'."),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(text: str | bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    said = str(error.value)
    assert said.startswith(f"{tmp_path / 'train.yaml'}{told}") and len(said) < 400, said


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none.yaml can't be read .*: name a file of settings.$"):
        read_settings(tmp_path / "none.yaml")


def test_nothing_of_a_file_is_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no YAML in line 1"):
        read(tmp_path, f"seed: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']")
    assert not (tmp_path / "made").exists()


def test_every_setting_says_what_it_is() -> None:
    for model in (Settings, Stage):
        for name, field in model.model_fields.items():
            assert name in (*PUBLISHED, "evaluation") or (field.description or "").endswith("."), name
