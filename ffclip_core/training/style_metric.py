"""How much a change of the code changes what the generator makes of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks.generator import Generator
from .codes import Codes, affine_layers


@torch.no_grad()
def style_metric(generator: Generator, codes: Codes, w: Tensor) -> Tensor:
    """Per layer a matrix [P, P] that takes a change of the code (along the directions) to a vector as long as the
    change of the layer's styles, each style in units of its own spread over w [N, D]."""
    spread = codes.along(w)
    factors = []
    for affines in affine_layers(generator):
        rows = codes.along(torch.cat([affine.weight for affine in affines]))
        rows = rows / (spread @ rows.T).std(0)[:, None]
        values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
        factors.append(vectors * values.clamp_min(0).sqrt())
    return torch.stack(factors)
