"""Every step from a picture to its edit, side by side:

python -m ffclip.ffclip_core.training.plot_steps PNG [--picture FILE] [--prompt "purple hair"]

The picture with its face's square, the crop, the inversion, the edit, where it changed, and the picture again. Without
a file it is an avatar before a sky, drawn larger and tilted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps
from torch import Tensor

from .. import align
from ..editor import Editor
from ..faces.in_place import faces_in
from ..faces.pasting import paste
from .avatars.avatar import sample
from .avatars.whole import draw_whole

SIDE, GAP = 256, 8
SEED = 10_000_009


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("png", type=Path, help="where the steps are drawn")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--prompt", default="purple hair")
    options = parser.parse_args()
    shown = steps(_read(options.picture) if options.picture else drawn(), options.prompt)
    sheet = Image.new("RGB", (len(shown) * (SIDE + GAP) - GAP, SIDE), "white")
    for i, picture in enumerate(shown):
        sheet.paste(ImageOps.pad(picture, (SIDE, SIDE), Image.Resampling.LANCZOS, "white"), (i * (SIDE + GAP), 0))
    sheet.save(options.png)


def steps(picture: Tensor, prompt: str) -> list[Image.Image]:
    """Of a picture [1, H, W, 3] in [0, 1] with a face: what each step gives."""
    editor = Editor.from_folder()
    (faces,) = faces_in(editor.aligner, picture)
    if not faces:
        raise SystemExit("No face was found in the picture: give another.")
    crop, placement = align(picture, faces[0], editor.encoder.input_size[0])
    w = editor.invert(crop)
    inversion, edited = editor.synthesize(w), editor.edit(w, [prompt])
    done, mask = paste(picture, inversion, edited, placement)
    whole = _image(picture[0])
    corners = [tuple(corner) for corner in placement.corners().tolist()]
    ImageDraw.Draw(whole).polygon(corners, outline="white", width=max(2, max(whole.size) // 150))
    return [whole, *(_image(each[0]) for each in (crop, inversion, edited, mask, done))]


def drawn() -> Tensor:
    """An avatar of 760 px, tilted by 12°, in a picture of 1000 × 800."""
    avatar = Image.fromarray(draw_whole(sample(SEED), 760)).rotate(12, Image.Resampling.BICUBIC)
    sky = np.array([150, 190, 235]) + np.linspace(0, 20, 800)[:, None, None]
    picture = Image.fromarray(np.broadcast_to(sky, (800, 1000, 3)).astype(np.uint8)).convert("RGBA")
    picture.alpha_composite(avatar, (130, 60))
    return _tensor(picture)


def _read(path: Path) -> Tensor:
    with Image.open(path) as picture:
        return _tensor(ImageOps.exif_transpose(picture))


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"))).float()[None] / 255


def _image(picture: Tensor) -> Image.Image:
    """[H, W, 3] or a mask [H, W]."""
    return Image.fromarray((picture.clamp(0, 1) * 255).round().byte().numpy())


if __name__ == "__main__":
    main()
