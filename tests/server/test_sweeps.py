"""Many strengths at once, and heat maps only for who looks at them, in a running ComfyUI."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ffclip.ffclip_core.dev import RunError
from ffclip.ffclip_core.dev.comfyui import Server


@pytest.fixture
def graph(workflow: Callable, only: Callable) -> tuple[dict, str]:
    """A shipped workflow in which nothing takes the heat maps, with a preview of the edited picture; the edit's id."""
    graph = workflow("edit-by-text")
    edit, _ = only(graph, "FFCLIPSemanticModulate")
    for key in [key for key, node in graph.items() if [edit, 1] in node["inputs"].values()]:
        del graph[key]
    (picture,) = [key for key, node in graph.items() if node["inputs"].get("latent") == [edit, 0]]
    graph["see"] = {"class_type": "PreviewImage", "inputs": {"images": [picture, 0]}}
    return graph, edit


@pytest.mark.parametrize(("name", "output"), [("strengths", 0), ("strengths", 1), ("strength", 1)])
def test_a_sweep_gives_a_picture_per_strength(pictures: Callable, graph: tuple, name: str, output: int) -> None:
    nodes, edit = graph
    nodes["sweep"] = {"class_type": "TestSweep", "inputs": {"first": 0.0, "last": 2.0, "count": 5}}
    nodes[edit]["inputs"][name] = ["sweep", output]
    assert len(set(pictures(nodes)["see"])) == 5


def test_a_count_that_does_not_fit_is_refused(server: Server, graph: tuple, only: Callable) -> None:
    nodes, edit = graph
    only(nodes, "FFCLIPEncodePrompt")[1]["text"] = "Bald\nBeard\nSad"
    nodes["sweep"] = {"class_type": "TestSweep", "inputs": {"first": 0.0, "last": 2.0, "count": 2}}
    nodes[edit]["inputs"]["strengths"] = ["sweep", 0]
    with pytest.raises(RunError, match="2 strengths for 1 pictures: give one, or .*one per edit, 3"):
        server.run(nodes)


def test_a_heat_map_that_is_asked_for_later_is_drawn_then(server: Server, graph: tuple, only: Callable) -> None:
    nodes, edit = graph
    only(nodes, "FFCLIPEncodePrompt")[1]["text"] = "a prompt of this test alone"

    def at_work() -> tuple[set[str], dict]:
        begun = []
        outputs = server.run(nodes, lambda kind, data: begun.append(data["node"]) if kind == "executing" else None)
        return set(begun), outputs["outputs"]

    assert edit in at_work()[0]
    assert edit not in at_work()[0]
    nodes["map"] = {"class_type": "PreviewImage", "inputs": {"images": [edit, 1]}}
    begun, outputs = at_work()
    assert edit in begun and len(outputs["map"]["images"]) == 1
    assert edit not in at_work()[0]
