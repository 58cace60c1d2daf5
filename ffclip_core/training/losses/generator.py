"""What StyleGAN2 adds to the adversarial game (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN",
CVPR 2020): smooth paths from codes to pictures; and StyleGAN's mixing of styles (Karras et al. 2019)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ....cuda_ops.style_table import accurate
from ...execution.precision import without_autocast


class PathLength(nn.Module):
    """E(‖Jᵀy‖ - a)²: a step in W moves the picture as far everywhere; y are random pictures, a is the running mean of
    the lengths (section 3.2 and appendix B).

    Lengths are per layer: √(mean over layers of ‖∂(G(w)·y)/∂w_l‖²) with y divided by √(H·W). In these units the
    published weight ln 2 / (r²·(ln r - ln 2)), r the side in px, is 2 for every r. a, which begins at 0, is a buffer,
    saved with the state.
    """

    mean: Tensor

    def __init__(self, decay: float = 0.99, gather: Callable[[Tensor], Tensor] | None = None) -> None:
        """decay: of the running mean. gather: the values [B] of all processes, where there are several."""
        super().__init__()
        self.decay, self.gather = decay, gather
        self.register_buffer("mean", torch.zeros((), dtype=torch.float32))

    def forward(self, synthesis: Callable[[Tensor], Tensor], w: Tensor, noise: Tensor) -> Tensor:
        """w [B, L, D] or [B, D], noise [B, 3, H, W], standard normal, of the shape of synthesis(w); updates the mean.

        synthesis is the network as it is written (networks/generator.py), which can be differentiated twice; it is run
        in float32, whatever the caller's autocast. Gradients reach what it is made of, and what made w.
        """
        w = accurate(w)
        if not w.requires_grad:
            w = w.detach().requires_grad_()
        with without_autocast(w.device):
            pictures = synthesis(w)
            if pictures.shape != noise.shape:
                raise ValueError(f"the noise has the pictures' shape, {[*pictures.shape]}, not {[*noise.shape]}")
            seen = (pictures * noise.to(pictures)).sum() / math.sqrt(pictures.shape[2] * pictures.shape[3])
            (moved,) = torch.autograd.grad(seen, w, create_graph=True)
            layers = w.shape[1] if w.ndim == 3 else 1
            lengths = torch.linalg.vector_norm(moved.flatten(1), dim=1) / math.sqrt(layers)
            known = lengths.detach()
            if self.gather is not None:
                known = self.gather(known)
            self.mean.lerp_(known.mean().to(self.mean), 1 - self.decay)
            return (lengths - self.mean.to(lengths)).square().mean()


def draw_crossings(count: int, num_layers: int, probability: float, stream: torch.Generator) -> Tensor:
    """For each of so many pictures the first layer that takes the second code: 1 to L - 1, all equally likely, with
    this probability; otherwise L, so that none does. int64 [count], on the CPU."""
    crossings = torch.randint(1, num_layers, (count,), generator=stream, device="cpu")
    mixed = torch.rand(count, generator=stream, dtype=torch.float32, device="cpu") < probability
    return torch.where(mixed, crossings, num_layers)


def mix(first: Tensor, second: Tensor, crossings: Tensor) -> Tensor:
    """Codes [B, L, D] whose layers before the crossing [B] are of the first, the others of the second (StyleGAN,
    section 3.1): layers learn not to rely on each other."""
    if first.shape != second.shape or crossings.shape != first.shape[:1]:
        raise ValueError(
            f"two codes of one shape are mixed at one layer each, not {[*first.shape]} and {[*second.shape]} at "
            f"{[*crossings.shape]}"
        )
    layers = torch.arange(first.shape[1], device=first.device)
    return torch.where((layers < crossings.to(first.device)[:, None])[:, :, None], first, second)
