"""How the nodes come into ComfyUI beside other copies of the pack, and where one of them can't be loaded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest


def test_a_copy_that_loads_later_does_not_take_the_nodes_places(nodes: dict, caplog: pytest.LogCaptureFixture) -> None:
    """As one of a version that did not step aside: ComfyUI keeps the nodes that come last."""
    from ffclip.nodes import restore

    class Old:
        pass

    mappings: dict[str, Any] = {**nodes, "FFCLIPLoadModels": Old, "FFCLIPSynthesize": Old, "SaveImage": Old}
    restore(mappings, list(nodes.values()))
    assert {key: mappings[key] for key in nodes} == nodes and mappings["SaveImage"] is Old
    assert len([record for record in caplog.records if "is left out" in record.message]) == 1
    caplog.clear()
    restore(mappings, list(nodes.values()))
    assert not caplog.records


def test_a_node_that_cannot_be_loaded_leaves_the_others(
    nodes: dict, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import importlib

    import ffclip

    working = importlib.import_module

    def broken(name: str, package: str | None = None) -> Any:
        if name == ".encode_prompt":
            raise ImportError("No module named 'open_clip'")
        return working(name, package)

    monkeypatch.setattr(importlib, "import_module", broken)

    async def load() -> list:
        return await (await ffclip.comfy_entrypoint()).get_node_list()

    found = {node.GET_SCHEMA().node_id for node in asyncio.run(load())}
    assert found == set(nodes) - {"FFCLIPEncodePrompt"}
    assert "the node EncodePrompt is missing (ImportError: No module named 'open_clip'): python -m pip install" in (
        caplog.text
    )
