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
from ffclip.ffclip_core import EMBEDDED, load_generator
from ffclip.ffclip_core.dev import RunError
from ffclip.ffclip_core.dev.comfyui import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(server: Server) -> Iterator[list[str]]:
    """Names of generators' files that are no UTF-8, as ComfyUI lists them; beside them is a file that holds none."""
    folder = server.base / "models" / "ffclip"
    published, own = folder / os.fsdecode(b"caf\xe9.pt"), folder / os.fsdecode(b"own-caf\xe9.safetensors")
    broken = folder / "broken \x1b[31m.pt"
    layouts.rosinality(server.base / "generator.pt", load_generator(EMBEDDED / "generator.safetensors"))
    shutil.move(server.base / "generator.pt", published)
    shutil.copy(EMBEDDED / "generator.safetensors", own)
    broken.write_bytes(b"PK\x03\x04")
    inputs = server.get_json("/object_info/FFCLIPLoadModels")["FFCLIPLoadModels"]["input"]["required"]
    yield [name for name in inputs["generator"][1]["options"] if "caf" in name or "broken" in name]
    for path in (published, own, broken):
        path.unlink()


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


def test_files_of_any_name_can_be_chosen(server: Server, files: list[str], workflow: Callable, only: Callable) -> None:
    assert len(files) == 2
    for name in files:
        graph = workflow("edit-by-text")
        only(graph, "FFCLIPLoadModels")[1]["generator"] = name
        assert server.run(graph, limit=60)["status"]["status_str"] == "success"


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
