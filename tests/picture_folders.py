"""Folders and zips of pictures, written for tests."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, height: int = 12, width: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


TESTS = Path(__file__).parent

FILES = {
    "a.png": png(picture(0)),
    "a.txt": b"a cat\na small cat\n",
    "b.PNG": png(picture(1)),
    "deep/er/c.png": png(picture(2)),
    "deep/er/c.TXT": b"a cat\n",
    "e\u0301.png": png(picture(3)),  # As macOS writes it.
    "\xe9.txt": "é\n".encode(),
    "p.before.png": png(picture(4)),
    "p.after.png": png(picture(5)),
    "p.txt": b"green hair\nhair of green\n",
}
"""Four pictures and a pair, at 12 px, in the order of their names: a, b, c, é; p."""


def write(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def packed(path: Path, files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
