"""What the tests need beside Python: ComfyUI, a newer page for it, and a browser; ``python run.py test`` names them.

Without them the tests that need them are skipped; in CI (CI=true) they fail instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests that take long come first, those with a server before the others, so that with pytest-xdist's
    `-n 2 --dist loadfile --no-loadscope-reorder` no process is left alone with them at the end."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    serving = {item.path for item in items if "server" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path not in long, item.path not in serving))


def _named(variable: str, what: str) -> str:
    value = os.environ.get(variable)
    if value:
        return value
    reason = f"{variable} names no {what} (python run.py test sets it)"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def comfyui_folder() -> Path:
    """Folder of a ComfyUI, with its main.py, whose requirements this Python has."""
    return Path(_named("FFCLIP_COMFYUI", "ComfyUI source folder"))


@pytest.fixture(scope="session")
def newer_frontend() -> Path:
    """Folder of a newer page than that ComfyUI's own."""
    return Path(_named("FFCLIP_NEWER_FRONTEND", "folder of a newer comfyui-frontend-package"))


@pytest.fixture(scope="session")
def browser_program() -> str:
    """The program of a Chromium, Chrome or Edge."""
    return _named("FFCLIP_BROWSER", "browser: install Chromium, Chrome or Edge")
