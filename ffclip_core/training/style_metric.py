"""How much a change of the code changes what the generator makes of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks.generator import Generator
from .codes import Codes


@torch.no_grad()
def style_metric(generator: Generator, codes: Codes, w: Tensor) -> Tensor:
    """Per layer a matrix [P, P] that takes a change of the code (along the directions) to a vector as long as the
    change of the layer's styles, each style in units of its own spread over w [N, D]."""
    taken: list[list[Tensor]] = [[] for _ in range(generator.num_layers)]
    convolutions = [generator.conv1.conv, *(layer.conv for layer in generator.convs)]
    for i, convolution in enumerate(convolutions):
        taken[i].append(convolution.modulation.weight)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    for j, rgb in enumerate([generator.to_rgb1, *generator.to_rgbs]):
        taken[2 * j + 1].append(rgb.conv.modulation.weight)  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    spread = codes.along(w)
    factors = []
    for weights in taken:
        rows = codes.along(torch.cat(weights))
        rows = rows / (spread @ rows.T).std(0)[:, None]
        values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
        factors.append(vectors * values.clamp_min(0).sqrt())
    return torch.stack(factors)
