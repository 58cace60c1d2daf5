"""Node tests run against a real ComfyUI source tree, without a server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def comfyui(comfyui_folder: Path) -> Path:
    """Folder of a ComfyUI whose modules can be imported from here on, set to the CPU."""
    sys.path.insert(0, str(comfyui_folder))
    from comfy.cli_args import args

    args.cpu = True
    # ComfyUI's main.py imports it this early too: its nodes.py later puts a folder with another `utils` on the path.
    import utils.extra_config  # noqa: F401

    return comfyui_folder


@pytest.fixture(scope="session")
def nodes(comfyui: Path) -> dict:
    """The pack's node classes by id, got the way ComfyUI gets them."""
    import ffclip

    async def load() -> list:
        return await (await ffclip.comfy_entrypoint()).get_node_list()

    return {node.GET_SCHEMA().node_id: node for node in asyncio.run(load())}


@pytest.fixture
def run(nodes: dict):  # noqa: ANN201
    """Execute a node as ComfyUI does, in inference mode: run("FFCLIPInvertImage", encoder=…, …) → its outputs."""

    def execute(node_id: str, **inputs: object) -> tuple:
        with torch.inference_mode():
            return nodes[node_id].EXECUTE_NORMALIZED(**inputs).result

    return execute


@pytest.fixture
def models(nodes: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # noqa: ANN201
    """An empty ComfyUI models folder with nothing of ours registered; gives it and ComfyUI's folder_paths."""
    import folder_paths

    others = {k: v for k, v in folder_paths.folder_names_and_paths.items() if k not in ("ffclip", "stylegan", "e4e")}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", others)
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return tmp_path, folder_paths
