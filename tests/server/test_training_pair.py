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
