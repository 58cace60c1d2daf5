"""How much a change of the code changes what the generator makes of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
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
        # Of few styles, which see few parameters, eigenvalues of rows.T @ rows would not always be found.
        _, values, vectors = torch.linalg.svd(rows.double() / len(rows) ** 0.5, full_matrices=False)
        factor = (vectors.T * values).to(rows)
        factors.append(F.pad(factor, (0, len(factor) - factor.shape[1])))
    return torch.stack(factors)
