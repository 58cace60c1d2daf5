"""What each model file is, which the page shows beside the file's name in the drop-down lists."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from ..ffclip_core.errors import CheckpointError
from . import model_files, routes

ADDRESS = "/ffclip/model-files"
CONVERTER_INPUT = "file"


def register_route() -> None:
    routes.register(ADDRESS, _answer)


async def _answer(request: web.Request) -> web.Response:
    # The headers of many files take a moment, in which the server goes on.
    return web.json_response(await asyncio.to_thread(descriptions))


def descriptions() -> dict[str, dict[str, str]]:
    """By input and choice, what the page shows in the choice's place."""
    listed = model_files.files()
    labels: dict[str, dict[str, str]] = {CONVERTER_INPUT: {}}
    for part in model_files.PARTS:
        labels[part] = {
            title: _label(title, family.parts[part], part) for title, family in model_files.embedded().items()
        }
    for name, path in listed.items():
        labels[CONVERTER_INPUT][name] = _label(name, path, None)
        for part in model_files.PARTS:
            labels[part][name] = _label(name, path, part)
    return labels


def _label(name: str, path: Path, part: str | None) -> str:
    try:
        held = model_files.held(path)
    except CheckpointError as error:
        return str(error)
    except OSError as error:
        return f"{name} can't be read ({error.strerror})."
    if isinstance(held, str):
        return held
    if part is None:
        return f"{name}: {'; '.join(held.values())}"
    # What no list offers, such as an image encoder, shows beside what this one does.
    beside = [told for kind, told in held.items() if kind != part and kind not in model_files.PARTS]
    return f"{name}: {'; '.join([held.get(part, 'holds no ' + part.replace('_', ' ')), *beside])}"
