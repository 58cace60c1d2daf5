"""Saved graphs name ids, wires and inputs by position: what these tests pin may grow at its end, never change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

INPUTS = {
    "FFCLIPLoadModels": ["encoder", "text_encoder", "modulator", "generator", "precision"],
    "FFCLIPInvertImage": ["encoder", "image", "fit", "mask"],
    "FFCLIPEncodePrompt": ["text_encoder", "text"],
    "FFCLIPSemanticModulate": [
        "modulator", "latent", "embedding", "strength", "coarse", "medium", "fine", "batching", "strengths",
    ],
    "FFCLIPSynthesize": ["generator", "latent", "noise", "seed", "output_size"],
    "FFCLIPSamplePicture": ["name"],
    "FFCLIPConvertCheckpoint": ["file", "dtype", "overwrite"],
    "FFCLIPEditPicture": [
        "image", "text", "strength", "faces", "mode", "find", "mask", "encoder", "text_encoder", "modulator",
        "generator",
    ],
    "FFCLIPAlignFace": ["image", "faces", "size", "find", "points", "landmarks"],
    "FFCLIPPasteFaceBack": ["image", "before", "after", "placement", "mode", "feather", "mask"],
    "FFCLIPDifferenceMask": ["before", "after", "feather"],
    "FFCLIPRefineInversion": [
        "generator", "latent", "image", "mode", "steps", "closeness", "seconds", "fit", "loss", "mask",
    ],
    "FFCLIPEditVideo": [
        "video", "text", "strength", "faces", "smoothing", "mode", "find", "strengths", "encoder", "text_encoder",
        "modulator", "generator",
    ],
    "FFCLIPEditFrames": [
        "frames", "text", "strength", "faces", "smoothing", "mode", "find", "strengths", "encoder", "text_encoder",
        "modulator", "generator",
    ],
    "FFCLIPSaveTrainingPair": ["before", "after", "text", "folder", "prefix"],
    "FFCLIPTrainModulator": [
        "encoder", "text_encoder", "generator", "folder", "name", "steps", "learning_rate", "seed", "modulator",
    ],
}  # fmt: skip
OUTPUTS = {
    "FFCLIPLoadModels": ["FFCLIP_ENCODER", "FFCLIP_TEXT_ENCODER", "FFCLIP_MODULATOR", "FFCLIP_GENERATOR"],
    "FFCLIPInvertImage": ["FFCLIP_LATENT"],
    "FFCLIPEncodePrompt": ["FFCLIP_EMBEDDING"],
    "FFCLIPSemanticModulate": ["FFCLIP_LATENT", "IMAGE"],
    "FFCLIPSynthesize": ["IMAGE"],
    "FFCLIPSamplePicture": ["IMAGE"],
    "FFCLIPConvertCheckpoint": ["STRING"],
    "FFCLIPEditPicture": ["IMAGE", "MASK"],
    "FFCLIPAlignFace": ["IMAGE", "FFCLIP_PLACEMENT", "IMAGE"],
    "FFCLIPPasteFaceBack": ["IMAGE", "MASK"],
    "FFCLIPDifferenceMask": ["MASK"],
    "FFCLIPRefineInversion": ["FFCLIP_LATENT", "FFCLIP_GENERATOR", "IMAGE"],
    "FFCLIPEditVideo": ["VIDEO"],
    "FFCLIPEditFrames": ["IMAGE"],
    "FFCLIPSaveTrainingPair": ["STRING"],
    "FFCLIPTrainModulator": ["FFCLIP_MODULATOR", "IMAGE"],
}
DISPLAY_NAMES = {
    "FFCLIPLoadModels": "Load FFCLIP Models",
    "FFCLIPInvertImage": "Invert Image (FFCLIP)",
    "FFCLIPEncodePrompt": "Encode Prompt",
    "FFCLIPSemanticModulate": "Semantic Modulate",
    "FFCLIPSynthesize": "StyleGAN Synthesize",
    "FFCLIPSamplePicture": "Sample Picture",
    "FFCLIPConvertCheckpoint": "Convert FFCLIP Checkpoint",
    "FFCLIPEditPicture": "Edit Picture by Text",
    "FFCLIPAlignFace": "Align Face",
    "FFCLIPPasteFaceBack": "Paste Face Back",
    "FFCLIPDifferenceMask": "Edit Difference Mask",
    "FFCLIPRefineInversion": "Refine Inversion",
    "FFCLIPEditVideo": "Edit Video by Text",
    "FFCLIPEditFrames": "Edit Frames by Text",
    "FFCLIPSaveTrainingPair": "Save Training Pair",
    "FFCLIPTrainModulator": "Train FFCLIP Modulator",
}
NODE_IDS = list(INPUTS)


def test_the_pack_offers_exactly_these_nodes(nodes: dict) -> None:
    assert list(nodes) == NODE_IDS


@pytest.mark.parametrize("node_id", NODE_IDS)
def test_names_inputs_and_outputs_stay_what_saved_graphs_rely_on(nodes: dict, node_id: str) -> None:
    schema = nodes[node_id].GET_SCHEMA()
    assert schema.display_name == DISPLAY_NAMES[node_id]
    assert schema.category == "FFCLIP"
    assert [each.id for each in schema.inputs] == INPUTS[node_id]
    assert [str(each.io_type) for each in schema.outputs] == OUTPUTS[node_id]


@pytest.mark.parametrize("node_id", NODE_IDS)
def test_every_node_input_and_output_explains_itself(nodes: dict, node_id: str) -> None:
    schema = nodes[node_id].GET_SCHEMA()
    assert schema.description
    assert [each.id for each in schema.inputs + schema.outputs if not each.tooltip] == []
    assert all(output.display_name for output in schema.outputs)


@pytest.mark.parametrize("node_id", NODE_IDS)
def test_every_node_has_a_help_page_titled_like_it(node_id: str) -> None:
    page = Path(__file__).parents[2] / "web" / "docs" / f"{node_id}.md"
    assert page.read_text(encoding="utf-8").startswith(f"# {DISPLAY_NAMES[node_id]}\n")


@pytest.mark.parametrize("node_id", NODE_IDS)
def test_defaults_are_allowed_values(nodes: dict, node_id: str) -> None:
    for each in nodes[node_id].GET_SCHEMA().inputs:
        if getattr(each, "options", None) is not None:
            assert each.default in each.options
        if getattr(each, "min", None) is not None:
            assert each.min <= each.default <= each.max


def test_the_embedded_models_are_the_first_choice(nodes: dict) -> None:
    files = nodes["FFCLIPLoadModels"].GET_SCHEMA().inputs[:4]
    assert {each.options[0] for each in files} == {each.default for each in files} == {"avatars (embedded)"}


def test_the_seed_can_change_after_each_run(nodes: dict) -> None:
    seed = next(each for each in nodes["FFCLIPSynthesize"].GET_SCHEMA().inputs if each.id == "seed")
    assert seed.control_after_generate


def test_this_comfyui_gets_nothing_that_it_does_not_know(nodes: dict) -> None:
    from comfy_api.latest import io
    from ffclip.nodes.schema import supported

    with pytest.raises(TypeError):
        io.Float.Input("strength", advanced=True)  # pyright: ignore[reportCallIssue]
    assert supported(io.Float.Input, "strength", default=1.0, advanced=True).default == 1.0
    with pytest.raises(TypeError):  # A mistake is none that only time will mend.
        supported(io.Float.Input, "strength", defualt=1.0)


class ControlAfterGenerate(str, Enum):
    fixed = "fixed"
    randomize = "randomize"


@pytest.fixture
def newer(nodes: dict, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The schemas as a newer ComfyUI gets them, whose classes take what later releases added."""
    from comfy_api.latest import io
    from ffclip.nodes import synthesize

    @dataclass
    class Schema(io.Schema):
        search_aliases: list[str] = field(default_factory=list)

    monkeypatch.setattr(io, "Schema", Schema)
    for kind in (io.Float, io.Int, io.Combo):

        class Input(kind.Input):  # pyright: ignore[reportGeneralTypeIssues]
            def __init__(self, *arguments: Any, advanced: bool | None = None, **settings: Any) -> None:
                super().__init__(*arguments, **settings)
                self.advanced = advanced

        monkeypatch.setattr(kind, "Input", Input)
    monkeypatch.setattr(synthesize, "FIXED", ControlAfterGenerate.fixed)
    return {node_id: node.define_schema() for node_id, node in nodes.items()}


def test_a_newer_comfyui_finds_every_node_by_what_people_call_it(newer: dict[str, Any]) -> None:
    aliases = {node_id: schema.search_aliases for node_id, schema in newer.items()}
    assert all(len(words) >= 3 and max(Counter(words).values()) == 1 for words in aliases.values())
    everything = {word for words in aliases.values() for word in words}
    wanted = "e4e inversion latent portrait avatar StyleCLIP StyleGAN2 GAN CLIP prompt".split()
    assert {*wanted, "face edit", "text guided edit"} <= everything
    assert "inversion" in aliases["FFCLIPInvertImage"] and "text guided edit" in aliases["FFCLIPSemanticModulate"]


def test_a_newer_comfyui_folds_away_what_experts_set(newer: dict[str, Any]) -> None:
    folded = {
        (node_id, each.id) for node_id, schema in newer.items() for each in schema.inputs if vars(each).get("advanced")
    }
    assert folded == {
        *(("FFCLIPSemanticModulate", name) for name in ("coarse", "medium", "fine", "batching")),
        *(("FFCLIPSynthesize", name) for name in ("noise", "seed")),
        ("FFCLIPLoadModels", "precision"),
        *((f"FFCLIPEdit{what}", name) for what in ("Picture", "Video", "Frames") for name in ("mode", "find")),
        ("FFCLIPAlignFace", "find"),
        ("FFCLIPPasteFaceBack", "feather"),
        *(("FFCLIPRefineInversion", name) for name in ("seconds", "fit", "loss")),
        *(("FFCLIPTrainModulator", name) for name in ("learning_rate", "seed")),
    }


def test_a_newer_comfyui_keeps_the_seed(newer: dict[str, Any]) -> None:
    seed = next(each for each in newer["FFCLIPSynthesize"].inputs if each.id == "seed")
    assert seed.as_dict()["control_after_generate"] == "fixed"


@pytest.mark.parametrize("known", [True, False])
def test_whether_a_comfyui_can_keep_a_seed_is_found_out(
    nodes: dict, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    import importlib

    from comfy_api.latest import io
    from ffclip.nodes import schema

    with monkeypatch.context() as patch:
        if known:
            patch.setattr(io, "ControlAfterGenerate", ControlAfterGenerate, raising=False)
        else:
            patch.delattr(io, "ControlAfterGenerate", raising=False)
        assert importlib.reload(schema).FIXED == ("fixed" if known else True)
    importlib.reload(schema)


def test_no_name_is_that_of_a_core_node(nodes: dict) -> None:
    import nodes as core

    names: Any = vars(core)["NODE_DISPLAY_NAME_MAPPINGS"].values()
    assert "Invert Image" in names and set(DISPLAY_NAMES.values()).isdisjoint(names)
