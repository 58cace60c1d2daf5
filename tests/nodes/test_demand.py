"""Heat maps are made where something takes them, and never without bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace

import pytest
import torch

NODE = {"class_type": "FFCLIPSemanticModulate", "inputs": {"latent": ["1", 0]}}


@pytest.fixture
def running(comfyui: object, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager]:
    """A graph that ComfyUI's own queue has begun, and in it a node that is at work: with running(graph, node): …"""
    from comfy_execution.utils import CurrentNodeContext
    from execution import PromptQueue
    from server import PromptServer

    server = SimpleNamespace(queue_updated=lambda: None)
    server.prompt_queue = PromptQueue(server)
    monkeypatch.setattr(PromptServer, "instance", server, raising=False)

    @contextmanager
    def begin(graph: dict, node: str) -> Iterator[None]:
        server.prompt_queue.put((0, "a prompt", graph, {}, []))
        _, item = server.prompt_queue.get()
        with CurrentNodeContext("a prompt", node):
            yield
        server.prompt_queue.task_done(item, {}, None)

    return begin


@pytest.mark.parametrize(
    ("others", "taken"),
    [
        ({}, False),
        ({"7": {"inputs": {"latent": ["6", 0], "seed": 1}}}, False),
        ({"7": {"inputs": {"images": ["6", 1]}}}, True),
        ({"7": {"inputs": {"images": ["5", 1]}}}, False),
        ({"7": {"inputs": {"latent": ["6", 0]}}, "8:2": {"inputs": {"x": 1, "images": ["6", 1]}}}, True),
    ],
)
def test_an_output_is_taken_where_a_node_refers_to_it(nodes: dict, running, others: dict, taken: bool) -> None:  # noqa: ANN001
    from ffclip.nodes.demand import is_taken

    with running({"6": NODE, **others}, "6"):
        assert is_taken(1) is taken
        # ComfyUI runs the node again when this changes.
        assert nodes["FFCLIPSemanticModulate"].fingerprint_inputs(latent=None) is taken


def test_where_it_can_t_be_told_it_is(nodes: dict, running) -> None:  # noqa: ANN001
    from ffclip.nodes.demand import is_taken

    assert is_taken(1)
    with running({"6": NODE}, "6.0.2"):  # a node that another one made while the graph ran
        assert is_taken(1)


def test_no_heat_map_is_made_that_nothing_takes(chain, sample, running) -> None:  # noqa: ANN001
    latent, embedding = chain.invert(sample), chain.encode("Bald")
    expected, drawn = chain.modulate(latent, embedding)
    with running({"6": NODE}, "6"):
        edited, alignment = chain.modulate(latent, embedding)
    assert alignment is None and torch.equal(edited.w, expected.w)
    with running({"6": NODE, "7": {"inputs": {"images": ["6", 1]}}}, "6"):
        assert torch.equal(chain.modulate(latent, embedding)[1], drawn)


def test_of_a_long_batch_the_first_are_drawn_and_the_user_is_told(chain, sample, caplog, monkeypatch) -> None:  # noqa: ANN001
    from ffclip.nodes import semantic_modulate

    caplog.set_level("INFO")
    monkeypatch.setattr(semantic_modulate, "MOST_HEAT_MAPS", 3)
    latent, embedding = chain.invert(torch.cat([sample] * 5)), chain.encode("Bald")
    edited, alignment = chain.modulate(latent, embedding)
    assert len(edited.w) == 5 and len(alignment) == 3
    assert "Heat maps are drawn of the first 3 edits, not of all 5." in caplog.text


def test_drawing_can_be_stopped(chain, sample, comfyui) -> None:  # noqa: ANN001
    import comfy.model_management

    latent, embedding = chain.invert(torch.cat([sample] * 2)), chain.encode("Bald")
    comfy.model_management.interrupt_current_processing()
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        chain.modulate(latent, embedding)
