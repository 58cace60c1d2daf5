"""What a user can get wrong in a graph ends in one clear sentence, which the page shows on the node."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ffclip.ffclip_core import EMBEDDED, load_encoder
from ffclip.ffclip_core.dev import RunError
from ffclip.ffclip_core.dev.comfyui import Server
from ffclip.ffclip_core.pictures import prepare, to_images
from PIL import Image


@pytest.fixture
def message(server: Server) -> Callable[[dict], str]:
    """Run a graph that must fail; what the user is told."""

    def execute(graph: dict) -> str:
        with pytest.raises(RunError) as caught:
            server.run(graph)
        text = str(caught.value)
        assert "\n" not in text, "one sentence"
        assert "Traceback" not in text
        return text

    return execute


@pytest.mark.parametrize("text", ["", "  \n\t\n "])
def test_an_empty_prompt(workflow: Callable, only: Callable, message: Callable, text: str) -> None:
    graph = workflow("edit-by-text")
    only(graph, "FFCLIPEncodePrompt")[1]["text"] = text
    assert message(graph).startswith("The prompt is empty: write what the picture should show")


def test_a_prompt_over_77_tokens_is_cut_with_a_warning(
    server: Server, workflow: Callable, only: Callable, base: Path
) -> None:
    graph = workflow("edit-by-text")
    only(graph, "FFCLIPEncodePrompt")[1]["text"] = "Purple hair and " * 40
    shown = []
    server.run(graph, lambda kind, data: shown.append(kind))
    assert "execution_success" in shown
    assert re.search(
        r"The end was cut off, only 77 tokens are read: Purple hair", server.log.read_text(encoding="utf-8")
    )


def test_an_empty_batch(workflow: Callable, only: Callable, message: Callable) -> None:
    graph = workflow("edit-by-text")
    graph["none"] = {"class_type": "TestEmptyBatch", "inputs": {}}
    only(graph, "FFCLIPInvertImage")[1]["image"] = ["none", 0]
    assert re.search(r"batch .*\b0\b", message(graph))


def test_an_encoder_of_another_family(workflow: Callable, only: Callable, message: Callable) -> None:
    graph = workflow("edit-by-text")
    only(graph, "FFCLIPLoadModels")[1]["encoder"] = "other-family.safetensors"
    text = message(graph)
    assert "12 layers (128 px)" in text
    assert "10" in text
    assert "64 px" in text


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("gone.safetensors", r"no encoder file 'gone\.safetensors'.*models.ffclip"),
        ("page.safetensors", r"page\.safetensors.*(HTML|web) page"),
        ("cut-off.safetensors", r"cut-off\.safetensors.*(no model file|incomplete|damaged)"),
    ],
)
def test_a_file_that_is_missing_or_no_model(
    workflow: Callable, only: Callable, message: Callable, file: str, expected: str
) -> None:
    graph = workflow("edit-by-text")
    only(graph, "FFCLIPLoadModels")[1]["encoder"] = file
    assert re.search(expected, message(graph), re.IGNORECASE)


def test_a_value_out_of_range_is_refused_before_it_runs(workflow: Callable, only: Callable, message: Callable) -> None:
    graph = workflow("edit-by-text")
    only(graph, "FFCLIPSemanticModulate")[1]["strength"] = 9.0
    assert "strength" in message(graph)


def _of_my_own(server: Server, graph: dict, only: Callable, picture: Image.Image, folder: Path) -> None:
    """Let a graph edit this picture, transparency and all, and show its inversion."""
    file = folder / "my.png"
    picture.save(file)
    invert_id, invert = only(graph, "FFCLIPInvertImage")
    graph["mine"] = {"class_type": "LoadImage", "inputs": {"image": server.upload(file)}}
    invert["image"], invert["mask"] = ["mine", 0], ["mine", 1]
    (before,) = [
        key
        for key, node in graph.items()
        if node["class_type"] == "FFCLIPSynthesize" and node["inputs"]["latent"][0] == invert_id
    ]
    graph["see"] = {"class_type": "PreviewImage", "inputs": {"images": [before, 0]}}


@pytest.fixture
def sample(server: Server, workflow: Callable, pictures: Callable, only: Callable, pixels: Callable) -> np.ndarray:
    graph = workflow("edit-by-text")
    sample_id, _ = only(graph, "FFCLIPSamplePicture")
    graph["see"] = {"class_type": "PreviewImage", "inputs": {"images": [sample_id, 0]}}
    return pixels(pictures(graph)["see"][0]).astype(np.uint8)


def test_a_picture_that_is_not_square_is_cropped_or_letterboxed_as_chosen(
    server: Server,
    workflow: Callable,
    pictures: Callable,
    only: Callable,
    pixels: Callable,
    sample: np.ndarray,
    tmp_path: Path,
) -> None:
    side = sample.shape[1]
    wide = np.zeros((side, 2 * side, 3), np.uint8)
    wide[:, side // 2 : side // 2 + side] = sample
    size = load_encoder(EMBEDDED / "encoder.safetensors").input_size
    boxed = to_images(prepare(wide[None].astype(np.float32) / 255, size, "letterbox"))
    as_prepared = (boxed[0] * 255).round().byte().numpy()
    graph = workflow("edit-by-text")
    _, invert = only(graph, "FFCLIPInvertImage")

    def inversion(picture: np.ndarray, fit: str) -> np.ndarray:
        _of_my_own(server, graph, only, Image.fromarray(picture), tmp_path)
        invert["fit"] = fit
        return pixels(pictures(graph)["see"][0])

    assert (inversion(wide, "crop") == inversion(sample, "crop")).all()
    found = inversion(wide, "letterbox")
    # Pixels are rounded to bytes on the way, which the encoder makes a little more of.
    assert np.linalg.norm(found - inversion(as_prepared, "crop")) <= 0.02 * np.linalg.norm(found)
    assert np.linalg.norm(found - inversion(wide, "crop")) > 0.1 * np.linalg.norm(found)


@pytest.mark.parametrize("alpha_is", ["mask", "channel"])
def test_transparency_is_laid_on_white(
    server: Server,
    workflow: Callable,
    pictures: Callable,
    only: Callable,
    pixels: Callable,
    sample: np.ndarray,
    tmp_path: Path,
    alpha_is: str,
) -> None:
    alpha = np.full(sample.shape[:2], 255, np.uint8)
    alpha[:, : sample.shape[1] // 2] = 0
    seen_through = Image.fromarray(np.dstack([sample, alpha]))
    white = sample.copy()
    white[alpha == 0] = 255
    found = []
    for picture in (seen_through, Image.fromarray(white)):
        graph = workflow("edit-by-text")
        _of_my_own(server, graph, only, picture, tmp_path)
        if alpha_is == "channel":
            both = {"image": ["mine", 0], "alpha": ["mine", 1]}
            graph["alpha"] = {"class_type": "JoinImageWithAlpha", "inputs": both}
            _, invert = only(graph, "FFCLIPInvertImage")
            del invert["mask"]
            invert["image"] = ["alpha", 0]
        found.append(pixels(pictures(graph)["see"][0]))
    assert (found[0] == found[1]).all()
