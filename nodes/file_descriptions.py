"""What each model file is, which the page shows beside the file's name in the drop-down lists."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path

from aiohttp import web

from ..ffclip_core.checkpoints import read_parts
from ..ffclip_core.checkpoints.parts import words
from ..ffclip_core.errors import CheckpointError
from . import model_files

ADDRESS = "/ffclip/files"
CONVERTER_INPUT = "file"


def register_route() -> None:
    """Answer the page's question. Without a server, as in tests of the nodes alone, nobody asks."""
    from server import PromptServer  # Late: it exists only while ComfyUI serves.

    server = getattr(PromptServer, "instance", None)
    if server is not None:
        server.routes.get(ADDRESS)(_answer)


async def _answer(request: web.Request) -> web.Response:
    # The headers of many files take a moment, in which the server goes on.
    return web.json_response(await asyncio.to_thread(descriptions))


def descriptions() -> dict[str, dict[str, str]]:
    """By input and choice, what the page shows in the choice's place."""
    labels = {part: {name: _label(name, part) for name in model_files.choices(part)} for part in model_files.FOLDERS}
    labels[CONVERTER_INPUT] = {name: _label(name, None) for name in model_files.files()}
    return labels


def _label(name: str, part: str | None) -> str:
    try:
        path = model_files.find_file(name) if part is None else model_files.find(part, name)
        stamp = path.stat()
        told = _read(path, stamp.st_mtime_ns, stamp.st_size)
    except CheckpointError as error:
        return str(error)
    except OSError as error:
        return f"{name} can't be read ({error.strerror})."
    if isinstance(told, str):
        return told
    if part is None:
        return f"{name}: {'; '.join(told.values())}"
    return f"{name}: {told.get(part, f'holds no {words(part)}')}"


@cache
def _read(path: Path, changed: int, size: int) -> dict[str, str] | str:
    """A file's parts in words, by kind, or the sentence on what is wrong with it; once for each state of the file."""
    try:
        return {kind: part.describe() for kind, part in read_parts(path).items()}
    except CheckpointError as error:
        return str(error)
