"""What the modulation blocks minimise: distance from the text, and change of what the text does not speak of; and,
where pictures before and after an edit are known, distance from those after.

w is the inversion's code [B, L, D], Δw what the blocks add to it; "unedited" is what the generator draws of w, "edited"
of w + Δw, pictures [B, 3, H, W] in [-1, 1]. Masks are [B or 1, 1, H, W] in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ...faces.pasting import changed
from .precision import accurately, require_same_shape

Embed = Callable[[Tensor], Tensor]
"""Pictures [B, 3, H, W] in [-1, 1] → vectors [B, D] that say who, or what, is in them."""

EVERYWHERE, WHERE_CHANGED = 0.5, 8.0
"""How much a difference counts in pair_image(): anywhere, and more where the edit is."""

_SHORTEST = 1e-4
"""Shorter vectors point nowhere. Where an edit begins, differences are 0, and gradients of their direction have no
bound."""


def unit(vectors: Tensor) -> Tensor:
    """[..., D] divided by their lengths, or by 1e-4 where they are shorter."""
    return F.normalize(vectors, dim=-1, eps=_SHORTEST)


@accurately
def cosine_distance(first: Tensor, second: Tensor) -> Tensor:
    """Mean of 1 - cos of vectors [B, D], in [0, 2].

    Of a picture's and its text's CLIP embeddings: CLIP's loss (StyleCLIP, Patashnik et al. 2021, section 4).
    """
    require_same_shape(first, second)
    return (1 - (unit(first) * unit(second)).sum(-1)).mean()


@accurately
def directional(edited: Tensor, unedited: Tensor, target: Tensor, neutral: Tensor) -> Tensor:
    """Mean of 1 - cos(I(edited) - I(unedited), T(target) - T(neutral)), in [0, 2]; all CLIP embeddings [B, D], made
    unit vectors first (StyleGAN-NADA, Gal et al. 2022). 1 where there is no change yet."""
    require_same_shape(edited, unedited)
    require_same_shape(target, neutral)
    return cosine_distance(unit(edited) - unit(unedited), unit(target) - unit(neutral))


@accurately
def latent_l1(delta: Tensor) -> Tensor:
    """Mean |Δw| (FFCLIP's released settings)."""
    return delta.abs().mean()


@accurately
def latent_l2(delta: Tensor) -> Tensor:
    """Mean Δw² (StyleCLIP's mapper; its optimisation takes the sum)."""
    return delta.square().mean()


@accurately
def embedding(edited: Tensor, unedited: Tensor) -> Tensor:
    """Mean absolute difference of CLIP's image embeddings [B, D], as the tower gives them (FFCLIP's released settings);
    unedited is fixed."""
    require_same_shape(edited, unedited)
    return (edited - unedited.detach()).abs().mean()


def identity(embed: Embed, edited: Tensor, unedited: Tensor) -> Tensor:
    """cosine_distance() of what embed makes of both pictures; unedited is fixed.

    Published with ArcFace's vectors of faces (StyleCLIP, section 4); of other pictures, with those of a network that
    learned without labels (e4e, Tov et al. 2021).
    """
    with torch.no_grad():
        fixed = embed(unedited.detach())
    return cosine_distance(embed(edited), fixed)


@torch.no_grad()
@accurately
def changed_places(before: Tensor, after: Tensor) -> Tensor:
    """Where two batches of pictures differ visibly, with a soft rim: [B, 1, H, W] in [0, 1], without gradient. The
    rule is that of pasting (faces/pasting.py): 0 below 3 % of the range, 1 above 10 %."""
    require_same_shape(before, after)
    return changed(before.float() / 2 + 0.5, after.float() / 2 + 0.5)


@accurately
def background(edited: Tensor, unedited: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over all values of ((1 - mask)·(edited - unedited))²; unedited and mask are fixed.

    mask: where the edit may change anything, such as hair (HairCLIP, Wei et al. 2022). Without one it is
    what the edit did change visibly, so that this is the loss of changes too faint to be meant.
    """
    require_same_shape(edited, unedited)
    outside = 1 - _fixed_mask(changed_places(unedited, edited) if mask is None else mask, edited)
    return (outside * (edited - unedited.detach())).square().mean()


@accurately
def pair_image(edited: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean over all values of (0.5 + 8·mask)·|edited - target|; target and mask are fixed.

    target: within the mask the picture after the edit, elsewhere what the generator draws of the code before, so that
    nothing is asked of the blocks which only a better inversion could give. mask: changed_places() of the pair.
    """
    require_same_shape(edited, target)
    weights = EVERYWHERE + WHERE_CHANGED * _fixed_mask(mask, edited)
    return (weights * (edited - target.detach()).abs()).mean()


@accurately
def pair_masked(edited: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The mean of |edited - target| within each picture's mask, so that a small edit (a mouth) counts like a large one;
    0 of pictures whose mask is empty. target and mask are fixed; arguments as in pair_image()."""
    require_same_shape(edited, target)
    mask = _fixed_mask(mask, edited).expand(len(edited), -1, -1, -1)
    inside = (mask * (edited - target.detach()).abs()).mean(1).flatten(1).sum(1)
    # Rims alone, of less than a pixel together, do not count as much as an edit.
    return (inside / mask.flatten(1).sum(1).clamp_min(1)).mean()


@accurately
def pair_latent(edited: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of the codes w + Δw and that of the picture after the edit, [B, L, D]; target is
    fixed."""
    require_same_shape(edited, target)
    return (edited - target.detach()).square().mean()


def _fixed_mask(mask: Tensor, pictures: Tensor) -> Tensor:
    count, _, height, width = pictures.shape
    if mask.ndim != 4 or mask.shape[1:] != (1, height, width) or len(mask) not in (1, count):
        raise ValueError(f"a mask has the shape [{count} or 1, 1, {height}, {width}], not {list(mask.shape)}")
    return mask.detach().to(pictures)
