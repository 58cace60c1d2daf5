"""Editor: picture and prompt in, picture out. The façade over the four parts of a model family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from .checkpoints import load_aligner, load_parts
from .editing import Numbers, Strength, apply_edit, check_family, pairs, strengths
from .errors import CheckpointError, InputError
from .execution.plan import GROUP
from .faces import in_place
from .faces.in_place import Prompts
from .families import EMBEDDED, MANIFEST, PARTS, BrokenFamilyError, Family, family_named, read_family
from .known_words import Known, read_known
from .networks.aligner import Aligner
from .networks.encoder import Encoder
from .networks.generator import Generator
from .networks.modulation import Modulator
from .ordinary import ordinary_tensors
from .pictures import check_pictures, prepare, to_images

if TYPE_CHECKING:
    from .networks.text_encoder import TextEncoder


class Editor:
    """Invert once, edit many times:

        editor = Editor.from_folder()
        w = editor.invert(images)
        edited = editor.edit(w, ["purple hair"])

    Works on the device that the parts are on. Raises FamilyError if they do not fit together.

    aligner: what finds faces in pictures, and the frame that the encoder wants of each: the family's own network,
    "faces" for photographs of people, or None, where whole pictures are taken.
    """

    def __init__(
        self,
        generator: Generator,
        encoder: Encoder,
        modulator: Modulator,
        text_encoder: TextEncoder,
        aligner: Aligner | Literal["faces"] | None = None,
    ) -> None:
        own = aligner if isinstance(aligner, Aligner) else None
        check_family(encoder=encoder, generator=generator, modulator=modulator, text_encoder=text_encoder, aligner=own)
        self.generator, self.encoder, self.modulator, self.text_encoder = generator, encoder, modulator, text_encoder
        self.aligner: Aligner | Literal["faces"] | None = aligner

    @classmethod
    def from_folder(cls, folder: str | Path = EMBEDDED) -> Editor:
        """Load the parts that the folder's family.json names; without one, generator, encoder, modulator and
        text_encoder.safetensors, and no aligner. Raises CheckpointError, FamilyError."""
        folder = Path(folder)
        if (folder / MANIFEST).exists():
            try:
                return cls._of(read_family(folder))
            except BrokenFamilyError as error:
                raise CheckpointError(error) from error
        return cls(**load_parts({part: folder / f"{part}.safetensors" for part in PARTS}))

    @classmethod
    def of_family(cls, name: str) -> Editor:
        """Load a family that comes with the pack, by its name, such as "avatars" (installed_families() gives all).

        Raises InputError for a name that none has, CheckpointError, FamilyError."""
        return cls._of(family_named(name))

    @classmethod
    def _of(cls, family: Family) -> Editor:
        aligner = load_aligner(family.aligner) if isinstance(family.aligner, Path) else family.aligner
        editor = cls(**load_parts(family.parts), aligner=aligner)
        editor.text_encoder.known = None if family.known is None else read_known(family.known)
        return editor

    def known(self, prompts: str | Sequence[str]) -> list[Known] | None:
        """Whether each prompt is near what the text encoder was trained on; None where the family does not say what
        that was, as published ones don't. Raises InputError for what is no text."""
        words = self.text_encoder.known
        return None if words is None else words.look_up(self.text_encoder, prompts)

    def invert(self, images: Tensor | np.ndarray, fit: str = "crop") -> Tensor:
        """Pictures [B, H, W, C] in [0, 1] → codes w [B, L, D]. fit and errors: see ffclip_core.pictures.prepare."""
        images = check_pictures(images)
        codes = []
        with ordinary_tensors():
            for piece in images.split(GROUP):
                x = prepare(piece, self.encoder.input_size, fit)
                codes.append(self.encoder(x.to(self.encoder.latent_avg)))
            return torch.cat(codes)

    def edit(
        self,
        w: Tensor,
        prompts: str | Sequence[str],
        strength: Strength = 1.0,
        gates: Numbers | None = None,
        batching: str = "pair",
        noise: str = "const",
        seed: int = 0,
    ) -> Tensor:
        """Codes and prompts → edited pictures [B, H, W, 3] in [0, 1].

        strength 0 is the inversion, 1 the method: a number, or (a tensor, an array, a list) one for each code, which
        goes with all prompts of that code in a grid, or one for each result. gates (ffclip_core.editing.layer_gates)
        choose layers; batching is "pair" or "grid" (ffclip_core.editing.pairs). Raises InputError for what does not go
        together.
        """
        count, pieces = self._edits(w, prompts, strength, gates, batching, noise, seed)
        first = next(pieces)
        with ordinary_tensors():
            pictures = first.new_empty(count, *first.shape[1:])
            done = 0
            for piece in chain([first], pieces):  # Each where it belongs at once: nothing is held twice.
                pictures[done : done + len(piece)] = piece
                done += len(piece)
        return pictures

    def stream(
        self,
        w: Tensor,
        prompts: str | Sequence[str],
        strength: Strength = 1.0,
        gates: Numbers | None = None,
        batching: str = "pair",
        noise: str = "const",
        seed: int = 0,
    ) -> Iterator[Tensor]:
        """What edit() gives, a few pictures [B, H, W, 3] at a time, each as soon as it is drawn: for many prompts or
        frames, whose pictures need not be held together. Raises as edit() does, when the first are asked for."""
        yield from self._edits(w, prompts, strength, gates, batching, noise, seed)[1]

    def synthesize(self, w: Tensor, noise: str = "const", seed: int = 0) -> Tensor:
        """Codes [B, L, D] → pictures [B, H, W, 3] in [0, 1], without an edit. Raises InputError for other codes."""
        with ordinary_tensors():
            return to_images(self.generator(w, noise=noise, seed=seed), self.encoder.input_size)

    def edit_in_place(
        self,
        images: Tensor | np.ndarray,
        prompts: Prompts,
        strength: Strength = 1.0,
        faces: str | int = "largest",
        mode: str = "auto",
        mask: Tensor | np.ndarray | None = None,
    ) -> Tensor:
        """Pictures of any size [B, H, W, C] in [0, 1] → the same pictures with their faces edited, [B, H, W, 3] (4 with
        alpha, which stays), and nothing else changed: find, align, invert, edit, put back.

        prompts: one text, or one per picture; in a picture's place a list of texts, one per chosen face from left to
        right (of a single picture also as a plain list). strength: a number, or one per picture. faces: the "largest"
        of each picture, "all", or a number from the left, the first 0. mode: see ffclip_core.faces.pasting.paste_back.
        mask, 1 where the edit may show, limits it. Pictures of a batch without such a face stay as they are; where none
        has one, InputError says so, as it does for what does not go together. A family without an aligner takes whole
        pictures as its crops.
        """
        in_place.check_prompts(prompts)  # Before all that takes longer.
        prepared = in_place.prepare(self, images, faces)
        if not prepared.places:
            raise InputError(
                "No face was found in the pictures: faces have to be some 16 px wide at least and seen from the front; "
                "give another picture, or align the face by four points (ffclip_core.align)."
            )
        return in_place.edit(self, prepared, prompts, strength, mode, mask).images

    def _edits(
        self,
        w: Tensor,
        prompts: str | Sequence[str],
        strength: Strength,
        gates: Numbers | None,
        batching: str,
        noise: str,
        seed: int,
    ) -> tuple[int, Iterator[Tensor]]:
        """How many pictures edit() gives, and these, a few at a time."""
        with ordinary_tensors():
            e = self.text_encoder.encode(prompts).to(w.device)
        codes, texts = pairs(len(w), len(e), batching)
        if not codes:
            raise InputError("There are 0 codes: invert at least one picture.")
        amount = strengths(strength, len(codes), len(w))

        def draw() -> Iterator[Tensor]:
            for start in range(0, len(codes), GROUP):
                piece = slice(start, start + GROUP)
                with ordinary_tensors():
                    of_piece = amount[piece] if isinstance(amount, Tensor) else amount
                    code = w[codes[piece]]
                    edited = apply_edit(code, self.modulator(code, e[texts[piece]]), of_piece, gates)
                    pictures = self.synthesize(edited, noise, seed + start)
                yield pictures

        return len(codes), draw()
