"""One edit from end to end by a shipped workflow in a real ComfyUI: of a sample a before/after picture, of the user's
own picture the same picture, edited, at its own size."""

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
        _read(options.image)  # Before ComfyUI is started for nothing.
    if options.output.suffix.lower() not in Image.registered_extensions():
        raise RunError(f"{options.output} has no ending of a picture: give --output such as edited.png.")
    with TemporaryDirectory(prefix="ffclip-", ignore_cleanup_errors=True) as base:
        with Server(comfyui, Path(base)) as server:
            edit(options, server)
    return 0


def edit(options: argparse.Namespace, client: Client) -> None:
    """Leave the picture at options.output, or where that exists, beside it, and say where."""
    result = free_name(options.output)
    picture = _of_sample(options, client) if options.image is None else _of_own(options, client)
    try:
        picture.save(result)
    except (OSError, ValueError) as error:
        raise RunError(f"The picture {result} could not be written: {error}") from error
    if result != options.output.absolute():
        print(f"{options.output} exists and stays as it is.")
    print(result)


def _of_own(options: argparse.Namespace, client: Client) -> Image.Image:
    """The user's picture after the workflow edit-my-avatar, its alpha as it was."""
    own = _read(options.image)
    info = client.get_json("/object_info")
    graph = to_api(json.loads((WORKFLOWS / "edit-my-avatar.json").read_text(encoding="utf-8")), info)
    edit_id, inputs = _only(graph, "FFCLIPEditPicture")
    if options.prompt is not None:
        inputs["text"] = options.prompt
    if options.strength is not None:
        inputs["strength"] = options.strength
    with TemporaryDirectory(prefix="ffclip-") as folder:
        flat = Image.new("RGBA", own.size, "white")
        flat.alpha_composite(own.convert("RGBA"))
        flat.convert("RGB").save(Path(folder) / "own.png", compress_level=1)
        name = client.upload(Path(folder) / "own.png")
    inputs["image"] = ["own", 0]
    graph = {
        "own": {"class_type": "LoadImage", "inputs": {"image": name}},
        edit_id: graph[edit_id],
        "edited": {"class_type": "PreviewImage", "inputs": {"images": [edit_id, 0]}},
    }
    outputs = client.run(graph, progress=Progress(graph, info))["outputs"]
    with Image.open(io.BytesIO(client.image(outputs["edited"]["images"][0]))) as opened:
        edited = opened.convert("RGB")
    if own.has_transparency_data and options.output.suffix.lower() not in (".jpg", ".jpeg"):
        edited.putalpha(own.convert("RGBA").getchannel("A"))
    return edited


def _read(path: Path) -> Image.Image:
    """A picture as it is meant to be seen: turned as its camera says."""
    try:
        with Image.open(path) as picture:
            picture = ImageOps.exif_transpose(picture)
            if picture.mode.startswith(("I", "F")):  # 16 bits a pixel, or floats up to 1.
                picture = picture.convert("F").point(lambda value: value * (255 if picture.mode == "F" else 1 / 257))
                picture = picture.convert("L")
            return picture.copy()
    except Exception as error:  # Readers of the many formats raise whatever they like.
        raise RunError(f"{path} is no picture that can be read: give --image a PNG, JPEG or WebP file.") from error


def _of_sample(options: argparse.Namespace, client: Client) -> Image.Image:
    """The workflow edit-by-text: the sample, its inversion and the edit beside each other."""
    info = client.get_json("/object_info")
    graph = to_api(json.loads((WORKFLOWS / "edit-by-text.json").read_text(encoding="utf-8")), info)
    prompt, strength = _change(graph, options)
    outputs = client.run(graph, progress=Progress(graph, info))["outputs"]
    panels = [client.image(outputs[name]["images"][0]) for name in ("picture", "before", "after")]
    titles = ["picture", "before: the inversion", f"after: {prompt}"]
    if strength != 1:
        titles[2] += f" (strength {strength:g})"
    return comparison(titles, panels)


def _only(graph: dict[str, Any], class_type: str) -> tuple[str, dict[str, Any]]:
    """The one node of a kind: its id and inputs."""
    ((node_id, node),) = [(key, node) for key, node in graph.items() if node["class_type"] == class_type]
    return node_id, node["inputs"]


def _change(graph: dict[str, Any], options: argparse.Namespace) -> tuple[str, float]:
    """Put the user's prompt and strength into the graph, and show what the comparison is drawn from."""
    _, encode = _only(graph, "FFCLIPEncodePrompt")
    modulate_id, modulate = _only(graph, "FFCLIPSemanticModulate")
    invert_id, invert = _only(graph, "FFCLIPInvertImage")
    if options.prompt is not None:
        encode["text"] = " ".join(options.prompt.split())
    if options.strength is not None:
        modulate["strength"] = options.strength
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
