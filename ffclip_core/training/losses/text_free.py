"""Training without any text: differences of pictures stand for texts (DeltaEdit, Lyu et al. 2023)."""

from __future__ import annotations

from torch import Tensor

from .modulator import cosine_distance, unit
from .precision import accurately, require_same_shape


@accurately
def direction(before: Tensor, after: Tensor) -> Tensor:
    """What one CLIP embedding [B, D] has that another has not: unit(unit(after) - unit(before)), and 0 of equal ones.

    Of pictures it stands in training for a text, which at work is the direction from a neutral text to the wanted one:
    CLIP's differences of pictures and of texts agree better than its embeddings do (DeltaEdit, Lyu et al. 2023).
    """
    require_same_shape(before, after)
    return unit(unit(after) - unit(before))


@accurately
def text_free(change: Tensor, wanted: Tensor) -> Tensor:
    """DeltaEdit's loss of a change of the code [B, L, D] that direction() asked for, and the wanted one, which is the
    difference of two pictures' codes: their mean squared difference, and their cosine distance as vectors of all layers
    (Lyu et al. 2023; the squared norm is a mean here, so that it does not grow with L and D)."""
    require_same_shape(change, wanted)
    return (change - wanted).square().mean() + cosine_distance(change.flatten(1), wanted.flatten(1))
