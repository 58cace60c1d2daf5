"""The addresses by which the page asks the pack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web


def register(address: str, answer: Callable[[web.Request], Awaitable[web.Response]]) -> None:
    """Answer the page's question. Without a server, as in tests of the nodes alone, nobody asks."""
    from server import PromptServer  # Late: it exists only while ComfyUI serves.

    server = getattr(PromptServer, "instance", None)
    # An address that is there twice keeps ComfyUI from starting.
    if server is not None and all(getattr(route, "path", None) != address for route in server.routes):
        server.routes.get(address)(answer)
