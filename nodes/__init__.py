"""The ComfyUI nodes: one file per step a user takes. wires.py documents what travels between them."""

from __future__ import annotations

import importlib
import inspect
import logging
from pathlib import Path
from typing import Any

from comfy_api.latest import ComfyExtension, io

from ..ffclip_core.errors import sendable

# By the file of each.
NODES = {
    "load_models": "LoadModels",
    "invert_image": "InvertImage",
    "encode_prompt": "EncodePrompt",
    "semantic_modulate": "SemanticModulate",
    "synthesize": "Synthesize",
    "sample_picture": "SamplePicture",
    "convert_checkpoint": "ConvertCheckpoint",
    "edit_picture": "EditPicture",
    "align_face": "AlignFace",
    "paste_face_back": "PasteFaceBack",
    "difference_mask": "DifferenceMask",
    "refine_inversion": "RefineInversion",
    "edit_video": "EditVideo",
    "edit_frames": "EditFrames",
    "save_training_pair": "SaveTrainingPair",
    "train_modulator": "TrainModulator",
}
ROOT = Path(__file__).parent.parent


class FFCLIPExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        if (first := _loaded_before()) is not None:
            text = (
                f"the copy in {ROOT} is left out, since the nodes of {first} are loaded already: remove one of the two"
            )
            logging.warning("FFCLIP: %s.", sendable(text))
            return []
        found = [node for module, name in NODES.items() if (node := _node(module, name)) is not None]
        _prepare(found)
        return found


def _node(module: str, name: str) -> type[io.ComfyNode] | None:
    """A node's class; None, and a line in the log, where its file can't be loaded: the others go on without it."""
    try:
        node = getattr(importlib.import_module(f".{module}", __package__), name)
        node.GET_SCHEMA()
    except Exception as error:
        remedy = (
            f"python -m pip install -r {ROOT / 'requirements.txt'}" if isinstance(error, ImportError) else "report it"
        )
        text = sendable(f"the node {name} is missing ({type(error).__name__}: {error}): {remedy}")
        logging.error("FFCLIP: %s", text)
        return None
    return node


def _prepare(found: list[type[io.ComfyNode]]) -> None:
    """What the nodes have beside themselves; without it they work all the same."""
    try:
        from ..ffclip_core import errors
        from . import file_descriptions, said

        for kind in (errors.FFCLIPError, errors.CheckpointError, errors.FamilyError, errors.InputError):
            # The page puts it before each sentence, where a module's name would be a whole path.
            kind.__module__ = "FFCLIP"
        _stay(found)
        file_descriptions.register_route()
        said.register_route()
    except Exception as error:
        text = sendable(f"lists show names alone, cached results say nothing ({type(error).__name__}: {error})")
        logging.error("FFCLIP: %s", text)


def _loaded_before() -> str | None:
    """Where another copy of the pack lies whose nodes ComfyUI has already; its web folder then stays the only one."""
    host = _host()
    other: Any = getattr(host, "NODE_CLASS_MAPPINGS", {}).get("FFCLIPLoadModels")
    if other is None:
        return None
    place = _folder_of(other)
    if place == str(ROOT):
        return None
    web = getattr(host, "EXTENSION_WEB_DIRS", {})
    for name in [name for name, folder in web.items() if Path(folder).is_relative_to(ROOT)]:
        del web[name]
    return place


def _stay(found: list[type[io.ComfyNode]]) -> None:
    """Keep a copy that loads later, of a version that did not step aside, from taking the places of these nodes."""
    from server import PromptServer  # Late: tests of the nodes alone have none.

    server = getattr(PromptServer, "instance", None)
    if server is None:
        return

    async def put_back(_: object) -> None:
        restore(_host().NODE_CLASS_MAPPINGS, found)

    server.app.on_startup.append(put_back)


def restore(mappings: dict[str, Any], found: list[type[io.ComfyNode]]) -> None:
    """Put these nodes into ComfyUI's again where others have taken their ids, and say so in one line of the log."""
    ours = {node.GET_SCHEMA().node_id: node for node in found}
    others = {mappings[key] for key in ours if key in mappings and mappings[key] is not ours[key]}
    if others:
        mappings.update(ours)
        text = sendable(
            f"the copy in {_folder_of(others.pop())} is left out, since {ROOT} is there: remove one of the two"
        )
        logging.warning("FFCLIP: %s.", text)


def _folder_of(node: type) -> str:
    """The folder of the pack that a node comes from."""
    return str(Path(inspect.getfile(node)).parent.parent)


def _host() -> Any:
    """ComfyUI's own nodes, where a server runs."""
    from server import PromptServer  # Late: tests of the nodes alone have none.

    if getattr(PromptServer, "instance", None) is None:
        return None
    import nodes

    return nodes
