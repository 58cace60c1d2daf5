"""One real ComfyUI server for the whole test session, with the pack, driven over HTTP and websocket."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ffclip.bootstrap.links import link
from ffclip.ffclip_core import EMBEDDED, save_part
from ffclip.ffclip_core.checkpoints import read_parts
from ffclip.ffclip_core.dev import ROOT, WORKFLOWS
from ffclip.ffclip_core.dev.comfyui import Server
from ffclip.ffclip_core.dev.graphs import to_api
from ffclip.ffclip_core.families import PARTS
from ffclip.ffclip_core.networks.encoder import Encoder
from PIL import Image

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
    """The server's own folder, with some model files that must be refused, where a second copy of the pack was left
    behind."""
    base = furnished(tmp_path_factory.mktemp("comfyui"))
    link(ROOT, base / "custom_nodes" / "ffclip-main")
    return base


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
