"""Whether the running graph takes an output, so that what nobody asked for is neither made nor kept."""

from __future__ import annotations

from typing import Any


def is_taken(output: int) -> bool:
    """Whether a node of the running graph takes this output of the node that is being run, or fingerprinted.

    A node's fingerprint has to tell it too: ComfyUI knows a result that it has by the node's own inputs, and none of
    them changes when something is connected to an output. It hands a fingerprint neither graph nor node, so both are
    asked for where it keeps them. True where that can't be told: without a server, in a graph that grew while it ran.
    """
    try:
        from comfy_execution.utils import get_executing_context
        from server import PromptServer  # Late: tests of the nodes alone have none.

        context: Any = get_executing_context()
        running, _ = PromptServer.instance.prompt_queue.get_current_queue_volatile()
        graph = next(item[2] for item in running if item[1] == context.prompt_id)
        if context.node_id not in graph:
            return True
        wanted = [context.node_id, output]
        return any(value == wanted for node in graph.values() for value in node["inputs"].values())
    except Exception:  # Of another ComfyUI, which keeps them elsewhere.
        return True
