"""One edit from end to end: the shipped workflow in a real ComfyUI, and a before/after picture of it."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from . import WORKFLOWS, RunError
from .client import Client
from .comfyui import Server
from .graphs import to_api
from .progress import Progress


def demo(options: argparse.Namespace, comfyui: Path) -> int:
    """Start ComfyUI, edit, end it; 0. Raises RunError where that is not possible."""
    if options.image is not None:
        try:
            with Image.open(options.image) as picture:
                picture.load()
        except Exception as error:  # Readers of the many formats raise whatever they like.
            raise RunError(
                f"{options.image} is no picture that can be read: give --image a PNG, JPEG or WebP file."
            ) from error
    with TemporaryDirectory(prefix="ffclip-", ignore_cleanup_errors=True) as base:
        with Server(comfyui, Path(base)) as server:
            edit(options, server)
    return 0


def edit(options: argparse.Namespace, client: Client) -> None:
    """Leave the picture at options.output, or where that exists, beside it, and say where."""
    info = client.get_json("/object_info")
    graph = to_api(json.loads((WORKFLOWS / "edit-by-text.json").read_text(encoding="utf-8")), info)
    prompt, strength = _change(graph, client, options)
    outputs = client.run(graph, progress=Progress(graph, info))["outputs"]
    panels = [client.image(outputs[name]["images"][0]) for name in ("picture", "before", "after")]
    titles = ["picture", "before: the inversion", f"after: {prompt}"]
    if strength != 1:
        titles[2] += f" (strength {strength:g})"
    result = free_name(options.output)
    try:
        comparison(titles, panels).save(result)
    except OSError as error:
        raise RunError(f"The picture {result} could not be drawn: {error}") from error
    if result != options.output.absolute():
        print(f"{options.output} exists and stays as it is.")
    print(result)


def _change(graph: dict[str, Any], client: Client, options: argparse.Namespace) -> tuple[str, float]:
    """Put the user's prompt, strength and picture into the graph, and show what the comparison is drawn from."""

    def only(class_type: str) -> tuple[str, dict[str, Any]]:
        ((node_id, node),) = [(key, node) for key, node in graph.items() if node["class_type"] == class_type]
        return node_id, node["inputs"]

    _, encode = only("FFCLIPEncodePrompt")
    modulate_id, modulate = only("FFCLIPSemanticModulate")
    invert_id, invert = only("FFCLIPInvertImage")
    if options.prompt is not None:
        encode["text"] = " ".join(options.prompt.split())
    if options.strength is not None:
        modulate["strength"] = options.strength
    if options.image is not None:
        sample_id, _ = only("FFCLIPSamplePicture")
        graph[sample_id] = {"class_type": "LoadImage", "inputs": {"image": client.upload(options.image)}}
        invert["mask"] = [sample_id, 1]
    drawn = {
        node["inputs"]["latent"][0]: node_id
        for node_id, node in graph.items()
        if node["class_type"] == "FFCLIPSynthesize"
    }
    sources = {"picture": invert["image"], "before": [drawn[invert_id], 0], "after": [drawn[modulate_id], 0]}
    for name, source in sources.items():
        graph[name] = {"class_type": "PreviewImage", "inputs": {"images": source}}
    return encode["text"], modulate["strength"]


def comparison(titles: list[str], pictures: list[bytes]) -> Image.Image:
    """Pictures, files of any format, in a row, each 256 px wide under its title."""
    side, gap, band = 256, 12, 40
    sheet = Image.new("RGB", (gap + len(pictures) * (side + gap), band + side + gap), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for column, (title, file) in enumerate(zip(titles, pictures, strict=True)):
        left = gap + column * (side + gap)
        with Image.open(io.BytesIO(file)) as opened:
            picture = ImageOps.contain(opened.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + (side - picture.width) // 2, band + (side - picture.height) // 2))
        while pen.textlength(title, font=font) > side:
            title = title[:-2].rstrip("…") + "…"
        pen.text((left + side / 2, band / 2), title, fill=(40, 40, 46), font=font, anchor="mm")
    return sheet


def free_name(wanted: Path) -> Path:
    """wanted as a whole path, or where that exists the first of wanted-2, wanted-3, … that does not."""
    wanted = wanted.absolute()
    number, path = 1, wanted
    while path.exists():
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path
