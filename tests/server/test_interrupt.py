"""An interrupt lands soon, whichever step is at work, and the server goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ffclip.ffclip_core.dev import RunError
from ffclip.ffclip_core.dev.comfyui import Server

pytestmark = pytest.mark.slow

COLOURS = ("Purple", "Green", "Blonde", "Red", "Black", "Blue", "Pink", "Grey")


@pytest.mark.parametrize(
    "step", ["FFCLIPInvertImage", "FFCLIPEncodePrompt", "FFCLIPSemanticModulate", "FFCLIPSynthesize"]
)
def test_an_interrupt_of_a_long_grid_lands_soon(server: Server, workflow: Callable, only: Callable, step: str) -> None:
    graph = workflow("many-prompts")
    # Long where it is to be stopped, short before that: many pictures, or many prompts.
    many = 512 if step == "FFCLIPInvertImage" else 16
    lines = 4096 if step == "FFCLIPEncodePrompt" else 16
    _, invert = only(graph, "FFCLIPInvertImage")
    _, encode = only(graph, "FFCLIPEncodePrompt")
    graph["repeat"] = {"class_type": "RepeatImageBatch", "inputs": {"image": invert["image"], "amount": many}}
    invert["image"] = ["repeat", 0]
    encode["text"] = "\n".join(f"{COLOURS[i % 8]} hair number {i}" for i in range(lines))
    node_id, _ = only(graph, step)
    done: list[float] = []
    asked: list[float] = []

    def watch(kind: str, data: dict[str, Any]) -> None:
        if kind != "progress" or data["node"] != node_id:
            return
        done.append(data["value"] / data["max"])
        if data["value"] >= 8 and not asked:
            assert done[-1] < 1 / 2, "the step is over too soon to be interrupted"
            asked.append(done[-1])
            server.post("/interrupt")

    with pytest.raises(RunError, match="interrupted"):
        server.run(graph, watch)
    # In work, not in seconds, which another busy program takes away.
    assert done[-1] < asked[0] + 1 / 4
    assert server.run(workflow("edit-by-text"))["status"]["status_str"] == "success"


def test_a_refinement_goes_on_where_it_was_interrupted(server: Server, workflow: Callable, only: Callable) -> None:
    graph = workflow("edit-by-text")
    invert_id, invert = only(graph, "FFCLIPInvertImage")
    loader_id, _ = only(graph, "FFCLIPLoadModels")
    _, modulate = only(graph, "FFCLIPSemanticModulate")
    graph["refine"] = {
        "class_type": "FFCLIPRefineInversion",
        "inputs": {
            "generator": [loader_id, 3], "latent": [invert_id, 0], "image": invert["image"],
            "mode": "codes and generator", "steps": 20, "closeness": 0.7, "seconds": 0.0,
            "fit": "crop", "loss": "pixels",
        },
    }  # fmt: skip
    modulate["latent"] = ["refine", 0]
    steps: list[int] = []

    def watch(kind: str, data: dict[str, Any]) -> None:
        if kind == "progress" and data["node"] == "refine" and data["max"] == 60:
            steps.append(data["value"])
            if len(steps) == 10:
                server.post("/interrupt")

    with pytest.raises(RunError, match="interrupted"):
        server.run(graph, watch)
    last = steps[-1]
    assert steps[0] == 1 and last < 60
    history = server.run(graph, watch)
    assert history["status"]["status_str"] == "success"
    again = steps[steps.index(last) + 1 :]
    assert last < again[0] < 60 and again[-1] == 60
    said = history["outputs"]["refine"]["ffclip"]
    assert "Went on from step" in said[0]
