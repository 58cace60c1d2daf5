"""Our own files: what is written is read again, and everything else is refused in one sentence, without running it."""

from __future__ import annotations

import json
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path

import fresh
import layouts
import pytest
import torch
from ffclip.ffclip_core import (
    EMBEDDED,
    CheckpointError,
    load_aligner,
    load_encoder,
    load_generator,
    load_identity,
    load_image_encoder,
    load_modulator,
    load_text_encoder,
    save_part,
)
from ffclip.ffclip_core.checkpoints.convert import convert, main
from ffclip.ffclip_core.checkpoints.parts import Part
from ffclip.ffclip_core.networks.aligner import Aligner
from ffclip.ffclip_core.networks.encoder import Encoder
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.networks.identity import Identity
from ffclip.ffclip_core.networks.image_encoder import ImageEncoder
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from safetensors import safe_open
from safetensors.torch import load_file, save_file

PARTS = {
    "generator": (
        load_generator,
        lambda: Generator(size=16, channels={4: 8, 8: 8, 16: 4}, latent_dim=16, num_mapping_layers=2, family="toys"),
    ),
    "encoder": (
        load_encoder,
        lambda: Encoder(
            num_layers=6,
            latent_dim=16,
            input_size=(64, 48),
            widths=(16, 16, 16, 32),
            blocks=(1, 1, 2, 1),
            pyramid_width=24,
            family="toys",
        ),
    ),
    "modulator": (load_modulator, lambda: Modulator(num_layers=6, latent_dim=16, num_blocks=3, family="toys")),
    "text_encoder": (load_text_encoder, lambda: TextEncoder(embed_dim=16, width=32, heads=2, layers=1, family="toys")),
    "image_encoder": (
        load_image_encoder,
        lambda: ImageEncoder(embed_dim=16, image_size=64, width=32, heads=2, layers=1, family="toys"),
    ),
    "aligner": (load_aligner, lambda: Aligner(input_size=32, widths=(4, 6, 8, 10), blocks=(1, 1, 2), family="toys")),
    "identity": (
        load_identity,
        lambda: Identity(embed_dim=8, input_size=32, widths=(16, 24, 32), blocks=(1, 2, 1), family="toys"),
    ),
}
EMBEDDED_PARTS = ["generator", "encoder", "modulator", "text_encoder", "aligner"]
"""Those of the embedded family."""


def sentence(load: Callable, path: Path) -> str:
    """What the loader says about a bad file: one line, one sentence, with the file's name."""
    with pytest.raises(CheckpointError) as caught:
        load(path)
    message = str(caught.value)
    assert path.name in message and "\n" not in message and message.endswith((".", "there.", "link."))
    return message


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_part_comes_back_as_it_was_written(part: str, dtype: torch.dtype, tmp_path: Path) -> None:
    load, build = PARTS[part]
    network, path = build(), tmp_path / "any name.safetensors"
    save_part(path, network, dtype)
    state = torch.get_rng_state()
    loaded = load(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert loaded.architecture == network.architecture and loaded.family == "toys" and not loaded.training
    for key, value in network.state_dict().items():
        found = loaded.state_dict()[key]
        assert found.dtype == value.dtype and found.device.type == "cpu"
        assert torch.equal(found, value.to(dtype).to(value.dtype))
    # Constants that no file holds are in their place too.
    assert all(not buffer.is_meta for buffer in loaded.buffers())


def test_what_float16_cannot_hold_stays_in_float32(tmp_path: Path) -> None:
    encoder = PARTS["encoder"][1]()
    variance = encoder.state_dict()["body.0.res_layer.4.running_var"].fill_(1e6)
    save_part(tmp_path / "encoder.safetensors", encoder)
    loaded = load_encoder(tmp_path / "encoder.safetensors").state_dict()
    assert torch.equal(loaded["body.0.res_layer.4.running_var"], variance)


def test_weights_live_on_when_their_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    save_part(path, PARTS["generator"][1](), torch.float32)
    code = (
        "import sys; from ffclip.ffclip_core import load_generator; g = load_generator(sys.argv[1]);"
        "open(sys.argv[1], 'wb').close(); print(sum(p.sum().item() for p in g.parameters()))"
    )
    fresh.run(code, path)


def test_heads_that_do_not_divide_the_width(tmp_path: Path) -> None:
    path = tmp_path / "text.safetensors"
    network = PARTS["text_encoder"][1]()
    architecture = json.dumps({**network.architecture, "heads": 3})
    metadata = {"format": "ffclip", "part": "text_encoder", "family": "", "architecture": architecture}
    save_file(network.state_dict(), path, metadata)
    assert "describes no text encoder that can be built" in sentence(load_text_encoder, path)


def _with_version(path: Path, version: object, part: str = "generator") -> None:
    """A part's file whose header, JSON written as it is, gives this version, whatever it is; None: gives none."""
    save_part(path, PARTS[part][1](), torch.float32)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    del header["__metadata__"]["format_version"]
    if version is not None:
        header["__metadata__"]["format_version"] = version
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


@pytest.mark.parametrize("part", PARTS)
def test_files_without_a_version_are_of_version_1(part: str, tmp_path: Path) -> None:
    load, build = PARTS[part]
    written, older = tmp_path / "written.safetensors", tmp_path / "older.safetensors"
    save_part(written, build(), torch.float32)
    with safe_open(written, framework="pt") as file:
        assert file.metadata()["format_version"] == "1"
    assert load(written).architecture == build().architecture
    _with_version(older, None, part)
    with safe_open(older, framework="pt") as file:
        assert "format_version" not in file.metadata()
    assert load(older).architecture == build().architecture


@pytest.mark.parametrize("version", ["2", "17", "999999"])
def test_a_newer_version_of_the_format_is_named(version: str, tmp_path: Path) -> None:
    path = tmp_path / "newer.safetensors"
    _with_version(path, version)
    for load, _ in PARTS.values():
        assert sentence(load, path) == (
            f"newer.safetensors has version {version} of FFCLIP's file format, and this pack reads no version beyond "
            "1: update the pack."
        )
    # Whatever else such a version has changed.
    save_file({"x": torch.zeros(1)}, path, {"format": "ffclip", "format_version": version, "part": "anything new"})
    assert "update the pack" in sentence(load_generator, path)


@pytest.mark.parametrize(
    "version",
    ["", "0", "-1", "+1", "01", " 1", "1 ", "1\n", "1.0", "1.5", "1e0", "0x1", "1_0", "²", "١", "one", "nan", "inf",
     "9" * 50, "9" * 5000, "\x1b[2J", "None", True, False, 2.5, [1], {"1": 1}, 2, -1, 10**30],
)  # fmt: skip
def test_a_version_that_is_none_is_refused(version: object, tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    _with_version(path, version)
    message = sentence(load_generator, path)
    assert "as the version of its format" in message and "get the file again" in message and len(message) < 250


@pytest.mark.parametrize("part", PARTS)
def test_a_network_loaded_in_inference_mode_is_one_like_any_other(part: str, tmp_path: Path) -> None:
    """ComfyUI's nodes run in it; weights made there could not be changed outside, and would not count their changes."""
    save_part(tmp_path / "part.safetensors", PARTS[part][1]())
    with torch.inference_mode():
        network = PARTS[part][0](tmp_path / "part.safetensors")
    assert not any(value.is_inference() for value in network.state_dict().values())


@pytest.mark.parametrize(
    ("kind", "architecture", "told"),
    [
        ("generator", {"size": 1024}, "FFHQ-size generator, 1024 px, 18 layers (cars)"),
        ("generator", {"size": 256}, "generator, 256 px, 14 layers (cars)"),
        ("encoder", {"input_size": [192, 256], "num_layers": 16}, "encoder of 256×192 px, 16 layers (cars)"),
        ("encoder", {"input_size": 7, "num_layers": 16}, "encoder of ?×? px, 16 layers (cars)"),
        ("modulator", {"num_layers": 16}, "modulation blocks, 16 layers (cars)"),
        ("text_encoder", {"embed_dim": 512}, "text encoder, 512 wide (cars)"),
        ("image_encoder", {"image_size": 224, "embed_dim": 512}, "image encoder of 224 px, 512 wide (cars)"),
        ("identity", {"embed_dim": 512}, "identity network, 512 wide (cars)"),
    ],
)
def test_a_part_is_told_in_words(kind: str, architecture: dict, told: str) -> None:
    assert Part(kind, "some layout", architecture, {}, "cars").describe() == told
    assert Part(kind, "some layout", architecture, {}).describe() == told.replace("cars", "some layout")


def test_the_command_that_converts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*arguments: str) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr(sys, "argv", ["convert", *arguments])
        status, told = main(), capsys.readouterr()
        return status, told.out.splitlines(), told.err.splitlines()

    for name in ("one.pt", "two.pt"):
        layouts.rosinality(tmp_path / name, PARTS["generator"][1]())
    one, two, out = str(tmp_path / "one.pt"), str(tmp_path / "two.pt"), tmp_path / "out"
    results = [str(tmp_path / f"{stem}-generator.safetensors") for stem in ("one", "two")]
    assert command(one, two) == (0, results, [])
    assert {tensor.dtype for tensor in load_file(results[0]).values()} == {torch.float16}
    assert command(one, "--out", str(out), "--dtype", "float32") == (0, [str(out / "one-generator.safetensors")], [])
    assert {tensor.dtype for tensor in load_file(out / "one-generator.safetensors").values()} == {torch.float32}
    status, written, errors = command(one, two, "--out", str(out))
    assert status == 1 and not written and len(errors) == 1 and "exists" in errors[0]
    assert command(one, "--out", str(out), "--overwrite")[0] == 0
    assert {tensor.dtype for tensor in load_file(out / "one-generator.safetensors").values()} == {torch.float16}


def test_the_result_of_a_newer_converter_is_none_that_this_one_keeps(tmp_path: Path) -> None:
    source = tmp_path / "own.safetensors"
    save_part(source, PARTS["generator"][1](), torch.float32)
    (result,) = convert(source, tmp_path / "results")
    with safe_open(result, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["format_version"] == "1" and convert(source, result.parent) == [result]
    save_file({"x": torch.zeros(1)}, result, {**metadata, "format_version": "2"})
    newer = result.read_bytes()
    with pytest.raises(CheckpointError, match="exists: move it away"):
        convert(source, result.parent)
    assert result.read_bytes() == newer


@pytest.mark.parametrize("part", EMBEDDED_PARTS)
def test_the_embedded_family_is_small_and_says_what_it_is(part: str) -> None:
    path = EMBEDDED / f"{part}.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["part"], metadata["family"]) == ("ffclip", part, "avatars")
    assert PARTS[part][0](path).family == "avatars"
    assert sum(file.stat().st_size for file in EMBEDDED.glob("*.safetensors")) < 40_000_000


def test_a_missing_file(tmp_path: Path) -> None:
    assert "There is no file" in sentence(load_generator, tmp_path / "gone.safetensors")
    assert "There is no file" in sentence(load_generator, tmp_path)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("other", PARTS)
def test_the_file_of_another_part(part: str, other: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_part(path, PARTS[other][1]())
    if part != other:
        message = sentence(PARTS[part][0], path)
        assert f"holds the {other.replace('_', ' ')}" in message and part.replace("_", " ") in message


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n <!DOCTYPE html><html><body>Sign in to download</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git-lfs pointer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "is a picture (PNG), not a model"),
        (b"\xff" * 64, "no model file"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{", "no model file"),
        ((2).to_bytes(8, "little") + b"{}", "holds no model that FFCLIP knows"),
        ((4).to_bytes(8, "little") + b"[[[[", "no model file"),
    ],
    ids=["empty", "page", "lfs", "picture", "noise", "huge-header", "no-tensors", "no-json"],
)
def test_a_file_that_is_no_model(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    for load, _ in PARTS.values():
        assert says in sentence(load, path)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_refused_and_nothing_in_it_runs(protocol: int, tmp_path: Path) -> None:
    path, mark = tmp_path / "model.safetensors", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Bomb(mark), protocol))
    sentence(load_generator, path)
    torch.save({"g_ema": Bomb(mark)}, path)
    assert "nothing was run" in sentence(load_generator, path)
    assert not mark.exists()


def test_a_file_cut_anywhere(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    save_part(whole, PARTS["generator"][1]())
    content = whole.read_bytes()
    for length in [*range(1, 64, 9), *range(64, len(content), len(content) // 25), len(content) - 1]:
        cut.write_bytes(content[:length])
        sentence(load_generator, cut)


def _rewrite(path: Path, change: Callable[[dict, dict], None]) -> None:
    """A generator's file whose tensors and architecture were changed."""
    network = PARTS["generator"][1]()
    tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
    architecture = network.architecture
    change(tensors, architecture)
    metadata = {"format": "ffclip", "part": "generator", "family": "", "architecture": json.dumps(architecture)}
    save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t, a: t.pop("input.input"), "it lacks the tensor 'input.input'"),
        (lambda t, a: t.update(extra=torch.zeros(1)), "tensor 'extra' that has no place in it"),
        (
            lambda t, a: t.update({"input.input": torch.zeros(1, 8, 5, 4)}),
            r"shape [1, 8, 5, 4] instead of [1, 8, 4, 4]",
        ),
        (lambda t, a: a.update(latent_dim=10**12), "describes no generator that can be built"),
        (lambda t, a: a.update(latent_dim=199_999, num_mapping_layers=50), "impossibly large"),
        (lambda t, a: a.update(latent_dim=-1), "describes no generator that can be built"),
        (lambda t, a: a.update(latent_dim="16"), "describes no generator that can be built"),
        (lambda t, a: a.update(size=17), "describes no generator that can be built"),
        (lambda t, a: a.update(size=1024), "describes no generator that can be built"),
        (lambda t, a: a.update(channels={"4": 8}), "describes no generator that can be built"),
        (lambda t, a: a.update(channels=[8] * 1000), "describes no generator that can be built"),
        (lambda t, a: a.update(colour=3), "describes no generator that can be built"),
        (lambda t, a: a.clear(), "describes no generator that can be built"),
        (lambda t, a: a.update(num_mapping_layers=199_999), "199999 layers, but"),
        (lambda t, a: t.update({"input.input": torch.zeros(1, 8, 4, 4, dtype=torch.int32)}), "stored as torch.int32"),
        (lambda t, a: t.update(latent_avg=torch.zeros(16, dtype=torch.bool)), "stored as torch.bool"),
        (lambda t, a: t.update(latent_avg=torch.zeros(16, dtype=torch.complex64)), "of the unknown kind C64"),
        (lambda t, a: t.update(latent_avg=torch.full((16,), torch.nan)), "values that are no numbers"),
        (lambda t, a: t.update(latent_avg=torch.full((16,), 1e300, dtype=torch.float64)), "values that are no numbers"),
    ],
)
def test_a_file_whose_parts_contradict_each_other(change: Callable, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    _rewrite(path, change)
    assert re.search(re.escape(says), sentence(load_generator, path))


@pytest.mark.parametrize(
    "change",
    [
        {"input_size": 40}, {"input_size": 96.0}, {"input_size": 10**9}, {"input_size": True}, {"widths": [4, 6, 8]},
        {"widths": [1, 1, 1, 1]}, {"widths": [4, 6, 8, 199_999]}, {"widths": "abcd"}, {"blocks": [1, 1, 99_999]},
        {"blocks": [0, 0, 0]}, {"face": [0.5]}, {"face": [0.5, float("nan"), 0.3, 0.3]}, {"points": [[0.5]] * 10},
        {"points": [0.5] * 10_000}, {"places": 3},
    ],
    ids=repr,
)  # fmt: skip
def test_an_aligner_that_cannot_be_is_damaged(change: dict, tmp_path: Path) -> None:
    aligner, path = PARTS["aligner"][1](), tmp_path / "aligner.safetensors"
    architecture = json.dumps({**aligner.architecture, **change})
    save_file(aligner.state_dict(), path, {"format": "ffclip", "part": "aligner", "architecture": architecture})
    assert re.search("is damaged: it describes|is incomplete, or another network", sentence(load_aligner, path))


def test_hyper_parameters_are_given_by_name_and_never_change() -> None:
    """What headers say of them is what they said before there was a version."""
    with pytest.raises(TypeError):
        Modulator(*(6, 16))  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="colour"):
        Encoder(colour=3)
    with pytest.raises(AttributeError):
        PARTS["modulator"][1]().config.num_layers = 7
    told = {part: json.dumps(build().architecture) for part, (_, build) in PARTS.items()}
    assert told == {
        "generator": '{"size": 16, "channels": {"4": 8, "8": 8, "16": 4}, "latent_dim": 16, "num_mapping_layers": 2}',
        "encoder": '{"num_layers": 6, "latent_dim": 16, "input_size": [64, 48], "widths": [16, 16, 16, 32], '
        '"blocks": [1, 1, 2, 1], "pyramid_width": 24}',
        "modulator": '{"num_layers": 6, "latent_dim": 16, "num_blocks": 3}',
        "text_encoder": '{"embed_dim": 16, "width": 32, "heads": 2, "layers": 1, "vocab_size": 49408, '
        '"context_length": 77}',
        "image_encoder": '{"embed_dim": 16, "image_size": 64, "patch_size": 32, "width": 32, "heads": 2, "layers": 1, '
        '"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}',
        "aligner": '{"input_size": 32, "widths": [4, 6, 8, 10], "blocks": [1, 1, 2], "face": [0.5, 0.5, 0.3, 0.35], '
        '"points": [0.37, 0.45, 0.63, 0.45, 0.5, 0.55, 0.42, 0.65, 0.58, 0.65]}',
        "identity": '{"embed_dim": 8, "input_size": 32, "widths": [16, 24, 32], "blocks": [1, 2, 1]}',
    }
    more = {"channels": {4: 8, 8: 8, 16: 4, 32: 2}, "size": 16, "latent_dim": 16}
    generator = Generator(**more, num_mapping_layers=2, conv_clamp=256.0, z_dim=8, num_classes=3)
    assert json.dumps(generator.architecture) == told["generator"][:-1] + (
        ', "conv_clamp": 256.0, "z_dim": 8, "num_classes": 3}'
    )
    assert "z_dim" not in Generator(**more, z_dim=16).architecture
    psp = Encoder(num_layers=6, latent_dim=16, widths=[16] * 4, blocks=[1] * 4, pyramid_width=16, deltas=False)
    assert psp.architecture["deltas"] is False and json.dumps(psp.architecture)
    # The shipped files' headers, as they were written.
    for part in EMBEDDED_PARTS:
        load, path = PARTS[part][0], EMBEDDED / f"{part}.safetensors"
        with safe_open(path, framework="pt") as file:
            assert file.metadata()["architecture"] == json.dumps(load(path).architecture)
