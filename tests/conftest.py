"""What the tests need beside Python: ComfyUI, a newer page for it, and a browser; ``python run.py test`` names them.

Without them the tests that need them are skipped; in CI (CI=true) they fail instead.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


# Which files come first, so that no process is left alone with a long one at the end: those that share something, then
# those that take longest. A name that is gone costs nothing, one that is missing a little time.
FIRST = (
    "pages", "server", "nodes",
    "test_full_size", "test_hostile_files", "test_guest", "test_generator", "test_encoder", "test_training",
    "test_benchmark", "test_compiler", "test_wrappings", "test_published_layouts",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first."""
    order = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(_shared(item.nodeid) or item.path.stem, len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With pytest-xdist's `--dist loadfile`, files that use the same servers are done by one process: to start a
    ComfyUI takes longer than most files."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _shared(nodeid) or super()._split_scope(nodeid)

    return Scheduling(config, log)


@cache
def _text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _shared(nodeid: str) -> str:
    """What a test's file shares with others that takes long to start: the servers of pages, the plain one, ComfyUI's
    modules, or nothing."""
    path = nodeid.partition("::")[0]
    if path.startswith("tests/nodes/"):
        return "nodes"
    if not path.startswith("tests/server/") or "with Server(" in _text(path):  # One of its own.
        return ""
    return "pages" if "open_template" in _text(path) else "server"


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
