"""Pictures as people have them, edited in place: each face found, aligned, inverted, edited, and what the edit changed
put back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from ..editing import Strength, apply_edit, strengths
from ..errors import InputError
from ..execution.plan import GROUP
from ..networks.aligner import Aligner
from ..networks.encoder import Encoder
from ..networks.generator import Generator
from ..networks.modulation import Modulator
from ..ordinary import ordinary_tensors
from ..pictures import check_pictures, to_images
from .alignment import Placement, align, seen
from .detection import find_faces
from .drawn import find_drawn_faces
from .face import Face
from .fit import Fit, fit
from .pasting import MODES, changed, limits_of, paste_into, reaches

if TYPE_CHECKING:
    from ..networks.text_encoder import TextEncoder

Prompts = str | Sequence[str | Sequence[str]]
CHOICES = ("largest", "all")


class Family(Protocol):
    """What is needed of an Editor."""

    generator: Generator
    encoder: Encoder
    modulator: Modulator
    text_encoder: TextEncoder
    aligner: Aligner | Literal["faces"] | None

    def invert(self, images: Tensor | np.ndarray, fit: str = "crop") -> Tensor: ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """One face that is edited: in which picture, as the how manieth from the left, where, and its crop [1, s, s, 3]."""

    picture: int
    number: int
    placement: Placement
    crop: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What does not depend on the edit: the pictures [B, H, W, C], the faces found in each, those chosen, and of these
    the codes [N, L, D] and how the generator draws them, [N, h, h, 3]."""

    images: Tensor
    faces: Sequence[Sequence[Face]]
    places: Sequence[Place]
    codes: Tensor
    inversions: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Edited:
    """The pictures [B, H, W, 3] (4 with alpha), the masks [B, H, W] that were used, for each place the crop after the
    edit [N, h, h, 3], the sides of the crop ("below", …) beyond which the edit would have gone on, and how well the
    inversion fits the picture where the edit changes it (None where it changes nothing)."""

    images: Tensor
    masks: Tensor
    crops: Tensor
    beyond: Sequence[tuple[str, ...]]
    fits: Sequence[Fit | None]


def faces_in(aligner: Aligner | Literal["faces"] | None, images: Tensor | np.ndarray) -> list[list[Face]]:
    """The faces in pictures [B, H, W, C], from left to right, by a family's aligner; of a family without one each
    picture is a face whose frame holds all of it."""
    if isinstance(aligner, Aligner):
        return find_drawn_faces(images, aligner)
    return whole_pictures(images) if aligner is None else find_faces(images)


def prepare(
    editor: Family,
    images: Tensor | np.ndarray,
    faces: str | int = "largest",
    found: Sequence[Sequence[Face]] | None = None,
) -> Prepared:
    """Find (or take from found), choose, align and invert. Raises InputError for a choice that is none."""
    check_choice(faces)
    images = check_pictures(images).detach()
    found = faces_in(editor.aligner, images) if found is None else found
    if len(found) != len(images):
        raise InputError(f"Faces of {len(found)} pictures are given for {len(images)} pictures: give a list for each.")
    size = max(editor.encoder.input_size)
    places = []
    for i, of_picture in enumerate(found):
        for number in choose(of_picture, faces):
            crop, placement = align(images[i : i + 1], of_picture[number], size)
            places.append(Place(picture=i, number=number, placement=placement, crop=crop))
    if not isinstance(faces, str) and not places and any(found):
        most = max(map(len, found))
        there = "1 face, number 0" if most == 1 else f"{most} faces, numbers 0 to {most - 1} from left to right"
        raise InputError(f"There is no face number {faces}: the pictures have at most {there}.")
    if not places:
        w = editor.encoder.latent_avg
        size = editor.generator.size
        return Prepared(
            images=images,
            faces=found,
            places=(),
            codes=w.new_empty(0, *w.shape),
            inversions=w.new_empty(0, size, size, 3),
        )
    codes = editor.invert(torch.cat([place.crop for place in places])).float()
    return Prepared(images=images, faces=found, places=places, codes=codes, inversions=draw(editor, codes))


def edit(
    editor: Family,
    prepared: Prepared,
    prompts: Prompts,
    strength: Strength = 1.0,
    mode: str = "auto",
    mask: Tensor | np.ndarray | None = None,
) -> Edited:
    """Edit what prepare() gave. Arguments and errors: see Editor.edit_in_place()."""
    images, places = prepared.images, prepared.places
    if not isinstance(mode, str) or mode not in MODES:
        raise InputError(f"A picture is put back by {', '.join(MODES)}, not {str(mode)[:80]!r}.")
    limits = [None] * len(images) if mask is None else limits_of(mask, images)
    texts = texts_of(prompts, [sum(place.picture == i for place in places) for i in range(len(images))])
    amount = strengths(strength, len(images))
    with torch.inference_mode(False):  # Whose tensors may be changed wherever the caller is.
        result = images.clone() if images.shape[3] > 1 else images.repeat(1, 1, 1, 3)
        masks = torch.zeros(images.shape[:3], dtype=torch.float32, device=images.device)
    if not places:
        return Edited(images=result, masks=masks, crops=prepared.inversions, beyond=(), fits=())
    w = prepared.codes
    with ordinary_tensors():
        known = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        e = editor.text_encoder.encode(list(known)).to(w.device)[[known[text] for text in texts]]
        of_face = amount[[p.picture for p in places]] if isinstance(amount, Tensor) else amount
        crops, beyond, fits = [], [], []
        for start in range(0, len(places), GROUP):
            piece = slice(start, start + GROUP)
            of = next(editor.modulator.parameters()).device
            delta = editor.modulator(w[piece].to(of), e[piece].to(of)).to(w.device)
            of_piece = of_face[piece] if isinstance(of_face, Tensor) else of_face
            crops.append(draw(editor, apply_edit(w[piece], delta, of_piece)))
        drawn = torch.cat(crops).to(images.device)
        before, after = (seen(x) for x in (prepared.inversions.to(images.device), drawn))
        for n, place in enumerate(places):
            i = place.picture
            row, (one, other) = slice(i, i + 1), (before[n : n + 1], after[n : n + 1])
            paste_into(result[row], masks[row], one, other, place.placement, mode, limits[i], crop=place.crop)
            beyond.append(reaches(one, other, place.placement))
            fits.append(fit(place.crop, one.permute(0, 2, 3, 1), changed(one, other)[0]))
    return Edited(images=result, masks=masks, crops=drawn, beyond=beyond, fits=fits)


def check_choice(which: object) -> None:
    """Raises InputError for what is no choice of faces."""
    number = isinstance(which, Integral) and not isinstance(which, (bool, np.bool_))
    if not number and not (isinstance(which, str) and which in CHOICES):
        raise InputError(f"Faces are 'largest', 'all' or a number from the left, the first 0, not {str(which)[:80]!r}.")


def choose(faces: Sequence[Face], which: str | int) -> list[int]:
    """The numbers of the chosen faces of a picture, none where there is no such face. Raises InputError for a choice
    that is none."""
    check_choice(which)
    if not isinstance(which, str):
        return [int(which)] if 0 <= which < len(faces) else []
    if which == "all" or not faces:
        return [*range(len(faces))]
    return [max(range(len(faces)), key=lambda i: _size(faces[i]))]


def check_prompts(prompts: object, within: bool = False) -> None:
    """Raises InputError for what is neither a text nor a list of texts, or of lists of them in a picture's place."""
    if isinstance(prompts, str):
        return
    if isinstance(prompts, np.ndarray):
        prompts = prompts.tolist()
    if not isinstance(prompts, Sequence) or isinstance(prompts, bytes):
        raise InputError(f"A prompt is text such as 'purple hair', not {str(prompts)[:80]} ({type(prompts).__name__}).")
    for each in prompts:
        if within and not isinstance(each, str):
            raise InputError(f"A prompt is text such as 'purple hair', not {str(each)[:80]} ({type(each).__name__}).")
        check_prompts(each, within=True)


def texts_of(prompts: Prompts, counts: Sequence[int]) -> list[str]:
    """The text of each face, for so many faces in each picture. Raises InputError where the numbers don't fit."""
    pictures = len(counts)
    check_prompts(prompts)
    if isinstance(prompts, str):
        return [prompts] * sum(counts)
    given: list[str | Sequence[str]] = list(prompts)
    if len(given) == 1:
        given *= pictures
    elif pictures == 1 and all(isinstance(text, str) for text in given):
        given = [[str(text) for text in given]]  # Of one picture, a text for each face.
    if len(given) != pictures:
        raise InputError(
            f"{len(given)} prompts for {pictures} pictures: give one, or one per picture; for one per face give a list "
            "of them in a picture's place."
        )
    texts: list[str] = []
    for i, (each, count) in enumerate(zip(given, counts, strict=True)):
        of_faces = [each] * count if isinstance(each, str) else list(each)
        if len(of_faces) != count:
            raise InputError(
                f"{len(of_faces)} prompts for {count} faces of picture {i}: give one prompt for all of them, or one "
                "for each from left to right."
            )
        texts += of_faces
    return texts


def draw(editor: Family, w: Tensor) -> Tensor:
    """Codes → pictures [N, h, h, 3], also of generators whose pictures are wider than high all of the square."""
    with ordinary_tensors():
        device = next(editor.generator.parameters()).device
        return torch.cat([to_images(editor.generator(piece.to(device))) for piece in w.split(GROUP)])


def _size(face: Face) -> float:
    if face.square is not None:
        return float((face.square[3] - face.square[0]).norm())
    left, top, right, bottom = face.box
    return max(right - left, bottom - top)


def whole_pictures(images: Tensor | np.ndarray) -> list[list[Face]]:
    """Each picture [H, W, C] of a batch as one face, whose frame holds all of it."""
    images = check_pictures(images)
    return [[_whole(images.shape[1], images.shape[2])] for _ in images]


def _whole(height: int, width: int) -> Face:
    side = max(height, width) / 2
    x, y = width / 2, height / 2
    corners = [[x - side, y - side], [x - side, y + side], [x + side, y + side], [x + side, y - side]]
    square = torch.tensor(corners, dtype=torch.float64, device="cpu")
    return Face(
        points=square.mean(0).expand(5, 2), box=(0.0, 0.0, float(width), float(height)), confidence=1.0, square=square
    )
