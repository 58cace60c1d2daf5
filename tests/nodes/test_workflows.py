"""The shipped workflow files against the nodes they name (running them is the server tests' work)."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

FOLDER = Path(__file__).parents[2] / "workflows"
PUBLISHED = ["edit-a-face", "edit-a-photo"]
"""Those for published files, which the pack does not bring."""
OWN_VIDEO = ["edit-a-video"]
"""Those for a video of the user's, since neither the pack nor ComfyUI brings one."""
WITHOUT_LOADER = ["edit-everyone-in-a-group-photo", "edit-my-avatar"]
WORKFLOWS = sorted(
    ["chain-with-image-nodes", "distil-an-edit", "edit-by-text", "many-prompts", "strength-sweep"]
    + PUBLISHED
    + OWN_VIDEO
    + WITHOUT_LOADER
)
WIDGETS = ("INT", "FLOAT", "STRING", "COMBO", "BOOLEAN")
NOTE = "MarkdownNote"


def read(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def classes(nodes: dict) -> dict:
    """ComfyUI's node classes that need no server, and ours, by id."""
    import comfy_extras.nodes_images
    import comfy_extras.nodes_mask
    from comfy_extras.nodes_morphology import Morphology
    from comfy_extras.nodes_post_processing import Blend, Sharpen
    from comfy_extras.nodes_video import LoadVideo, SaveVideo

    return {
        **importlib.import_module("nodes").NODE_CLASS_MAPPINGS,
        **comfy_extras.nodes_images.NODE_CLASS_MAPPINGS,
        **comfy_extras.nodes_mask.NODE_CLASS_MAPPINGS,
        **{node.GET_SCHEMA().node_id: node for node in (Morphology, Blend, Sharpen, LoadVideo, SaveVideo)},
        **nodes,
    }


def specification(node_class: type) -> dict[str, tuple[Any, ...]]:
    """Inputs of a node class as (type or options, settings), required ones first."""
    types: dict[str, dict[str, tuple[Any, ...]]] = node_class.INPUT_TYPES()
    return {**types.get("required", {}), **types.get("optional", {})}


def is_widget(spec: tuple[Any, ...]) -> bool:
    return isinstance(spec[0], list) or str(spec[0]) in WIDGETS


def widgets(node_class: type) -> list[tuple[str, list | None]]:
    """Names of a node's widget values in order, with their options where there are any."""
    found: list[tuple[str, list | None]] = []
    for name, spec in specification(node_class).items():
        if is_widget(spec):
            kind, settings = [*spec, {}][:2]
            found.append((name, kind if isinstance(kind, list) else settings.get("options")))
            if settings.get("control_after_generate"):
                found.append(("control_after_generate", ["fixed"]))
            if settings.get("image_upload"):
                found[-1] = (name, ["example.png"])  # ComfyUI brings it.
                found.append(("upload", ["image"]))
            if settings.get("video_upload"):
                found[-1] = (name, None)
                found.append(("upload", ["image"]))
    return found


def test_these_workflows_are_shipped_each_with_its_thumbnail() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == WORKFLOWS
    for name in WORKFLOWS:
        assert re.fullmatch("[a-z]+(-[a-z]+)*", name)  # Title, and with spaces description; addresses take no spaces.
        with Image.open(FOLDER / f"{name}.jpg") as picture:
            assert picture.format == "JPEG" and picture.width == picture.height >= 256


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_node_exists_and_has_its_widget_values(classes: dict, name: str) -> None:
    for node in read(name)["nodes"]:
        if node["type"] == NOTE:
            continue
        assert node["properties"]["Node name for S&R"] == node["type"]
        expected = widgets(classes[node["type"]])
        assert len(node["widgets_values"]) == len(expected), node["type"]
        for value, (widget, options) in zip(node["widgets_values"], expected, strict=True):
            named = {model["name"] for model in node["properties"].get("models", [])}
            assert options is None or value in {*options, *named}, f"{node['type']}.{widget} = {value!r}"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_needed_input_is_connected_to_an_output_of_its_type(classes: dict, name: str) -> None:
    workflow = read(name)
    by_id = {node["id"]: node for node in workflow["nodes"]}
    links = {link[0]: link for link in workflow["links"]}
    for link_id, source, slot, target, target_slot, wire in links.values():
        assert link_id in by_id[source]["outputs"][slot]["links"]
        assert by_id[target]["inputs"][target_slot]["link"] == link_id
        source_class = classes[by_id[source]["type"]]
        assert str(source_class.RETURN_TYPES[slot]) == wire == by_id[target]["inputs"][target_slot]["type"]
    for node in workflow["nodes"]:
        if node["type"] == NOTE:
            continue
        connected = {slot["name"] for slot in node["inputs"] if slot["link"] is not None}
        types = classes[node["type"]].INPUT_TYPES()
        required = {key for key, spec in types["required"].items() if not is_widget(spec)}
        assert required <= connected <= specification(classes[node["type"]]).keys(), node["type"]
        assert all(slot["link"] in links for slot in node["inputs"] if slot["link"] is not None)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_note_says_what_it_shows_and_groups_say_each_step(name: str) -> None:
    workflow = read(name)
    (note,) = [node for node in workflow["nodes"] if node["type"] == NOTE]
    assert note["widgets_values"][0].startswith("## ")
    assert "**Try**" in note["widgets_values"][0]
    assert workflow["groups"]
    for node in workflow["nodes"]:
        around = [group for group in workflow["groups"] if _inside(node["pos"], group["bounding"])]
        assert len(around) == 1 or not node["type"].startswith("FFCLIP") or node["type"] == "FFCLIPSamplePicture"
    # The page chooses the view; a stored one would be of one screen.
    assert "ds" not in workflow["extra"]


def _inside(place: list[float], box: list[float]) -> bool:
    return box[0] <= place[0] < box[0] + box[2] and box[1] <= place[1] < box[1] + box[3]


@pytest.mark.parametrize("name", [name for name in WORKFLOWS if name not in [*PUBLISHED, *OWN_VIDEO]])
def test_it_runs_anywhere_on_what_the_pack_brings(name: str) -> None:
    workflow = read(name)
    assert "LoadImage" not in {node["type"] for node in workflow["nodes"]}
    loads = [node for node in workflow["nodes"] if node["type"] == "FFCLIPLoadModels"]
    assert len(loads) == (name not in WITHOUT_LOADER)
    assert all(load["widgets_values"] == ["avatars (embedded)"] * 4 + ["float32"] for load in loads)


@pytest.mark.parametrize("name", PUBLISHED)
def test_workflows_for_published_files_name_each_its_folder_and_where_it_is_published(name: str) -> None:
    workflow = read(name)
    (load,) = [node for node in workflow["nodes"] if node["type"] == "FFCLIPLoadModels"]
    (note,) = [node for node in workflow["nodes"] if node["type"] == NOTE]
    models = load["properties"]["models"]
    assert {model["name"] for model in models} == set(load["widgets_values"][:4])
    table = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    for model in models:
        folder = f"models/{model['directory']}"
        assert model["url"] in note["widgets_values"][0]
        assert folder in note["widgets_values"][0]
        assert folder in table
