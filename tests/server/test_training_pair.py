"""Any node between before and after: what a real ComfyUI writes and shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ffclip.ffclip_core.dev import RunError
from ffclip.ffclip_core.dev.comfyui import Server
from PIL import Image


def graph(**inputs: Any) -> dict[str, Any]:
    given = {"before": ["sample", 0], "after": ["inverted", 0], "text": "a negative\nall colours turned"} | inputs
    return {
        "sample": {"class_type": "FFCLIPSamplePicture", "inputs": {"name": "mia"}},
        "inverted": {"class_type": "ImageInvert", "inputs": {"image": ["sample", 0]}},
        "save": {"class_type": "FFCLIPSaveTrainingPair", "inputs": {"folder": "ffclip/test", **given}},
    }


def test_an_edit_by_another_node_becomes_a_pair(server: Server, base: Path) -> None:
    shown: dict[str, Any] = {}

    def watch(kind: str, data: Any) -> None:
        if kind == "executed" and data["node"] == "save":
            shown.update(data["output"])

    server.run(graph(), watch)
    place = base / "output" / "ffclip" / "test"
    before, after = (np.asarray(Image.open(place / f"pair_00001.{half}.png")) for half in ("before", "after"))
    assert np.array_equal(after, 255 - before)
    assert (place / "pair_00001.txt").read_text("utf-8") == "a negative\nall colours turned\n"
    assert shown["ffclip"] == [f"1 pair in {place}: pair_00001, 'a negative'"]
    assert [image["filename"] for image in shown["images"]] == ["pair_00001.before.png", "pair_00001.after.png"]
    server.run(graph(text="another"))
    assert len(list(place.iterdir())) == 6


def test_what_is_refused_is_told_in_one_sentence(server: Server, base: Path) -> None:
    with pytest.raises(RunError, match=r"The folder '\.\./up' leaves ComfyUI's output folder: give a name") as error:
        server.run(graph(folder="../up"))
    assert "\n" not in str(error.value) and not (base / "up").exists()


def test_pairs_become_blocks_that_edit(server: Server, base: Path) -> None:
    """In ComfyUI's own thread and inference mode: saved, trained, used by the nodes behind."""
    for name in ("ava", "leo", "mia"):
        server.run(
            graph(folder="ffclip/negatives")
            | {"sample": {"class_type": "FFCLIPSamplePicture", "inputs": {"name": name}}}
        )
    shown: dict[str, Any] = {}

    def watch(kind: str, data: Any) -> None:
        if kind == "executed":
            shown[data["node"]] = data["output"]

    parts = {part: ["models", i] for i, part in enumerate(("encoder", "text_encoder", "modulator", "generator"))}
    inputs = {"folder": "ffclip/negatives", "name": "negatives", "steps": 2, "learning_rate": 0.003, "seed": 0}
    embedded = {part: "avatars (embedded)" for part in parts} | {"precision": "float32"}
    server.run(
        {
            "models": {"class_type": "FFCLIPLoadModels", "inputs": embedded},
            "train": {"class_type": "FFCLIPTrainModulator", "inputs": inputs | parts},
            "sample": {"class_type": "FFCLIPSamplePicture", "inputs": {"name": "zoe"}},
            "w": {
                "class_type": "FFCLIPInvertImage",
                "inputs": {"encoder": ["models", 0], "image": ["sample", 0], "fit": "crop"},
            },
            "e": {
                "class_type": "FFCLIPEncodePrompt",
                "inputs": {"text_encoder": ["models", 1], "text": "a negative"},
            },
            "edit": {
                "class_type": "FFCLIPSemanticModulate",
                "inputs": {"modulator": ["train", 0], "latent": ["w", 0], "embedding": ["e", 0], "strength": 1.0,
                           "coarse": 1.0, "medium": 1.0, "fine": 1.0, "batching": "pair"},
            },
            "draw": {
                "class_type": "FFCLIPSynthesize",
                "inputs": {"generator": ["models", 3], "latent": ["edit", 0], "noise": "const", "seed": 0,
                           "output_size": "full"},
            },
            "show": {"class_type": "PreviewImage", "inputs": {"images": ["draw", 0]}},
        },
        watch,
    )  # fmt: skip
    assert (base / "models" / "ffclip" / "negatives.safetensors").exists()
    assert shown["train"]["ffclip"][0].startswith("negatives.safetensors in ") and shown["show"]["images"]
