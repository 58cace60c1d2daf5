"""Train FFCLIP Modulator: blocks of pairs, usable at once, saved beside others, gone on with after a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("pydantic", reason="training needs the extra `train`")

COLOURS = ((220, 30, 30), (30, 200, 60), (40, 60, 230), (240, 240, 240), (20, 20, 20))


@pytest.fixture
def places(nodes: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ComfyUI's folders, with pairs in output/ffclip/pairs."""
    import folder_paths

    for name in ("output", "temp", "models"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(folder_paths, "get_output_directory", lambda: str(tmp_path / "output"))
    monkeypatch.setattr(folder_paths, "get_temp_directory", lambda: str(tmp_path / "temp"))
    monkeypatch.setattr(folder_paths, "get_folder_paths", lambda name: [str(tmp_path / "models")])
    pairs = tmp_path / "output" / "ffclip" / "pairs"
    pairs.mkdir(parents=True)
    for i, colour in enumerate(COLOURS):
        before = np.full((20, 20, 3), colour, np.uint8)
        after = before.copy()
        after[5:15, 5:15] = (30, 160, 160)
        Image.fromarray(before).save(pairs / f"{i}.before.png")
        Image.fromarray(after).save(pairs / f"{i}.after.png")
        (pairs / f"{i}.txt").write_text("teal square\n")
    return tmp_path


def parts(tmp_path: Path) -> dict[str, Any]:
    """Tiny networks on wires, as the loader gives them: made in inference mode, as all that nodes make is."""
    import family_folders
    from ffclip.ffclip_core import Editor
    from ffclip.nodes.wires import ModelPart

    with torch.inference_mode():
        editor = Editor.from_folder(family_folders.make(tmp_path / "family", "tiny"))
        networks = {name: getattr(editor, name) for name in ("encoder", "text_encoder", "generator", "modulator")}
        return {name: ModelPart.managed(network, torch.device("cpu")) for name, network in networks.items()}


def run(**inputs: Any) -> Any:
    from ffclip.nodes.train_modulator import TrainModulator

    given = {"folder": "ffclip/pairs", "name": "teal", "steps": 3, "learning_rate": 0.003, "seed": 0} | inputs
    with torch.inference_mode():
        return TrainModulator.execute(**given)


def test_blocks_come_of_pairs(places: Path) -> None:
    given = parts(places)
    del given["modulator"]
    blocks, sheet = run(**given).result
    assert (places / "models" / "teal.safetensors").exists()
    w, e = torch.randn(1, 6, 16), torch.randn(1, 16)
    assert blocks.network(w, e).shape == w.shape
    assert sheet.ndim == 4 and sheet.shape[3] == 3
    assert run(**given).result[0].network(w, e).equal(blocks.network(w, e)), "the same run is not made again"
    assert [path.name for path in (places / "models").iterdir()] == ["teal.safetensors"]


def test_blocks_that_go_on_and_other_pairs_get_a_file_of_their_own(places: Path) -> None:
    given = parts(places)
    before = {key: value.clone() for key, value in given["modulator"].network.state_dict().items()}
    first = run(**given).result[0].network
    assert given["modulator"].network is not first
    assert all(torch.equal(before[key], value) for key, value in given["modulator"].network.state_dict().items())
    (places / "output" / "ffclip" / "pairs" / "4.txt").write_text("another\n")
    run(**given)
    names = sorted(path.name for path in (places / "models").iterdir())
    assert names == ["teal 2.safetensors", "teal.safetensors"]


def test_parts_as_comfyui_moves_them_in_any_precision(places: Path) -> None:
    """What was moved in inference mode can't be learned with; an encoder in bfloat16 gives codes all the same."""
    given = parts(places)
    given["encoder"].network.to(torch.bfloat16)
    with torch.inference_mode():
        for part in ("modulator", "generator"):
            network = given[part].network
            network.load_state_dict({k: v.clone() for k, v in network.state_dict().items()}, assign=True)
            assert next(network.parameters()).is_inference()
    run(**given)


def test_stopped_and_gone_on_with(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import comfy.model_management as host
    from ffclip.ffclip_core import load_modulator

    given = parts(places)
    whole = run(**given, name="whole").result[0].network.state_dict()
    calls: list[int] = []

    def interrupted() -> bool:
        calls.append(1)
        return len(calls) == 2

    other = {**given, "seed": 1}
    with monkeypatch.context() as patch:
        patch.setattr(host, "processing_interrupted", interrupted)
        with pytest.raises(host.InterruptProcessingException):
            run(**other)
    kept = load_modulator(places / "models" / "teal.safetensors").state_dict()
    done = run(**other).result[0].network.state_dict()
    assert any(not torch.equal(kept[key], value) for key, value in done.items()), "nothing was learned after the stop"
    assert any(not torch.equal(whole[key], value) for key, value in done.items()), "another seed is another order"
    assert [path.name for path in sorted((places / "models").iterdir())] == ["teal.safetensors", "whole.safetensors"]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"folder": "nothing"}, "nothing"),
        ({"folder": "../up"}, "leaves ComfyUI's output folder"),
        ({"name": "a/b"}, "can't be a file's name"),
        ({"name": "Con"}, "can't be a file's name"),
        ({"steps": float("nan")}, "steps"),
    ],
)
def test_what_is_refused_in_one_sentence(inputs: dict[str, Any], said: str, places: Path) -> None:
    from ffclip.ffclip_core import FFCLIPError

    with pytest.raises(FFCLIPError) as error:
        run(**{**parts(places), **inputs})
    assert said in str(error.value) and "\n" not in str(error.value)


def test_pairs_that_were_added_are_learned_and_a_linked_folder_asks_nobody_anew(places: Path) -> None:
    """ComfyUI gives None in place of what another node will give, before it has."""
    from ffclip.nodes.train_modulator import TrainModulator

    def mark(folder: str | None) -> Any:
        return TrainModulator.fingerprint_inputs(folder=folder, name="teal", steps=3)

    before = mark("ffclip/pairs")
    assert mark("ffclip/pairs") == before and mark(None) == mark(None)
    (places / "output/ffclip/pairs/9.txt").write_text("teal square\n")
    assert mark("ffclip/pairs") != before
