"""What is kept of what nodes said: by all that their results come from, and not without bound."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

GRAPH = {
    "1": {"class_type": "FFCLIPLoadModels", "inputs": {"encoder": "a.pt"}, "is_changed": [[(1, 2)]]},
    "2": {"class_type": "FFCLIPEncodePrompt", "inputs": {"text_encoder": ["1", 1], "text": "bald"}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["7", 0]}},  # 7 is not there
}
"""As ComfyUI has it while it runs: with the fingerprints of nodes that give some."""


@pytest.fixture(autouse=True)
def nothing_kept(nodes: dict, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from comfy_execution.graph import DynamicPrompt
    from comfy_execution.progress import reset_progress_state
    from ffclip.nodes import said

    monkeypatch.setattr(said, "_kept", {})
    yield
    reset_progress_state("", DynamicPrompt({}))


def run(graph: dict[str, Any], identity: str, **lines: str) -> dict[str, list[str]] | None:
    """Run nodes that say something, ids with an n before; what is then known of the run."""
    from comfy_execution.graph import DynamicPrompt
    from comfy_execution.progress import reset_progress_state
    from comfy_execution.utils import CurrentNodeContext
    from ffclip.nodes import said
    from ffclip.nodes.messages import told

    reset_progress_state(identity, DynamicPrompt(graph))
    for node, line in lines.items():
        with CurrentNodeContext(identity, node[1:]):
            told(line)
    return said.said(identity)


def test_a_later_run_is_told_what_the_same_result_said() -> None:
    assert run(GRAPH, "first", n1="found", n2="cut off") == {"1": ["found"], "2": ["cut off"]}
    renumbered = {
        "31:8": {**GRAPH["2"], "inputs": {"text_encoder": ["5", 1], "text": "bald"}},
        "5": GRAPH["1"],
        "6": {"class_type": "FFCLIPLoadModels", "inputs": {"encoder": "b.pt"}},
    }
    assert run(renumbered, "second") == {"5": ["found"], "31:8": ["cut off"]}
    assert run(renumbered, "third", n5="") == {"5": [], "31:8": ["cut off"]}, "it said nothing the last time"


@pytest.mark.parametrize(
    ("node", "key", "value", "left"),
    [
        ("1", "inputs", {"encoder": "b.pt"}, {}),
        ("1", "is_changed", [[(1, 3)]], {}),  # another file of the same name
        ("1", "class_type", "FFCLIPOther", {}),
        ("2", "inputs", {"text_encoder": ["1", 0], "text": "bald"}, {"1": ["found"]}),
        ("2", "inputs", {"text_encoder": ["1", 1], "text": ["1", 1]}, {"1": ["found"]}),
        ("2", "inputs", {"text_encoder": ["9", 1], "text": "bald"}, {"1": ["found"]}),
    ],
)
def test_nothing_is_told_of_other_inputs(node: str, key: str, value: Any, left: dict[str, list[str]]) -> None:
    run(GRAPH, "first", n1="found", n2="cut off")
    graph = copy.deepcopy(GRAPH)
    graph[node][key] = value
    assert run(graph, "second") == left


def test_nothing_is_told_of_a_run_that_is_over() -> None:
    from ffclip.nodes import said

    run(GRAPH, "first", n1="found")
    run(GRAPH, "second")
    assert said.said("first") is None


def test_what_is_kept_is_bounded() -> None:
    from comfy_execution.utils import CurrentNodeContext
    from ffclip.nodes import said

    for i in range(said.NODES + 50):
        graph = {"1": {"class_type": "FFCLIPEncodePrompt", "inputs": {"text": str(i)}}}
        assert run(graph, str(i), n1="cut off") == {"1": ["cut off"]}
    assert len(said._kept) == said.NODES
    for i in range(said.LINES + 50):  # a node that gets a long list
        with CurrentNodeContext(str(said.NODES + 49), "1", i):
            said.keep([f"{i}"])
    assert said.said(str(said.NODES + 49)) == {"1": [str(i) for i in range(said.LINES)]}


def test_a_node_outside_of_a_run_speaks_all_the_same() -> None:
    from ffclip.nodes import said
    from ffclip.nodes.messages import told

    assert told("found") == {"ffclip": ["found"]}
    assert not said._kept
