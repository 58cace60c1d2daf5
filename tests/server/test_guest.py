"""The pack is a guest in ComfyUI's process: nothing named, typed, saved or left behind may stop the host."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import layouts
import pytest
from ffclip.bootstrap.links import link
from ffclip.ffclip_core import EMBEDDED, load_generator
from ffclip.ffclip_core.dev import ROOT, RunError
from ffclip.ffclip_core.dev.comfyui import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a second copy of the pack was left behind, and a model file has a name that is no UTF-8."""
    base = tmp_path_factory.mktemp("guest")
    (base / "custom_nodes").mkdir()
    link(ROOT, base / "custom_nodes" / "ffclip-main")
    models = base / "models" / "ffclip"
    models.mkdir(parents=True)
    layouts.rosinality(base / "generator.pt", load_generator(EMBEDDED / "generator.safetensors"))
    shutil.copy(base / "generator.pt", models / os.fsdecode(b"caf\xe9.pt"))
    shutil.copy(EMBEDDED / "generator.safetensors", models / os.fsdecode(b"own-caf\xe9.safetensors"))
    (models / "broken \x1b[31m.pt").write_bytes(b"PK\x03\x04")
    return base


@pytest.fixture(scope="module")
def server(comfyui_folder: Path, base: Path) -> Iterator[Server]:
    with Server(comfyui_folder, base) as server:
        yield server


@pytest.fixture(scope="module")
def object_info(server: Server) -> dict:
    return server.get_json("/object_info")


def test_of_two_copies_one_works_and_the_other_says_so(server: Server, base: Path, object_info: dict) -> None:
    assert {"FFCLIPLoadModels", "FFCLIPSynthesize"} <= object_info.keys()
    lines = [line for line in server.log.read_text("utf-8").splitlines() if "is left out" in line]
    assert len(lines) == 1
    assert (
        str(base / "custom_nodes" / "ffclip-main") in lines[0]
        and str(base / "custom_nodes" / "ffclip ") in lines[0] + " "
    )
    scripts = [path for path in server.get_json("/extensions") if path.endswith("file_descriptions.js")]
    assert len(scripts) == 1


def test_files_of_any_name_can_be_chosen(server: Server, object_info: dict, workflow: Callable, only: Callable) -> None:
    for name in object_info["FFCLIPLoadModels"]["input"]["required"]["generator"][1]["options"][1:]:
        graph = workflow("edit-by-text")
        only(graph, "FFCLIPLoadModels")[1]["generator"] = name
        assert server.run(graph, limit=60)["status"]["status_str"] == "success"
    assert len(object_info["FFCLIPLoadModels"]["input"]["required"]["generator"][1]["options"]) == 3


UGLY = [
    "half \ud83d", "\udce9", "\x00", "\x1b[2J", "<img src=x onerror=alert(1)>", "\u202eright to left", "😀", "\r\n",
    "a" * 20_000,
]  # fmt: skip
FREE_TEXTS = [("FFCLIPLoadModels", "generator"), ("FFCLIPEncodePrompt", "text")]
CHOICES = [
    ("FFCLIPLoadModels", "precision"),
    ("FFCLIPSamplePicture", "name"),
    ("FFCLIPInvertImage", "fit"),
    ("FFCLIPSemanticModulate", "batching"),
    ("FFCLIPSynthesize", "noise"),
]
CASES = [(*place, text) for place in FREE_TEXTS for text in UGLY]
CASES += [(*place, text) for place in CHOICES for text in (UGLY[0], UGLY[-1])]


@pytest.mark.parametrize(
    ("node", "name", "text"), CASES, ids=[f"{node}-{name}-{ascii(text[:12])}" for node, name, text in CASES]
)
def test_whatever_stands_in_a_value_the_next_graph_runs(
    server: Server, workflow: Callable, node: str, name: str, text: str
) -> None:
    graph = workflow("edit-by-text")
    key = next(key for key, held in graph.items() if held["class_type"] == node)
    graph[key]["inputs"][name] = text
    try:
        server.run(graph, limit=60)
    except RunError as error:
        assert "\n" not in str(error) and len(str(error)) < 2_000
    assert server.process.poll() is None
    # Of any pack: nodes of ComfyUI's own, with a picture that no run has had before.
    colour = zlib.crc32(f"{node} {name} {ascii(text)}".encode()) % 2**24
    blank = {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": colour}}
    after = {"1": blank, "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
    assert server.run(after, limit=60)["status"]["status_str"] == "success"


def test_null_stands_for_the_default(server: Server, workflow: Callable) -> None:
    plain = workflow("edit-by-text")
    empty = json.loads(json.dumps(plain))
    for node in empty.values():
        if node["class_type"].startswith("FFCLIP"):
            node["inputs"] = {
                key: value if isinstance(value, list) or key in ("text", "name") else None
                for key, value in node["inputs"].items()
            }
    try:
        server.run(empty, limit=60)
    except RunError as error:
        assert "\n" not in str(error)
    assert server.run(plain, limit=60)["status"]["status_str"] == "success"


def test_errors_begin_with_the_pack_and_say_one_sentence(server: Server, workflow: Callable, only: Callable) -> None:
    graph = workflow("edit-by-text")
    only(graph, "FFCLIPEncodePrompt")[1]["text"] = " "
    kinds = []
    with pytest.raises(RunError, match="The prompt is empty"):
        server.run(graph, lambda kind, data: kinds.append(data.get("exception_type")), limit=60)
    assert "FFCLIP.InputError" in kinds
