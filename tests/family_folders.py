"""A family of tiny networks, as somebody would add it: a folder with a manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ffclip.ffclip_core import save_part
from ffclip.ffclip_core.networks.encoder import Encoder
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.networks.modulation import Modulator
from ffclip.ffclip_core.networks.text_encoder import TextEncoder
from PIL import Image

PARTS = ("encoder", "text_encoder", "modulator", "generator")


def manifest(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "title": f"{name} (embedded)",
        "picture": "pictures of nothing",
        "size": 16,
        "parts": {part: f"{part}.safetensors" for part in PARTS},
        "samples": ["samples/gray.png"],
        "prompts": ["darker"],
        "licence": "none",
    } | changes


def write(folder: Path, content: Any) -> Path:
    """A folder with this manifest alone."""
    folder.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "family.json").write_bytes(text)
    return folder


def make(folder: Path, name: str) -> Path:
    """A whole family; its files are not where those of others are."""
    (folder / "weights").mkdir(parents=True)
    networks = {
        "encoder": Encoder(
            num_layers=6, latent_dim=16, input_size=(64, 64), widths=(16, 24, 32, 48), blocks=(1, 1, 1, 1),
            pyramid_width=16, family=name,
        ),
        "text_encoder": TextEncoder(embed_dim=16, width=32, heads=2, layers=1, family=name),
        "modulator": Modulator(num_layers=6, latent_dim=16, num_blocks=1, family=name),
        "generator": Generator(
            size=16, channels={4: 4, 8: 4, 16: 4}, latent_dim=16, num_mapping_layers=1, family=name
        ),
    }  # fmt: skip
    for part, network in networks.items():
        save_part(folder / "weights" / f"{part}.st", network)
    (folder / "samples").mkdir()
    Image.fromarray(np.full((20, 24, 3), 128, np.uint8)).save(folder / "samples" / "gray.png")
    return write(folder, manifest(name, parts={part: f"weights/{part}.st" for part in PARTS}))
