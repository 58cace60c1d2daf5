from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

EMBEDDED = "avatars (embedded)"


@pytest.fixture(scope="module")
def layouts_of_ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small files of each published layout, as their programs write them."""
    import layouts
    from ffclip.ffclip_core.networks.encoder import Encoder
    from ffclip.ffclip_core.networks.generator import Generator
    from ffclip.ffclip_core.networks.modulation import Modulator
    from ffclip.ffclip_core.networks.text_encoder import TextEncoder

    folder = tmp_path_factory.mktemp("layouts")
    generator = Generator(size=16, channels={4: 8, 8: 8, 16: 8}, latent_dim=24, num_mapping_layers=2)
    encoder = Encoder(
        num_layers=6, latent_dim=24, input_size=(64, 64), widths=(16, 32, 48, 64), blocks=(1, 1, 1, 1), pyramid_width=64
    )
    layouts.e4e(folder / "e4e", encoder, generator, torch.zeros(24))
    layouts.ffclip(folder / "ffclip", Modulator(num_layers=6, latent_dim=24), generator)
    layouts.rosinality(folder / "stylegan2", generator)
    layouts.clip_openai(
        folder / "clip", TextEncoder(embed_dim=24, width=64, heads=1, layers=1, vocab_size=49408, context_length=77)
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def put(path: Path, content: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_each_list_offers_every_file_that_holds_such_a_part(models: tuple, layouts_of_ours: dict) -> None:
    """Whatever its name says, in whichever of our folders it lies."""
    from ffclip.nodes import model_files

    folder, _ = models
    for place in ("ffclip", "e4e", "stylegan"):
        for name, content in layouts_of_ours.items():
            put(folder / place / f"{place}-{name}.ckpt", content)
    put(folder / "ffclip" / "put models here.txt")
    put(folder / "ffclip" / "damaged.pt")
    model_files.register_model_folders()

    def of(*names: str) -> list[str]:
        return [EMBEDDED, *sorted(f"{place}-{name}.ckpt" for place in ("ffclip", "e4e", "stylegan") for name in names)]

    assert model_files.choices("encoder") == of("e4e")
    assert model_files.choices("generator") == of("e4e", "ffclip", "stylegan2")
    assert model_files.choices("modulator") == of("ffclip")
    assert model_files.choices("text_encoder") == of("clip")
    assert {*model_files.files()} == {*of("e4e", "ffclip", "stylegan2", "clip"), "damaged.pt"} - {EMBEDDED}
    assert model_files.find("generator", "e4e-e4e.ckpt") == folder / "e4e" / "e4e-e4e.ckpt"


def test_a_list_opened_again_reads_no_file_again(
    models: tuple, layouts_of_ours: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ffclip.nodes import model_files

    folder, _ = models
    file = put(folder / "e4e" / "faces.pt", layouts_of_ours["e4e"])
    model_files.register_model_folders()
    read = []
    working = model_files.read_parts
    monkeypatch.setattr(model_files, "read_parts", lambda path: read.append(path) or working(path))
    for _ in range(3):
        assert "faces.pt" in model_files.choices("encoder")
    assert read == [file]
    file.write_bytes(layouts_of_ours["ffclip"])
    assert "faces.pt" not in model_files.choices("encoder")
    assert "faces.pt" in model_files.choices("modulator")
    assert read == [file, file]


def test_files_of_one_name_in_two_folders_can_each_be_chosen(models: tuple, layouts_of_ours: dict) -> None:
    from ffclip.nodes import model_files

    folder, folder_paths = models
    first = put(folder / "ffclip" / "same.pt", layouts_of_ours["stylegan2"])
    second = put(folder / "stylegan" / "same.pt", layouts_of_ours["stylegan2"])
    third = put(folder / "elsewhere" / "same.pt", layouts_of_ours["stylegan2"])
    folder_paths.add_model_folder_path("stylegan", str(third.parent))
    model_files.register_model_folders()
    names = model_files.choices("generator")[1:]
    assert len(names) == 3
    assert {model_files.find("generator", name) for name in names} == {first, second, third}
    assert model_files.find("generator", "same.pt") == first, "a graph that was saved while there was one"
    first.unlink()
    third.unlink()
    folder_paths.filename_list_cache.clear()
    assert model_files.choices("generator")[1:] == ["same.pt"]
    assert model_files.find("generator", "stylegan/same.pt") == second, "and one that was saved while there were more"


@pytest.mark.parametrize(
    "name", [b"caf\xe9.pt", "line\nbreak.pt", "\x1b[31mred.pt", "<img src=x>.pt", "\u202efunny.pt", "-.pt", "ü 😀.pt"]
)
def test_a_file_of_any_name_is_listed_as_text_that_can_be_sent(
    models: tuple, layouts_of_ours: dict, name: str | bytes
) -> None:
    import os

    from ffclip.ffclip_core.errors import sendable
    from ffclip.nodes import file_descriptions, model_files

    folder, _ = models
    (folder / "ffclip").mkdir()
    path = Path(os.fsdecode(os.path.join(os.fsencode(folder), b"ffclip", os.fsencode(name))))
    path.write_bytes(layouts_of_ours["stylegan2"])
    model_files.register_model_folders()
    (shown,) = model_files.choices("generator")[1:]
    assert shown == sendable(shown) and "\n" not in shown
    shown.encode()
    assert model_files.find("generator", shown) == path
    file_descriptions.descriptions()["generator"][shown].encode()


def test_what_is_no_plain_file_is_never_opened(models: tuple, layouts_of_ours: dict) -> None:
    import os

    from ffclip.nodes import model_files

    folder, _ = models
    put(folder / "ffclip" / "good.pt", layouts_of_ours["stylegan2"])
    (folder / "ffclip" / "folder.pt").mkdir()
    (folder / "ffclip" / "dangling.pt").symlink_to(folder / "nowhere")
    (folder / "ffclip" / "loop.pt").symlink_to(folder / "ffclip" / "loop.pt")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "ffclip" / "pipe.pt")  # Opening it would wait without end.
    model_files.register_model_folders()
    assert [*model_files.files()] == ["good.pt"]


def test_a_graph_that_was_saved_on_windows_finds_its_file(models: tuple, layouts_of_ours: dict) -> None:
    from ffclip.nodes import model_files

    folder, _ = models
    file = put(folder / "ffclip" / "faces" / "good.pt", layouts_of_ours["stylegan2"])
    model_files.register_model_folders()
    assert model_files.find("generator", "faces\\good.pt") == file


def test_a_file_that_is_in_no_list_is_told_by_the_node_itself(models: tuple, nodes: dict, run: Callable) -> None:
    """Servers that check the values of lists leave these inputs to the node, and only these."""
    import inspect

    from ffclip.ffclip_core.errors import CheckpointError
    from ffclip.nodes import model_files

    model_files.register_model_folders()
    load, convert = nodes["FFCLIPLoadModels"], nodes["FFCLIPConvertCheckpoint"]
    assert set(inspect.signature(load.validate_inputs).parameters) == set(model_files.PARTS)
    assert set(inspect.signature(convert.validate_inputs).parameters) == {"file"}
    for choice in ("gone.pt", "half \ud83d.pt", 7, ["a"]):
        assert load.validate_inputs(generator=choice) is True and convert.validate_inputs(file=choice) is True
        chosen = dict.fromkeys(model_files.PARTS, EMBEDDED) | {"generator": choice}
        for node, inputs, what in (
            ("FFCLIPLoadModels", {**chosen, "precision": "float32"}, "generator"),
            ("FFCLIPConvertCheckpoint", {"file": choice, "dtype": "float32", "overwrite": False}, "model"),
        ):
            with pytest.raises(CheckpointError, match=f"There is no {what} file .*: put it into .*ffclip") as caught:
                run(node, **inputs)
            str(caught.value).encode()


def test_a_users_extra_model_path_is_kept_and_searched_first(
    models: tuple, tmp_path: Path, layouts_of_ours: dict
) -> None:
    from ffclip.nodes import model_files

    folder, folder_paths = models
    put(folder / "ffclip" / "same.safetensors", layouts_of_ours["ffclip"])
    extra = put(tmp_path / "elsewhere" / "same.safetensors", layouts_of_ours["ffclip"])
    put(tmp_path / "elsewhere" / "readme.txt")
    folder_paths.add_model_folder_path("ffclip", str(extra.parent))  # what extra_model_paths.yaml does
    model_files.register_model_folders()
    assert folder_paths.get_folder_paths("ffclip") == [str(extra.parent), str(folder / "ffclip")]
    assert folder_paths.get_filename_list("ffclip") == ["readme.txt", "same.safetensors"], "as it was registered"
    assert len(model_files.choices("modulator")) == 3
    assert model_files.find("modulator", "same.safetensors") == extra


def test_our_folders_are_known_before_they_are_there(models) -> None:  # noqa: ANN001
    """A page says where a missing file belongs only if ComfyUI knows the folder."""
    from ffclip.nodes import model_files

    folder, folder_paths = models
    model_files.register_model_folders()
    for name in ("ffclip", "e4e", "stylegan"):
        assert folder_paths.get_folder_paths(name) == [str(folder / name)]
    assert [*folder.iterdir()] == [], "nothing is made on the disk"
    assert model_files.choices("generator") == [EMBEDDED]


def test_other_packs_entries_of_any_form_are_kept(models) -> None:  # noqa: ANN001
    from ffclip.nodes import model_files

    folder, folder_paths = models
    folder_paths.folder_names_and_paths["stylegan"] = ((str(folder / "theirs"),), [".gan"])  # tuples, lists
    model_files.register_model_folders()
    paths, extensions = folder_paths.folder_names_and_paths["stylegan"]
    assert paths[0] == str(folder / "theirs") and ".gan" in extensions


def test_of_a_model_in_several_files_the_index_is_offered(models, layouts_of_ours: dict) -> None:  # noqa: ANN001
    import json

    from ffclip.ffclip_core import EMBEDDED as FOLDER
    from ffclip.nodes import model_files
    from safetensors.torch import load_file, save_file

    folder, _ = models
    place = folder / "ffclip"
    place.mkdir()
    import layouts
    from ffclip.ffclip_core import load_generator

    state = {
        key: value.contiguous()
        for key, value in layouts.g_ema(load_generator(FOLDER / "generator.safetensors")).items()
    }
    names = sorted(state)
    parts = {"g-00001-of-00002.safetensors": names[::2], "g-00002-of-00002.safetensors": names[1::2]}
    for name, keys in parts.items():
        save_file({key: state[key].clone() for key in keys}, place / name)
    model_files.register_model_folders()
    assert model_files.choices("generator")[1:] == ["g-00001-of-00002.safetensors"]
    index = {"weight_map": {key: name for name, keys in parts.items() for key in keys}}
    put(place / "g.safetensors.index.json", json.dumps(index).encode())
    put(place / "settings.json", b"{}")
    _.filename_list_cache.clear()
    assert model_files.choices("generator")[1:] == ["g.safetensors.index.json"]
    before = model_files.stamp("generator", "g.safetensors.index.json")
    shard = place / "g-00002-of-00002.safetensors"
    save_file({key: value + 1 for key, value in load_file(shard).items()}, shard)
    assert model_files.stamp("generator", "g.safetensors.index.json") != before


def test_a_missing_file_is_named_with_the_folders_to_put_it_in(models, run) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import CheckpointError
    from ffclip.nodes import model_files

    folder, _ = models
    (folder / "stylegan").mkdir()
    model_files.register_model_folders()
    with pytest.raises(CheckpointError) as caught:
        run(
            "FFCLIPLoadModels",
            encoder=EMBEDDED, text_encoder=EMBEDDED, modulator=EMBEDDED, generator="gone.pt", precision="float32",
        )  # fmt: skip
    message = str(caught.value)
    assert "generator file 'gone.pt'" in message
    assert str(folder / "ffclip") in message
    assert str(folder / "stylegan") in message


def test_a_name_cannot_reach_outside_of_the_models_folder(models, tmp_path: Path) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import CheckpointError
    from ffclip.nodes import model_files

    put(tmp_path / "secret.safetensors")
    model_files.register_model_folders()
    with pytest.raises(CheckpointError):
        model_files.find("encoder", "../secret.safetensors")


def test_a_replaced_file_is_loaded_again(models, nodes: dict) -> None:  # noqa: ANN001
    from ffclip.nodes import model_files

    folder, _ = models
    file = put(folder / "ffclip" / "faces.safetensors")
    model_files.register_model_folders()
    chosen = {part: "faces.safetensors" for part in ("encoder", "text_encoder", "modulator")}

    def fingerprint() -> object:
        # A generator that comes from a connected node arrives as None.
        return nodes["FFCLIPLoadModels"].fingerprint_inputs(**chosen, generator=None, precision="float32")

    before = fingerprint()
    assert fingerprint() == before
    file.write_bytes(b"other weights")
    assert fingerprint() != before
    file.unlink()
    assert fingerprint() == [None] * 4


def test_a_published_file_is_converted_and_never_overwritten(models, run, tmp_path: Path) -> None:  # noqa: ANN001
    import layouts
    from ffclip.ffclip_core import load_encoder, load_generator
    from ffclip.ffclip_core.errors import CheckpointError
    from ffclip.ffclip_core.networks.encoder import Encoder
    from ffclip.ffclip_core.networks.generator import Generator
    from ffclip.nodes import model_files

    folder, _ = models
    source = put(folder / "ffclip" / "faces.pt")
    encoder = Encoder(
        num_layers=6, latent_dim=24, input_size=(64, 64), widths=(16, 32, 48, 64), blocks=(1, 1, 1, 1), pyramid_width=64
    )
    layouts.e4e(
        source,
        encoder,
        Generator(size=16, channels={4: 8, 8: 8, 16: 8}, latent_dim=24, num_mapping_layers=2),
        torch.zeros(24),
    )
    model_files.register_model_folders()
    assert [*model_files.files()] == ["faces.pt"]
    (written,) = run("FFCLIPConvertCheckpoint", file="faces.pt", dtype="float32", overwrite=False)
    paths = [Path(line) for line in written.splitlines()]
    assert [path.name for path in paths] == ["faces-encoder.safetensors", "faces-generator.safetensors"]
    assert load_generator(paths[1]).size == 16 and load_encoder(paths[0]).input_size == (64, 64)
    # Once more: what is there is the result already, and stays as it is.
    before = [path.stat() for path in paths]
    assert run("FFCLIPConvertCheckpoint", file="faces.pt", dtype="float32", overwrite=False) == (written,)
    assert [path.stat() for path in paths] == before
    with pytest.raises(CheckpointError, match=r"faces-encoder.safetensors exists: move it away"):
        run("FFCLIPConvertCheckpoint", file="faces.pt", dtype="float16", overwrite=False)
    run("FFCLIPConvertCheckpoint", file="faces.pt", dtype="float16", overwrite=True)
    assert paths[0].stat().st_size < before[0].st_size


def test_the_converter_runs_again_where_its_result_or_its_source_has_changed(
    models: tuple, run: Callable, nodes: dict, layouts_of_ours: dict
) -> None:
    from ffclip.ffclip_core.errors import CheckpointError
    from ffclip.nodes import model_files

    folder, _ = models
    source = put(folder / "ffclip" / "faces.pt", layouts_of_ours["stylegan2"])
    model_files.register_model_folders()
    chosen = {"file": "faces.pt", "dtype": "float32", "overwrite": False}

    def fingerprint() -> object:
        return nodes["FFCLIPConvertCheckpoint"].fingerprint_inputs(**chosen)

    assert fingerprint() != fingerprint(), "nothing is there yet"
    run("FFCLIPConvertCheckpoint", **chosen)
    done = fingerprint()
    assert fingerprint() == done
    result = folder / "ffclip" / "faces-generator.safetensors"
    result.unlink()
    assert fingerprint() != done
    run("FFCLIPConvertCheckpoint", **chosen)
    assert result.exists()
    done = fingerprint()
    source.write_bytes(layouts_of_ours["ffclip"])
    assert fingerprint() != done
    with pytest.raises(CheckpointError, match="exists: move it away"):
        run("FFCLIPConvertCheckpoint", **chosen)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, layouts_of_ours: dict) -> None:
    from ffclip.ffclip_core.checkpoints.convert import convert
    from ffclip.ffclip_core.errors import CheckpointError

    source = put(tmp_path / "faces.pt", layouts_of_ours["stylegan2"])
    with pytest.raises(CheckpointError, match=r"a file can't be written to \(.+\): choose another folder"):
        convert(source, put(tmp_path / "a file"))
