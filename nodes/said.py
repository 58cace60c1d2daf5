"""What nodes said whose results ComfyUI takes from its cache: it runs them no more, and newer pages never heard it.

Kept by what a result is computed from, as ComfyUI keeps the result itself, and asked for by the page that runs them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

from aiohttp import web
from comfy_execution.graph_utils import is_link
from comfy_execution.progress import get_progress_state
from comfy_execution.utils import get_executing_context

from . import routes

ADDRESS = "/ffclip/said"
NODES, LINES = 256, 64
"""The most nodes of which something is kept, those that spoke last, and the most lines of each."""

_kept: dict[str, list[str]] = {}


def keep(lines: list[str]) -> None:
    """Keep what the node that runs says, in place of what it said before; nothing outside of a run."""
    context = get_executing_context()
    if context is None or (run := get_progress_state()).prompt_id != context.prompt_id:
        return
    of = origin(run.dynprompt, context.node_id)
    before = _kept.pop(of, [])
    # A node that gets a list runs once for each of it.
    _kept[of] = ((before if context.list_index else []) + lines)[:LINES]
    while len(_kept) > NODES:
        del _kept[next(iter(_kept))]


def said(prompt_id: str) -> dict[str, list[str]] | None:
    """By node of the run, what was said when it was computed, as far as it was kept; None if another run came since."""
    if (run := get_progress_state()).prompt_id != prompt_id:
        return None
    ours = [key for key, node in run.dynprompt.original_prompt.items() if node["class_type"].startswith("FFCLIP")]
    kept = {key: _kept.get(origin(run.dynprompt, key)) for key in ours}
    return {key: lines for key, lines in kept.items() if lines is not None}


def origin(graph: Any, node_id: str) -> str:
    """A digest of all that a node's result comes from: its kind and values, those of all nodes before it, their
    fingerprints (ComfyUI writes them into the run's graph, a comfy_execution.graph.DynamicPrompt), but no node's id."""
    order = {node_id: 0}
    facts: list[Any] = []
    for key in (waiting := [node_id]):  # which grows meanwhile
        if not graph.has_node(key):  # in a part of the graph that is not run
            facts.append(None)
            continue
        node = graph.get_node(key)
        inputs = []
        for name, value in sorted(node["inputs"].items()):
            if link := is_link(value):
                if value[0] not in order:
                    order[value[0]] = len(order)
                    waiting.append(value[0])
                value = [order[value[0]], value[1]]
            inputs.append([name, link, value])
        facts.append([node["class_type"], node.get("is_changed"), inputs])
    return hashlib.sha256(json.dumps(facts, default=repr).encode()).hexdigest()


def register_route() -> None:
    routes.register(ADDRESS, _answer)


async def _answer(request: web.Request) -> web.Response:
    """The page's question: /ffclip/said?prompt_id=…"""
    return web.json_response(await asyncio.to_thread(said, request.query.get("prompt_id", "")))
