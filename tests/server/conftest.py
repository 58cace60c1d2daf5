"""One real ComfyUI server for the whole test session, with the pack, driven over HTTP and websocket."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import CANVASES, OPEN, PREPARE, READY, SETTINGS, SIZES, VERSIONS
from ffclip.ffclip_core import EMBEDDED, save_part
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.dev import PACK, WORKFLOWS
from ffclip.ffclip_core.dev.comfyui import Server
from ffclip.ffclip_core.dev.graphs import to_api
from ffclip.ffclip_core.families import PARTS
from ffclip.ffclip_core.networks.encoder import Encoder
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

Graph = dict[str, Any]

# Stands in custom_nodes: no core node gives an empty batch, or many numbers at once.
TEST_NODES = """
import torch

class EmptyBatch:
    RETURN_TYPES, FUNCTION, CATEGORY = ("IMAGE",), "make", "testing"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def make(self):
        return (torch.zeros(0, 64, 64, 3),)

class Sweep:
    RETURN_TYPES, FUNCTION, CATEGORY = ("FLOATS", "FLOAT"), "make", "testing"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"first": ("FLOAT", {}), "last": ("FLOAT", {}), "count": ("INT", {})}}

    def make(self, first, last, count):
        return ((numbers := torch.linspace(first, last, count).tolist()), numbers)

NODE_CLASS_MAPPINGS = {"TestEmptyBatch": EmptyBatch, "TestSweep": Sweep}
"""

MARKUP = '<img src="/" onerror="window.ran = true">'
"""A family's name that would run in the page, if a page took it for markup."""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's own folder, with some model files that must be refused."""
    return furnished(tmp_path_factory.mktemp("comfyui"))


def furnished(base: Path) -> Path:
    models = base / "models" / "ffclip"
    models.mkdir(parents=True)
    (base / "models" / "e4e").mkdir()
    (models / "page.safetensors").write_text("<!DOCTYPE html><html><body>Sign in to download</body></html>")
    (models / "cut-off.safetensors").write_bytes(b"\x00\x10\x00\x00\x00\x00\x00\x00{")
    other = Encoder(
        num_layers=12,
        latent_dim=256,
        input_size=(64, 64),
        widths=(16, 32, 32, 32),
        blocks=(1, 1, 1, 1),
        pyramid_width=32,
        family="others",
    )
    save_part(models / "other-family.safetensors", other)
    for kind in PARTS:
        network = read_parts(EMBEDDED / f"{kind}.safetensors")[kind].build()
        network.family = MARKUP
        save_part(models / f"markup-{kind}.safetensors", network)
    pack = base / "custom_nodes" / "test_nodes"
    pack.mkdir(parents=True)
    (pack / "__init__.py").write_text(TEST_NODES)
    return base


@pytest.fixture(scope="session")
def server(comfyui_folder: Path, base: Path) -> Iterator[Server]:
    with Server(comfyui_folder, base) as server:
        yield server


@pytest.fixture(scope="session")
def newer_server(
    comfyui_folder: Path, newer_frontend: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The same ComfyUI with today's page."""
    base = furnished(tmp_path_factory.mktemp("newer"))
    with Server(comfyui_folder, base, newer_frontend) as server:
        yield server


@pytest.fixture(scope="session")
def object_info(server: Server) -> dict[str, Any]:
    return server.get_json("/object_info")


@pytest.fixture
def workflow(object_info: dict[str, Any]) -> Callable[[str], Graph]:
    """A shipped workflow as ComfyUI runs it, by name."""

    def read(name: str) -> Graph:
        text = (WORKFLOWS / f"{name}.json").read_text(encoding="utf-8")
        return to_api(json.loads(text), object_info)

    return read


@pytest.fixture
def only() -> Callable[[Graph, str], tuple[str, Graph]]:
    """The one node of a kind in a graph: its id and its inputs."""

    def find(graph: Graph, class_type: str) -> tuple[str, Graph]:
        ((node_id, node),) = [(key, node) for key, node in graph.items() if node["class_type"] == class_type]
        return node_id, node["inputs"]

    return find


@pytest.fixture
def pictures(server: Server) -> Callable[[Graph], dict[str, list[bytes]]]:
    """Run a graph to its end; the files of the nodes that gave some, by node id."""

    def execute(graph: Graph) -> dict[str, list[bytes]]:
        outputs = server.run(graph)["outputs"]
        drawn = {key: output["images"] for key, output in outputs.items() if "images" in output}
        return {key: [server.image(image) for image in images] for key, images in drawn.items()}

    return execute


@pytest.fixture(scope="session")
def pixels() -> Callable[[bytes], np.ndarray]:
    return lambda file: np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def browser(browser_program: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Root, as in a container, may start Chromium only without its sandbox.
        browser = playwright.chromium.launch(executable_path=browser_program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def canvas() -> str:
    return CANVASES[0]


@pytest.fixture(scope="module")
def server_of(server: Server, request: pytest.FixtureRequest) -> Callable[[str], Server]:
    """The server of a canvas; the newer page's starts when it is needed."""
    return lambda canvas: server if canvas == CANVASES[0] else request.getfixturevalue("newer_server")


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    """The pages that stay open, by canvas: to load one takes seconds."""
    return {}


@pytest.fixture
def open_template(
    browser: Browser, pages: dict[str, Page], server_of: Callable[[str], Server], canvas: str
) -> Iterator[Callable[..., Page]]:
    """The page with one of the pack's workflows, by name; elsewhere: in another browser, closed after the test."""
    others = []

    def load(name: str) -> Page:
        server = server_of(canvas)
        chosen = {"Comfy.InstalledVersion": VERSIONS[canvas], "Comfy.VueNodes.Enabled": "2.0" in canvas}
        server.post("/settings", {**SETTINGS, **chosen})
        page = browser.new_page()
        page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
        page.set_default_timeout(60_000)
        page.add_init_script(f"({PREPARE})()")
        page.goto(f"{server.address}/?template={name}&source={PACK}")
        page.wait_for_function(READY)
        return page

    def open_it(name: str, size: tuple[int, int] = SIZES[0], elsewhere: bool = False) -> Page:
        if elsewhere:
            others.append(load(name))
            return others[-1]
        if canvas not in pages:
            pages[canvas] = load(name)
            if size == SIZES[0]:
                return pages[canvas]
        page = pages[canvas]
        page.keyboard.press("Escape")  # what an earlier test left open
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_function(f"() => window.app.canvas.canvas.clientWidth === {size[0]}")
        page.evaluate(OPEN, [PACK, name])
        page.evaluate("() => { window.complaints = []; }")
        return page

    yield open_it
    for page in others:
        page.close()


@pytest.fixture
def screenshot(canvas: str) -> Callable[[Page, str], None]:
    """Into the folder that FFCLIP_SCREENSHOTS names, if it does."""
    named = os.environ.get("FFCLIP_SCREENSHOTS")

    def take(page: Page, title: str) -> None:
        if named:
            page.screenshot(path=Path(named) / f"{title}, {canvas}.png")

    return take
