"""Saved graphs name ids, wires and inputs by position: what these tests pin may grow at its end, never change."""

from __future__ import annotations

from pathlib import Path

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
}  # fmt: skip
OUTPUTS = {
    "FFCLIPLoadModels": ["FFCLIP_ENCODER", "FFCLIP_TEXT_ENCODER", "FFCLIP_MODULATOR", "FFCLIP_GENERATOR"],
    "FFCLIPInvertImage": ["FFCLIP_LATENT"],
    "FFCLIPEncodePrompt": ["FFCLIP_EMBEDDING"],
    "FFCLIPSemanticModulate": ["FFCLIP_LATENT", "IMAGE"],
    "FFCLIPSynthesize": ["IMAGE"],
    "FFCLIPSamplePicture": ["IMAGE"],
    "FFCLIPConvertCheckpoint": ["STRING"],
}
DISPLAY_NAMES = {
    "FFCLIPLoadModels": "Load FFCLIP Models",
    "FFCLIPInvertImage": "Invert Image (FFCLIP)",
    "FFCLIPEncodePrompt": "Encode Prompt",
    "FFCLIPSemanticModulate": "Semantic Modulate",
    "FFCLIPSynthesize": "StyleGAN Synthesize",
    "FFCLIPSamplePicture": "Sample Picture",
    "FFCLIPConvertCheckpoint": "Convert FFCLIP Checkpoint",
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
    assert seed.control_after_generate is True
