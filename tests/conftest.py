"""What the tests need beside Python: ComfyUI, a newer page for it, and a browser; ``python run.py test`` names them.

Without them the tests that need them are skipped; in CI (CI=true) they fail instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


# Before pytest-xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With pytest-xdist's `-n 2 --dist loadgroup --no-loadscope-reorder`: the tests of a file stay together, as they
    share what is costly to make, and so do all that use the one server. What takes long comes first, so that no process
    is left alone with it at the end."""
    groups = ["server" if "server" in getattr(item, "fixturenames", ()) else str(item.path) for item in items]
    long = {group for item, group in zip(items, groups, strict=True) if item.get_closest_marker("slow")}
    for item, group in zip(items, groups, strict=True):
        item.add_marker(pytest.mark.xdist_group(group))
    order = sorted(range(len(items)), key=lambda i: (groups[i] != "server", groups[i] not in long))
    items[:] = [items[i] for i in order]


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
