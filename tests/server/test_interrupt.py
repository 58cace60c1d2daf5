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
