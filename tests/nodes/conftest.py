"""Node tests run against a real ComfyUI source tree, without a server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

EMBEDDED = "avatars (embedded)"


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


@pytest.fixture(scope="module")
def parts(nodes: dict) -> SimpleNamespace:
    """The embedded models, loaded."""
    with torch.inference_mode():
        loaded = nodes["FFCLIPLoadModels"].execute(*[EMBEDDED] * 4, "float32").result
    return SimpleNamespace(encoder=loaded[0], text_encoder=loaded[1], modulator=loaded[2], generator=loaded[3])


@pytest.fixture(scope="module")
def sample(nodes: dict) -> torch.Tensor:
    """A picture [1, H, W, 3] of a kind that they know."""
    node = nodes["FFCLIPSamplePicture"]
    return node.execute(node.GET_SCHEMA().inputs[0].options[0]).result[0]


@pytest.fixture
def chain(run: Callable, parts: SimpleNamespace):  # noqa: ANN201
    """Shorthands for the nodes with their defaults: invert, encode, modulate, synthesize."""

    def invert(image: torch.Tensor, fit: str = "crop"):  # noqa: ANN202
        return run("FFCLIPInvertImage", encoder=parts.encoder, image=image, fit=fit)[0]

    def encode(text: str):  # noqa: ANN202
        return run("FFCLIPEncodePrompt", text_encoder=parts.text_encoder, text=text)[0]

    def modulate(latent, embedding, strength: float = 1.0, gates=(1.0, 1.0, 1.0), batching: str = "pair", **more):  # noqa: ANN001, ANN003, ANN202
        coarse, medium, fine = gates
        return run(
            "FFCLIPSemanticModulate",
            modulator=parts.modulator, latent=latent, embedding=embedding, strength=strength,
            coarse=coarse, medium=medium, fine=fine, batching=batching, **more,
        )  # fmt: skip

    def synthesize(latent, noise: str = "const", seed: int = 0, output_size: str = "full") -> torch.Tensor:  # noqa: ANN001
        return run(
            "FFCLIPSynthesize",
            generator=parts.generator, latent=latent, noise=noise, seed=seed, output_size=output_size,
        )[0]  # fmt: skip

    return SimpleNamespace(invert=invert, encode=encode, modulate=modulate, synthesize=synthesize)
