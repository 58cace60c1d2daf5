from __future__ import annotations

from pathlib import Path

import pytest
import torch

EMBEDDED = "avatars (embedded)"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


def test_files_are_listed_after_the_embedded_model(models) -> None:  # noqa: ANN001
    from ffclip.nodes import model_files

    folder, _ = models
    put(folder / "ffclip" / "faces.safetensors")
    put(folder / "ffclip" / "put models here.txt")
    put(folder / "e4e" / "e4e_ffhq.pt")
    put(folder / "stylegan" / "ffhq.pkl")
    model_files.register_model_folders()
    assert model_files.choices("encoder") == [EMBEDDED, "e4e_ffhq.pt", "faces.safetensors"]
    assert model_files.choices("generator") == [EMBEDDED, "faces.safetensors", "ffhq.pkl"]
    assert model_files.choices("modulator") == [EMBEDDED, "faces.safetensors"]
    assert model_files.find("generator", "ffhq.pkl") == folder / "stylegan" / "ffhq.pkl"


def test_a_users_extra_model_path_is_kept_and_searched_first(models, tmp_path: Path) -> None:  # noqa: ANN001
    from ffclip.nodes import model_files

    folder, folder_paths = models
    put(folder / "ffclip" / "same.safetensors")
    extra = put(tmp_path / "elsewhere" / "same.safetensors")
    put(tmp_path / "elsewhere" / "readme.txt")
    folder_paths.add_model_folder_path("ffclip", str(extra.parent))  # what extra_model_paths.yaml does
    model_files.register_model_folders()
    assert folder_paths.get_folder_paths("ffclip") == [str(extra.parent), str(folder / "ffclip")]
    assert folder_paths.get_filename_list("ffclip") == ["readme.txt", "same.safetensors"], "as it was registered"
    assert model_files.choices("modulator") == [model_files.EMBEDDED_CHOICE, "same.safetensors"]
    assert model_files.find("modulator", "same.safetensors") == extra


def test_folders_of_other_packs_are_not_made_up(models) -> None:  # noqa: ANN001
    from ffclip.nodes import model_files

    _, folder_paths = models
    model_files.register_model_folders()
    assert "ffclip" in folder_paths.folder_names_and_paths
    assert "stylegan" not in folder_paths.folder_names_and_paths
    assert model_files.choices("generator") == [EMBEDDED]


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
    from ffclip.ffclip_core.encoder import Encoder
    from ffclip.ffclip_core.errors import CheckpointError
    from ffclip.ffclip_core.generator import Generator
    from ffclip.nodes import model_files

    folder, _ = models
    source = put(folder / "ffclip" / "faces.pt")
    encoder = Encoder(6, 24, (64, 64), (16, 32, 48, 64), (1, 1, 1, 1), 64)
    layouts.e4e(source, encoder, Generator(16, {4: 8, 8: 8, 16: 8}, 24, 2), torch.zeros(24))
    model_files.register_model_folders()
    assert model_files.files() == ["faces.pt"]
    (written,) = run("FFCLIPConvertCheckpoint", file="faces.pt", dtype="float32", overwrite=False)
    paths = [Path(line) for line in written.splitlines()]
    assert [path.name for path in paths] == ["faces-encoder.safetensors", "faces-generator.safetensors"]
    assert load_generator(paths[1]).size == 16 and load_encoder(paths[0]).input_size == (64, 64)
    with pytest.raises(CheckpointError, match=r"faces-encoder.safetensors exists: move it away"):
        run("FFCLIPConvertCheckpoint", file="faces.pt", dtype="float32", overwrite=False)
    before = paths[0].stat().st_size
    run("FFCLIPConvertCheckpoint", file="faces.pt", dtype="float16", overwrite=True)
    assert paths[0].stat().st_size < before
