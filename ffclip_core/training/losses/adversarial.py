"""The game of a network and its discriminator, of pictures or of codes.

The non-saturating loss of Goodfellow et al. (2014) with logistic discriminators, and the penalty R1 of Mescheder et
al., "Which Training Methods for GANs do actually Converge?" (ICML 2018), as in StyleGAN2 and e4e's latent
discriminator. Logits are of any shape, larger where something seems real.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ....cuda_ops.style_table import accurate
from ...execution.precision import without_autocast
from .precision import accurately


@accurately
def seems_real(fake: Tensor) -> Tensor:
    """What the network minimises: mean of -log sigmoid(D(fake)), above 0."""
    return F.softplus(-fake).mean()


@accurately
def told_apart(real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator minimises: mean of -log sigmoid(D(real)) plus mean of -log(1 - sigmoid(D(fake)))."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def r1(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """½·E‖∇D(x)‖² over real pictures, or codes, [B, ...]: the discriminator's slope where things are real. The weight
    beside it is γ.

    Gradients reach the discriminator, not what made x. It is run in float32, whatever the caller's autocast: the
    gradients of a picture's values are small, and are squared.
    """
    x = accurate(real.detach()).requires_grad_()
    with without_autocast(x.device):
        (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
        return slope.square().flatten(1).sum(1).mean() / 2


def lazy(step: int, every: int) -> int:
    """By what to multiply a regularisation that is computed in one of so many steps only: `every` in that step, 0 in
    those between (StyleGAN2, section 3.1). Added to the main loss of the same step, it leaves Adam's settings as they
    are; the paper adapts them to steps of its own."""
    if every < 1:
        raise ValueError(f"every so many steps: 1 or more, not {every}")
    return 0 if step % every else every
