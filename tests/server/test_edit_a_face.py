"""The README's three files for faces, in their folders, through the nodes of a real ComfyUI."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
from ffclip.ffclip_core.dev.comfyui import Server
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from PIL import Image

pytestmark = pytest.mark.slow

E4E, FFCLIP, CLIP = "e4e_ffhq_encode.pt", "ffclip_faces.pt", "ViT-B-32.pt"


@pytest.fixture(scope="module")
def files(base: Path, published: Path) -> Iterator[None]:
    """Files of the published sizes and layouts where the README says; removed afterwards, they are large."""
    models = base / "models"
    (models / "e4e").mkdir(exist_ok=True)
    places = {E4E: models / "e4e" / E4E, FFCLIP: models / "ffclip" / FFCLIP, CLIP: models / "ffclip" / CLIP}
    os.link(published / "e4e.pt", places[E4E])
    os.link(published / "ffclip.pt", places[FFCLIP])
    layouts.clip_openai(places[CLIP], TextEncoder())
    yield
    for path in places.values():
        path.unlink()


@pytest.fixture
def graph(files: None, server: Server, workflow: Callable, only: Callable, tmp_path: Path) -> dict[str, Any]:
    """edit-a-face, with a picture in place of ComfyUI's example."""
    graph = workflow("edit-a-face")
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "face.png")
    only(graph, "LoadImage")[1]["image"] = server.upload(tmp_path / "face.png")
    return graph


def test_the_lists_offer_each_file_for_what_it_holds(files: None, server: Server) -> None:
    inputs = server.get_json("/object_info/FFCLIPLoadModels")["FFCLIPLoadModels"]["input"]["required"]
    told = server.get_json("/ffclip/model-files")
    for part, file, holds in (
        ("encoder", E4E, "encoder of 256×256 px, 18 layers"),
        ("generator", E4E, "generator, 1024 px, 18 layers"),
        ("modulator", FFCLIP, "modulation blocks, 18 layers"),
        ("generator", FFCLIP, "generator, 1024 px"),
        ("text_encoder", CLIP, "text encoder, 512 wide"),
    ):
        kind, settings = inputs[part]
        assert file in (kind if isinstance(kind, list) else settings["options"])
        assert holds in told[part][file]


def test_the_workflow_edits_a_face(graph: dict[str, Any], server: Server, only: Callable) -> None:
    outputs = server.run(graph)["outputs"]
    save, _ = only(graph, "SaveImage")
    (saved,) = outputs[save]["images"]
    (before,) = [
        outputs[key]["images"][0]
        for key, node in graph.items()
        if node["class_type"] == "PreviewImage"
        and graph[node["inputs"]["images"][0]]["class_type"] == "FFCLIPSynthesize"
    ]
    pictures = []
    for image in (saved, before):
        (file := server.base / "seen.png").write_bytes(server.image(image))
        with Image.open(file) as picture:
            assert picture.size == (1024, 1024)
            pictures.append(np.asarray(picture.convert("RGB")).astype(int))
    assert np.ptp(pictures[0]) > 8
    assert (pictures[0] != pictures[1]).any()
