"""The arithmetic of edits: which codes meet which prompts, layer gates, strength, and which parts fit together."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .errors import FamilyError, InputError

COARSE_LAYERS, MEDIUM_LAYERS = 4, 4
"""W+ layers 0 to 3 (4 to 8 px) are coarse, 4 to 7 (16 to 32 px) medium, all others fine (as in StyleCLIP)."""

BATCHINGS = ("pair", "grid")


def layer_gates(num_layers: int, coarse: float = 1.0, medium: float = 1.0, fine: float = 1.0) -> Tensor:
    """The share of an edit that reaches each layer, float32 [L]."""
    gates = torch.full((num_layers,), float(fine))
    gates[: COARSE_LAYERS + MEDIUM_LAYERS] = medium
    gates[:COARSE_LAYERS] = coarse
    return gates


def combine(w: Tensor, e: Tensor, batching: str = "pair") -> tuple[Tensor, Tensor, list[int]]:
    """Bring codes w [N, L, D] and embeddings e [P, D] to one length.

    "pair" puts the first code with the first embedding and so on, and a single one of either with all; "grid" gives
    every code with every embedding, first all embeddings of the first code. Returns both and, for every row, the index
    of its embedding. Raises InputError where a pair has no partner.
    """
    codes, prompts = len(w), len(e)
    if batching not in BATCHINGS:
        raise InputError(f"Batching is {' or '.join(BATCHINGS)}, not '{batching}'.")
    if batching == "grid":
        rows, columns = range(codes), range(prompts)
        code_index = [row for row in rows for _ in columns]
        prompt_index = [column for _ in rows for column in columns]
    elif codes == prompts or 1 in (codes, prompts):
        count = max(codes, prompts) if min(codes, prompts) else 0
        code_index = list(range(count)) if codes == count else [0] * count
        prompt_index = list(range(count)) if prompts == count else [0] * count
    else:
        raise InputError(
            f"{codes} pictures and {prompts} prompts do not pair up: give as many prompts as pictures, one of either, "
            "or set batching to grid, which gives every picture with every prompt."
        )
    return w[code_index], e[prompt_index], prompt_index


def apply_edit(w: Tensor, delta: Tensor, strength: float = 1.0, gates: Tensor | None = None) -> Tensor:
    """w + strength·gates·Δw, all [N, L, D] (gates [L], default all 1). Strength 0 gives w itself, bit for bit.

    Raises InputError for gates of another length and for a strength that is no number.
    """
    if not math.isfinite(strength):
        raise InputError(f"The strength is a number such as 1.0, not {strength}.")
    if gates is not None and gates.shape != w.shape[1:2]:
        raise InputError(
            f"Gates have one value for each of the {w.shape[1]} layers, not the shape {list(gates.shape)}."
        )
    if strength == 0:
        return w
    factor = strength if gates is None else strength * gates.to(delta)[None, :, None]
    return w + factor * delta


def check_family(
    *, encoder: Any = None, generator: Any = None, modulator: Any = None, text_encoder: Any = None
) -> None:
    """Raise FamilyError unless the given parts work together.

    Read are the layers and widths of encoder, generator and modulator, the modulator's text width, the text encoder's
    embed_dim, and the families' names where a part has one. A part may be stood for by what it made.
    """
    parts = {"encoder": encoder, "generator": generator, "modulator": modulator}
    coded = [(name, part) for name, part in parts.items() if part is not None]
    for (first_name, first), (name, part) in zip(coded, coded[1:], strict=False):
        if (first.num_layers, first.latent_dim) != (part.num_layers, part.latent_dim):
            raise FamilyError(
                f"This {first_name} {_verb(first_name)} {_shape(first)}; the {name} {_verb(name)} {_shape(part)}: "
                "load the matching pair."
            )
    if modulator is not None and text_encoder is not None and modulator.text_dim != text_encoder.embed_dim:
        raise FamilyError(
            f"This text encoder gives embeddings of {text_encoder.embed_dim} values; the modulator takes "
            f"{modulator.text_dim}: load the matching pair."
        )
    everyone = [*coded, ("text encoder", text_encoder)]
    named = [(name, part.family) for name, part in everyone if part is not None and part.family]
    for name, family in named[1:]:
        if family != named[0][1]:
            raise FamilyError(
                f"This {named[0][0]} is of the family '{named[0][1]}'; the {name} is of the family '{family}': "
                "load the parts of one family."
            )


def _verb(name: str) -> str:
    return "gives" if name == "encoder" else "takes"


def _shape(part: Any) -> str:
    size = 2 ** (part.num_layers // 2 + 1)
    return f"{part.num_layers} layers ({size} px) of width {part.latent_dim}"
