"""The arithmetic of edits: which codes meet which prompts, layer gates, strength, and which parts fit together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .errors import FamilyError, InputError
from .finite import require_finite

COARSE_LAYERS, MEDIUM_LAYERS = 4, 4
"""W+ layers 0 to 3 (4 to 8 px) are coarse, 4 to 7 (16 to 32 px) medium, all others fine (as in StyleCLIP)."""

BATCHINGS = ("pair", "grid")


Numbers: TypeAlias = "Sequence[float] | np.ndarray | Tensor"
Strength: TypeAlias = "float | Numbers"
"""A number, or one per edit."""


def layer_gates(num_layers: int, coarse: float = 1.0, medium: float = 1.0, fine: float = 1.0) -> Tensor:
    """The share of an edit that reaches each layer, float32 [L]. Raises InputError for what is no finite number."""
    for name, share in (("coarse", coarse), ("medium", medium), ("fine", fine)):
        _number(share, f"The gate of the {name} layers")
    gates = torch.full((num_layers,), float(fine), dtype=torch.float32, device="cpu")
    gates[: COARSE_LAYERS + MEDIUM_LAYERS] = float(medium)
    gates[:COARSE_LAYERS] = float(coarse)
    return gates


def pairs(codes: int, prompts: int, batching: str = "pair") -> tuple[list[int], list[int]]:
    """Which code meets which prompt: for every edit the index of its code and of its prompt.

    "pair" puts the first code with the first prompt and so on, and a single one of either with all; "grid" gives every
    code with every prompt, first all prompts of the first code. Raises InputError where a pair has no partner.
    """
    if batching not in BATCHINGS:
        raise InputError(f"Batching is {' or '.join(BATCHINGS)}, not '{batching}'.")
    if batching == "grid":
        return [i for i in range(codes) for _ in range(prompts)], [*range(prompts)] * codes
    if codes != prompts and 1 not in (codes, prompts):
        raise InputError(
            f"{codes} pictures and {prompts} prompts do not pair up: give as many prompts as pictures, one of either, "
            "or set batching to grid, which gives every picture with every prompt."
        )
    count = max(codes, prompts) if min(codes, prompts) else 0
    first, every = [0] * count, [*range(count)]
    return every if codes == count else first, every if prompts == count else first


def combine(w: Tensor, e: Tensor, batching: str = "pair") -> tuple[Tensor, Tensor, list[int]]:
    """Bring codes w [N, L, D] and embeddings e [P, D] to one length, as pairs() tells.

    Returns both and, for every row, the index of its embedding. Raises InputError where a pair has no partner, and for
    NaN and infinity.
    """
    code_index, prompt_index = pairs(len(w), len(e), batching)
    require_finite(w, "The codes", "picture", "layer", "channel")
    require_finite(e, "The text embeddings", "prompt", "channel")
    return w[code_index], e[prompt_index], prompt_index


def strengths(strength: Strength, edits: int, pictures: int | None = None) -> float | Tensor:
    """The strength of so many edits: a number for all, or a tensor [edits].

    Given is a number, or one per edit: a tensor, a NumPy array or a sequence of numbers. Where each of the pictures
    has several edits (a grid), one per picture will do too, which goes with all of that picture's edits. Raises
    InputError for another count, NaN, infinity, and what is no number.
    """
    if not isinstance(strength, (Tensor, np.ndarray, Sequence)) or isinstance(strength, (str, bytes)):
        return _number(strength, "The strength")
    each = _numbers(strength, "Strength")
    if each.ndim > 1:
        raise InputError(f"Strengths are one number, or one per picture: a list, not the shape {list(each.shape)}.")
    if each.numel() == 1:
        return each.reshape(()).expand(edits)
    if pictures and len(each) == pictures != edits:
        return each.repeat_interleave(edits // pictures)
    if len(each) != edits:
        several = f" (or one per edit, {edits})" if pictures not in (None, edits) else ""
        raise InputError(
            f"{len(each)} strengths for {pictures or edits} pictures: give one, or one per picture{several}."
        )
    return each


def apply_edit(w: Tensor, delta: Tensor, strength: Strength = 1.0, gates: Numbers | None = None) -> Tensor:
    """w + strength·gates·Δw, all [N, L, D] (gates: L numbers, default all 1).

    strength is a number, or one per row: a tensor [N], a NumPy array or a sequence. Where it is 0, and in layers whose
    gate is 0, the result is w bit for bit. Raises InputError for gates of another length, another count of strengths,
    and for NaN and infinity.
    """
    amount = strengths(strength, len(w))
    shares = None if gates is None else _numbers(gates, "Gate")
    if shares is not None and shares.shape != w.shape[1:2]:
        raise InputError(
            f"Gates have one value for each of the {w.shape[1]} layers, not the shape {list(shares.shape)}."
        )
    if not isinstance(amount, Tensor) and amount == 0:
        return w
    require_finite(w, "The codes", "row", "layer", "channel")
    require_finite(delta, "The changes", "row", "layer", "channel")
    factor = amount.to(delta)[:, None, None] if isinstance(amount, Tensor) else amount
    if shares is not None:
        factor = factor * shares.to(delta)[None, :, None]
    edited = w + factor * delta
    require_finite(edited, "The edited codes", "row", "layer", "channel")
    if not isinstance(factor, Tensor) or (factor.requires_grad and torch.is_grad_enabled()):
        return edited  # A strength that is being learnt gets its gradient at 0 too.
    return torch.where(factor == 0, w, edited)


def _numbers(values: Numbers, name: str) -> Tensor:
    """Finite numbers as a tensor, gradients and all; raises InputError."""
    if isinstance(values, Tensor):
        numbers = values
    elif isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        numbers = torch.from_numpy(values.astype(np.float64))
    elif isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        each = [_number(value, f"{name} {i}, counted from 0,") for i, value in enumerate(values)]
        numbers = torch.tensor(each, dtype=torch.float64, device="cpu")
    else:
        raise InputError(f"{name}s are numbers such as 1.0, not {getattr(values, 'dtype', type(values).__name__)}.")
    if numbers.dtype == torch.bool or numbers.is_complex():
        raise InputError(f"{name}s are numbers such as 1.0, not {numbers.dtype}.")
    require_finite(numbers, f"The {name.lower()}s", "number")
    return numbers


def _number(value: Any, name: str) -> float:
    """The finite number that was given, by whatever type; raises InputError."""
    single = not isinstance(value, (bool, np.bool_, str, bytes)) and getattr(value, "dtype", None) != torch.bool
    try:
        number = float(value) if single else math.nan
    except (TypeError, ValueError, OverflowError, RuntimeError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{name} is a number such as 1.0, not {str(value)[:80]}.")
    return number


def check_family(
    *,
    encoder: Any = None,
    generator: Any = None,
    modulator: Any = None,
    text_encoder: Any = None,
    aligner: Any = None,
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
    everyone = [*coded, ("text encoder", text_encoder), ("aligner", aligner)]
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
