"""Editor: picture and prompt in, picture out. The façade over the four parts of a model family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .checkpoints import load_encoder, load_generator, load_modulator, load_text_encoder
from .editing import apply_edit, check_family, combine
from .encoder import Encoder
from .generator import GROUP, Generator
from .modulation import Modulator
from .pictures import prepare, to_images

if TYPE_CHECKING:
    from .text_encoder import TextEncoder

EMBEDDED = Path(__file__).parent.parent / "models" / "avatars"
"""The folder of the embedded model family."""


class Editor:
    """Invert once, edit many times:

        editor = Editor.from_folder()
        w = editor.invert(images)
        edited = editor.edit(w, ["purple hair"])

    Works on the device that the parts are on. Raises FamilyError if they do not fit together.
    """

    def __init__(self, generator: Generator, encoder: Encoder, modulator: Modulator, text_encoder: TextEncoder) -> None:
        check_family(encoder=encoder, generator=generator, modulator=modulator, text_encoder=text_encoder)
        self.generator, self.encoder, self.modulator, self.text_encoder = generator, encoder, modulator, text_encoder

    @classmethod
    def from_folder(cls, folder: str | Path = EMBEDDED) -> Editor:
        """Load generator, encoder, modulator and text_encoder.safetensors; raises CheckpointError, FamilyError."""
        folder = Path(folder)
        return cls(
            load_generator(folder / "generator.safetensors"),
            load_encoder(folder / "encoder.safetensors"),
            load_modulator(folder / "modulator.safetensors"),
            load_text_encoder(folder / "text_encoder.safetensors"),
        )

    @torch.inference_mode()
    def invert(self, images: Tensor, fit: str = "crop") -> Tensor:
        """Pictures [B, H, W, C] in [0, 1] → codes w [B, L, D]. fit and errors: see ffclip_core.pictures.prepare."""
        x = prepare(images, self.encoder.input_size, fit)
        return self.encoder(x.to(self.encoder.latent_avg))

    def edit(
        self,
        w: Tensor,
        prompts: str | Sequence[str],
        strength: float = 1.0,
        gates: Tensor | None = None,
        batching: str = "pair",
        noise: str = "const",
        seed: int = 0,
    ) -> Tensor:
        """Codes and prompts → edited pictures [B, H, W, 3] in [0, 1].

        strength 0 is the inversion, 1 the method; gates (ffclip_core.editing.layer_gates) choose layers; batching is
        "pair" or "grid" (ffclip_core.editing.combine). Raises InputError for what does not go together.
        """
        return torch.cat(list(self.stream(w, prompts, strength, gates, batching, noise, seed)))

    def stream(
        self,
        w: Tensor,
        prompts: str | Sequence[str],
        strength: float = 1.0,
        gates: Tensor | None = None,
        batching: str = "pair",
        noise: str = "const",
        seed: int = 0,
    ) -> Iterator[Tensor]:
        """What edit() gives, a few pictures [B, H, W, 3] at a time, each as soon as it is drawn: for many prompts or
        frames, whose pictures need not be held together. Raises as edit() does, when the first are asked for."""
        with torch.inference_mode():
            w, e, _ = combine(w, self.text_encoder.encode(prompts).to(w.device), batching)
        for start in range(0, len(w), GROUP):
            piece = slice(start, start + GROUP)
            with torch.inference_mode():
                edited = apply_edit(w[piece], self.modulator(w[piece], e[piece]), strength, gates)
                pictures = self.synthesize(edited, noise, seed + start)
            yield pictures

    @torch.inference_mode()
    def synthesize(self, w: Tensor, noise: str = "const", seed: int = 0) -> Tensor:
        """Codes [B, L, D] → pictures [B, H, W, 3] in [0, 1], without an edit. Raises InputError for other codes."""
        return to_images(self.generator(w, noise=noise, seed=seed), self.encoder.input_size)
