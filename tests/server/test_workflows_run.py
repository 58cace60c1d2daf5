"""Every shipped workflow through a real server, and what must hold for its pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ffclip.ffclip_core import EMBEDDED
from ffclip.ffclip_core.dev import WORKFLOWS
from ffclip.ffclip_core.dev.comfyui import Server
from PIL import Image

# Those for published files and for videos have tests of their own.
OTHERS = ("edit-a-face", "edit-a-photo", "edit-a-video")
NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json") if path.stem not in OTHERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_workflow_finishes_and_gives_pictures(
    workflow: Callable, pictures: Callable, pixels: Callable, only: Callable, name: str
) -> None:
    graph = workflow(name)
    for node in graph.values():
        if node["class_type"] == "FFCLIPTrainModulator":
            node["inputs"]["steps"] = 2
            _, encode = only(graph, "FFCLIPEncodePrompt")
            encode["text"] = "Bald"
    files = pictures(graph)
    shown = ("SaveImage", "PreviewImage", "FFCLIPEditPicture", "FFCLIPSaveTrainingPair")
    outputs = {key for key, node in graph.items() if node["class_type"] in shown}
    assert files.keys() == outputs
    for node, its_files in files.items():
        assert its_files, node
        for file in its_files:
            assert np.ptp(pixels(file)) > 8, f"node {node} gave a blank picture"
            if graph[node]["class_type"] == "SaveImage":
                assert min(pixels(file).shape[:2]) >= 512


# Core nodes of every kind of image work, each fed with the edit ("image") or what an earlier one made of it.
IMAGE_WORK: dict[str, tuple[str, dict[str, Any]]] = {
    "scaled": ("ImageScale", {"image": "image", "upscale_method": "lanczos", "width": 96, "height": 128,
                              "crop": "center"}),
    "by factor": ("ImageScaleBy", {"image": "image", "upscale_method": "bicubic", "scale_by": 2.0}),
    "pixels": ("ImageScaleToTotalPixels", {"image": "image", "upscale_method": "area", "megapixels": 0.02}),
    "cropped": ("ImageCrop", {"image": "image", "width": 32, "height": 48, "x": 16, "y": 8}),
    "boxed": ("ResizeAndPadImage", {"image": "image", "target_width": 96, "target_height": 64, "padding_color": "black",
                                    "interpolation": "bilinear"}),
    "padded": ("ImagePadForOutpaint", {"image": "image", "left": 8, "top": 0, "right": 8, "bottom": 16,
                                      "feathering": 4}),
    "blurred": ("ImageBlur", {"image": "image", "blur_radius": 3, "sigma": 1.5}),
    "sharpened": ("ImageSharpen", {"image": "image", "sharpen_radius": 1, "sigma": 1.0, "alpha": 1.0}),
    "noisy": ("ImageAddNoise", {"image": "image", "seed": 1, "strength": 0.2}),
    "blended": ("ImageBlend", {"image1": "image", "image2": "blurred", "blend_factor": 0.5, "blend_mode": "screen"}),
    "mask": ("ImageToMask", {"image": "image", "channel": "green"}),
    "grown": ("GrowMask", {"mask": "mask", "expand": 2, "tapered_corners": True}),
    "composite": ("ImageCompositeMasked", {"destination": "image", "source": "sharpened", "x": 4, "y": 4,
                                           "resize_source": False, "mask": "grown"}),
    "transparent": ("JoinImageWithAlpha", {"image": "image", "alpha": "mask"}),
    "opened": ("Morphology", {"image": "image", "operation": "open", "kernel_size": 3}),
    "edges": ("Canny", {"image": "image", "low_threshold": 0.1, "high_threshold": 0.3}),
    "luma": ("ImageRGBToYUV", {"image": "image"}),
    "quantized": ("ImageQuantize", {"image": "image", "colors": 8, "dither": "floyd-steinberg"}),
    "inverted": ("ImageInvert", {"image": "image"}),
    "turned": ("ImageRotate", {"image": "image", "rotation": "90 degrees"}),
    "flipped": ("ImageFlip", {"image": "image", "flip_method": "y-axis: horizontally"}),
    "batch": ("ImageBatch", {"image1": "image", "image2": "flipped"}),
    "repeated": ("RepeatImageBatch", {"image": "image", "amount": 2}),
    "taken": ("ImageFromBatch", {"image": "batch", "batch_index": 1, "length": 1}),
    "stitched": ("ImageStitch", {"image1": "image", "image2": "cropped", "direction": "right", "match_image_size": True,
                                 "spacing_width": 2, "spacing_color": "white"}),
}  # fmt: skip


def test_core_nodes_of_each_kind_of_image_work_go_on_with_an_edit(
    workflow: Callable, pictures: Callable, only: Callable, pixels: Callable
) -> None:
    graph = {key: node for key, node in workflow("many-prompts").items() if node["class_type"].startswith("FFCLIP")}
    only(graph, "FFCLIPEncodePrompt")[1]["text"] = "Purple hair"
    drawn, _ = only(graph, "FFCLIPSynthesize")
    _, invert = only(graph, "FFCLIPInvertImage")
    for name, (kind, inputs) in IMAGE_WORK.items():
        linked = {
            key: [drawn, 0] if value == "image" else [value, 0] if value in IMAGE_WORK else value
            for key, value in inputs.items()
        }
        graph[name] = {"class_type": kind, "inputs": linked}
        if name not in ("mask", "grown"):
            graph[f"see {name}"] = {"class_type": "PreviewImage", "inputs": {"images": [name, 0]}}
            # What comes out can go in again.
            inverted = {**invert, "image": [name, 0]}
            graph[f"code of {name}"] = {"class_type": "FFCLIPInvertImage", "inputs": inverted}
            synthesis = {**graph[drawn]["inputs"], "latent": [f"code of {name}", 0]}
            graph[f"again {name}"] = {"class_type": "FFCLIPSynthesize", "inputs": synthesis}
            graph[f"see again {name}"] = {"class_type": "PreviewImage", "inputs": {"images": [f"again {name}", 0]}}
    seen = pictures(graph)
    assert len(seen) == 2 * (len(IMAGE_WORK) - 2)
    for name, files in seen.items():
        assert files
        for file in files:
            assert np.ptp(pixels(file)) > 8, f"{name}: a blank picture"


def test_a_prompt_per_line_gives_a_picture_per_line(workflow: Callable, pictures: Callable, only: Callable) -> None:
    graph = workflow("many-prompts")
    _, encode = only(graph, "FFCLIPEncodePrompt")
    synthesize, _ = only(graph, "FFCLIPSynthesize")
    graph = {**graph, "see": {"class_type": "PreviewImage", "inputs": {"images": [synthesize, 0]}}}
    files = pictures(graph)["see"]
    assert len(files) == len(encode["text"].splitlines())
    assert len(set(files)) == len(files)


def test_the_same_graph_twice_gives_the_same_bytes(server: Server, workflow: Callable) -> None:
    graph = workflow("edit-by-text")
    for node in graph.values():
        if node["class_type"] == "FFCLIPSynthesize":
            node["inputs"].update(noise="random", seed=7)

    def once() -> list[bytes]:
        # Forget all results and models, so that everything is computed again.
        server.post("/free", {"unload_models": True, "free_memory": True})
        time.sleep(1)
        cached: list[str] = []

        def watch(kind: str, data: dict[str, Any]) -> None:
            if kind == "execution_cached":
                cached.extend(data["nodes"])

        outputs = server.run(graph, watch)["outputs"]
        assert not cached
        drawn = [output["images"] for _, output in sorted(outputs.items()) if "images" in output]
        return [server.image(image) for images in drawn for image in images]

    first, second = once(), once()
    assert len(first) == 4
    assert first == second


def test_strength_0_is_the_inversion_bit_for_bit(
    workflow: Callable, pictures: Callable, only: Callable, pixels: Callable
) -> None:
    graph = workflow("edit-by-text")
    invert, _ = only(graph, "FFCLIPInvertImage")
    _, modulate = only(graph, "FFCLIPSemanticModulate")
    for node_id, node in list(graph.items()):
        if node["class_type"] == "FFCLIPSynthesize":
            name = "before" if node["inputs"]["latent"][0] == invert else "after"
            graph[name] = {"class_type": "PreviewImage", "inputs": {"images": [node_id, 0]}}
    shown = {}
    for strength in (0.0, 1.0):
        modulate["strength"] = strength
        shown[strength] = {
            name: pixels(file) for name, (file, *_) in pictures(graph).items() if name in ("before", "after")
        }
    assert (shown[0.0]["before"] == shown[0.0]["after"]).all()
    assert (shown[1.0]["before"] != shown[1.0]["after"]).any()


@pytest.mark.parametrize(("output_size", "side"), [("full", 1), ("half", 2), ("quarter", 4)])
def test_a_preview_is_smaller(
    workflow: Callable, pictures: Callable, only: Callable, pixels: Callable, output_size: str, side: int
) -> None:
    graph = workflow("many-prompts")
    _, encode = only(graph, "FFCLIPEncodePrompt")
    encode["text"] = "Purple hair"
    synthesize_id, synthesize = only(graph, "FFCLIPSynthesize")
    graph["see"] = {"class_type": "PreviewImage", "inputs": {"images": [synthesize_id, 0]}}
    full = pixels(pictures(graph)["see"][0]).shape[0]
    synthesize["output_size"] = output_size
    assert pixels(pictures(graph)["see"][0]).shape == (full // side, full // side, 3)


def test_a_moved_slider_computes_only_what_follows_it(server: Server, workflow: Callable, only: Callable) -> None:
    """ComfyUI's own messages name what it took from its cache, and what it ran."""
    graph = workflow("edit-by-text")
    server.run(graph)

    def classes(kind: str, **changed: float | str) -> list[str]:
        """The classes of nodes in messages of this kind, after a change of the edit's strength or previews' size."""
        found: list[str] = []

        def watch(its_kind: str, data: dict[str, Any]) -> None:
            if its_kind == kind:
                names = data["nodes"] if kind == "execution_cached" else [data["node"]]
                found.extend(graph[name]["class_type"] for name in names if name in graph)

        for node in graph.values():
            node["inputs"].update({key: value for key, value in changed.items() if key in node["inputs"]})
        server.run(graph, watch)
        return sorted(found)

    ran = classes("executing", strength=0.65)
    assert [name for name in ran if name.startswith("FFCLIP")] == ["FFCLIPSemanticModulate", "FFCLIPSynthesize"]
    before = {"FFCLIPLoadModels", "FFCLIPSamplePicture", "FFCLIPInvertImage", "FFCLIPEncodePrompt"}
    assert before < set(classes("execution_cached", strength=0.7))
    assert "FFCLIPSemanticModulate" in classes("execution_cached", output_size="half")


def test_a_video_is_loaded_edited_and_saved(server: Server, workflow: Callable, base: Path) -> None:
    av = pytest.importorskip("av")
    with Image.open(EMBEDDED / "samples" / "mia.png") as file:
        avatar = np.asarray(file.convert("RGB").resize((96, 96)))
    with av.open(str(base / "input" / "video.mp4"), mode="w") as output:
        stream = output.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        for i in range(6):
            picture = np.full((128, 160, 3), 200, np.uint8)
            picture[16:112, 8 + 4 * i : 104 + 4 * i] = avatar
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    progress: list[tuple[int, int]] = []

    def watch(kind: str, data: dict[str, Any]) -> None:
        if kind == "progress":
            progress.append((data["value"], data["max"]))

    outputs = server.run(workflow("edit-a-video"), watch)["outputs"]
    (said,) = [output["ffclip"] for output in outputs.values() if "ffclip" in output]
    assert said[0].startswith("6 of 6 frames edited")
    ((saved,),) = [output["images"] for output in outputs.values() if "images" in output]
    with av.open(str(base / "output" / saved["subfolder"] / saved["filename"])) as container:
        assert container.streams.video[0].average_rate == 12
        assert len(list(container.decode(video=0))) == 6
    assert progress and progress[-1][0] == progress[-1][1] == 12
