"""What the tests need beside Python: ComfyUI, a newer page for it, and a browser; ``python run.py test`` names them.

Without them the tests that need them are skipped; in CI (CI=true) they fail instead.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

# What is imported stays. Python looks for garbage among it neither meanwhile nor each time afterwards.
gc.disable()

# Which files come first, so that no process is left alone with a long one at the end: those that share something, then
# those that take longest. A name that is gone costs nothing, one that is missing a little time.
FIRST = (
    "pages", "server", "nodes",
    "test_family", "test_hostile_files", "test_generator", "test_killed", "test_training", "test_processes",
    "test_resuming", "test_drawings", "test_benchmark", "test_compare_steps", "test_compiler", "test_wrappings",
    "test_published_layouts",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first; of those with pages, all tests of one canvas before those of the next."""
    order = {name: place for place, name in enumerate(FIRST)}

    def place(item: pytest.Item) -> tuple[int, str]:
        parameters = getattr(item, "callspec", SimpleNamespace(params={})).params
        return order.get(_shared(item.nodeid) or item.path.stem, len(order)), parameters.get("canvas", "")

    items.sort(key=place)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


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


def _shared(nodeid: str) -> str:
    """What a test's file shares with others that takes long to make: the servers of pages, the plain one and the files
    of published sizes, ComfyUI's modules, or nothing."""
    folders = {
        "tests/nodes/": "nodes",
        "tests/server/pages/": "pages",
        "tests/server/": "server",
        "tests/ffclip_core/test_full_size": "server",
    }
    return next((name for folder, name in folders.items() if nodeid.startswith(folder)), "")


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


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """e4e.pt and ffclip.pt as published for faces, with golden weights; removed at the end, as they are large."""
    import golden
    import layouts
    import torch
    from ffclip.ffclip_core.benchmark.networks import CHANNELS
    from ffclip.ffclip_core.networks.encoder import Encoder
    from ffclip.ffclip_core.networks.generator import Generator
    from ffclip.ffclip_core.networks.modulation import Modulator

    folder = tmp_path_factory.mktemp("published")
    with torch.device("meta"):
        encoder, generator, modulator = Encoder(), Generator(size=1024, channels=CHANNELS), Modulator()
    encoder.to_empty(device="cpu").latent_avg.zero_()
    golden.fill(encoder, "e4e")
    golden.fill(generator.to_empty(device="cpu"), "stylegan")
    layouts.e4e(folder / "e4e.pt", encoder, generator, golden.tensors("e2e")["latent_avg"])
    layouts.ffclip(folder / "ffclip.pt", golden.fill(modulator.to_empty(device="cpu"), "ffclip"), generator)
    yield folder
    for path in folder.iterdir():
        path.unlink()
