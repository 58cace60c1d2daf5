"""How each part is trained, in the order in which they are: each stage needs what those before it gave.

A stage has NAME, GIVES (the kinds of its parts), WHAT (in words), and train(work), which leaves its parts in work.parts
and in the family's folder.
"""

from __future__ import annotations

from typing import Protocol

from ..work import Work
from . import autoencoder, drawn_encoder, drawn_generator, drawn_modulator, encoder, generator, modulator, text


class Stage(Protocol):
    @property
    def NAME(self) -> str: ...  # noqa: N802

    @property
    def GIVES(self) -> tuple[str, ...]: ...  # noqa: N802

    @property
    def WHAT(self) -> str: ...  # noqa: N802

    def train(self, work: Work) -> None: ...


_IN_ORDER: tuple[Stage, ...] = (
    text,
    autoencoder,
    generator,
    encoder,
    modulator,
    drawn_generator,
    drawn_encoder,
    drawn_modulator,
)
STAGES = {stage.NAME: stage for stage in _IN_ORDER}

__all__ = ["STAGES", "Stage"]
