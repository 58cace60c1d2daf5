"""Every shipped workflow through a real server, and what must hold for its pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ffclip import run

NAMES = sorted(path.stem for path in run.WORKFLOWS.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_workflow_finishes_and_gives_pictures(
    workflow: Callable, pictures: Callable, pixels: Callable, name: str
) -> None:
    graph = workflow(name)
    files = pictures(graph)
    outputs = {key for key, node in graph.items() if node["class_type"] in ("SaveImage", "PreviewImage")}
    assert files.keys() == outputs
    for node, its_files in files.items():
        assert its_files, node
        for file in its_files:
            assert np.ptp(pixels(file)) > 8, f"node {node} gave a blank picture"


def test_a_prompt_per_line_gives_a_picture_per_line(workflow: Callable, pictures: Callable, only: Callable) -> None:
    graph = workflow("many-prompts")
    _, encode = only(graph, "FFCLIPEncodePrompt")
    synthesize, _ = only(graph, "FFCLIPSynthesize")
    graph = {**graph, "see": {"class_type": "PreviewImage", "inputs": {"images": [synthesize, 0]}}}
    files = pictures(graph)["see"]
    assert len(files) == len(encode["text"].splitlines())
    assert len(set(files)) == len(files)


def test_the_same_graph_twice_gives_the_same_bytes(server: run.Server, workflow: Callable) -> None:
    graph = workflow("edit-by-text")
    for node in graph.values():
        if node["class_type"] == "FFCLIPSynthesize":
            node["inputs"].update(noise="random", seed=7)

    def once() -> list[bytes]:
        # Forget all results and models, so that everything is computed again.
        server.post("/free", {"unload_models": True, "free_memory": True})
        time.sleep(1)
        cached: list[str] = []

        def watch(kind: str, data: dict[str, Any]) -> None:
            if kind == "execution_cached":
                cached.extend(data["nodes"])

        outputs = server.run(graph, watch)["outputs"]
        assert not cached
        return [server.image(image) for _, output in sorted(outputs.items()) for image in output["images"]]

    first, second = once(), once()
    assert len(first) == 4
    assert first == second


def test_strength_0_is_the_inversion_bit_for_bit(
    workflow: Callable, pictures: Callable, only: Callable, pixels: Callable
) -> None:
    graph = workflow("edit-by-text")
    invert, _ = only(graph, "FFCLIPInvertImage")
    _, modulate = only(graph, "FFCLIPSemanticModulate")
    for node_id, node in list(graph.items()):
        if node["class_type"] == "FFCLIPSynthesize":
            name = "before" if node["inputs"]["latent"][0] == invert else "after"
            graph[name] = {"class_type": "PreviewImage", "inputs": {"images": [node_id, 0]}}
    shown = {}
    for strength in (0.0, 1.0):
        modulate["strength"] = strength
        shown[strength] = {
            name: pixels(file) for name, (file, *_) in pictures(graph).items() if name in ("before", "after")
        }
    assert (shown[0.0]["before"] == shown[0.0]["after"]).all()
    assert (shown[1.0]["before"] != shown[1.0]["after"]).any()


@pytest.mark.parametrize(("output_size", "side"), [("full", 1), ("half", 2), ("quarter", 4)])
def test_a_preview_is_smaller(
    workflow: Callable, pictures: Callable, only: Callable, pixels: Callable, output_size: str, side: int
) -> None:
    graph = workflow("many-prompts")
    _, encode = only(graph, "FFCLIPEncodePrompt")
    encode["text"] = "Purple hair"
    synthesize_id, synthesize = only(graph, "FFCLIPSynthesize")
    graph["see"] = {"class_type": "PreviewImage", "inputs": {"images": [synthesize_id, 0]}}
    full = pixels(pictures(graph)["see"][0]).shape[0]
    synthesize["output_size"] = output_size
    assert pixels(pictures(graph)["see"][0]).shape == (full // side, full // side, 3)


def test_a_moved_slider_computes_only_what_follows_it(server: run.Server, workflow: Callable, only: Callable) -> None:
    """ComfyUI's own messages name what it took from its cache, and what it ran."""
    graph = workflow("edit-by-text")
    server.run(graph)

    def classes(kind: str, **changed: float | str) -> list[str]:
        """The classes of nodes in messages of this kind, after a change of the edit's strength or previews' size."""
        found: list[str] = []

        def watch(its_kind: str, data: dict[str, Any]) -> None:
            if its_kind == kind:
                names = data["nodes"] if kind == "execution_cached" else [data["node"]]
                found.extend(graph[name]["class_type"] for name in names if name in graph)

        for node in graph.values():
            node["inputs"].update({key: value for key, value in changed.items() if key in node["inputs"]})
        server.run(graph, watch)
        return sorted(found)

    ran = classes("executing", strength=0.65)
    assert [name for name in ran if name.startswith("FFCLIP")] == ["FFCLIPSemanticModulate", "FFCLIPSynthesize"]
    before = {"FFCLIPLoadModels", "FFCLIPSamplePicture", "FFCLIPInvertImage", "FFCLIPEncodePrompt"}
    assert before < set(classes("execution_cached", strength=0.7))
    assert "FFCLIPSemanticModulate" in classes("execution_cached", output_size="half")
