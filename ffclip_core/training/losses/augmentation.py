"""Adaptive discriminator augmentation, so that a small folder is enough (Karras et al., "Training Generative
Adversarial Networks with Limited Data", NeurIPS 2020).

Whatever the discriminator sees, real or drawn, is changed at random first, each kind of change with probability p. As
long as p is below 1, most often nothing is changed, so the generator does not learn the changes (section 2.2). The
kinds are those that the paper found best: flips, quarter turns and shifts by whole pixels; scaling, turning and shifts
by any part of a pixel; brightness, contrast, luma flip, hue and saturation (appendix B, whose spreads these are).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .precision import accurately

_SHIFT, _FINE_SHIFT = 0.125, 0.125  # Parts of a side: the most of a shift by whole pixels, the deviation of any.
_SCALE, _CONTRAST, _SATURATION = (part * math.log(2) for part in (0.2, 0.5, 1.0))  # Deviations of logarithms.
_BRIGHTNESS = 0.2  # Deviation, of the range [-1, 1].
_MOST = 0.8  # Of p: beyond it the generator may learn the changes after all (section 2.2).


@dataclass(frozen=True)
class Changes:
    """What happens to each picture. places [B, 2, 3]: where a pixel's value comes from, x and y in px from the
    picture's middle; colours [B, 3, 4]: what its colour and 1 are multiplied by. Both float32, on the CPU."""

    places: Tensor
    colours: Tensor

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, pictures: slice) -> Changes:
        """Those of a process's own part of the batch."""
        return Changes(self.places[pictures], self.colours[pictures])


def draw_changes(count: int, p: float, size: tuple[int, int], stream: torch.Generator) -> Changes:
    """Changes of so many pictures of this size (height, width), each kind with probability p, 0 to 1.

    A CPU generator; it is drawn from as often for every p.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"a probability is 0 to 1, not {p}")
    return Changes(_draw_places(count, p, size, stream).float(), _draw_colours(count, p, stream).float())


@accurately
def augment(x: Tensor, changes: Changes) -> Tensor:
    """Pictures [B, 3, H, W] in [-1, 1] with each one's changes, of the same shape; colours may leave the range.

    Beyond its border a picture is mirrored. What is not changed is the same, bit for bit. Linear in x but for a
    constant, so it can be differentiated any number of times.
    """
    if len(changes) != len(x):
        raise ValueError(f"there are changes for {len(changes)} pictures, but {len(x)} pictures")
    moved = _rows(changes.places, x.device)
    if len(moved):
        x = x.index_copy(0, moved, _resample(x[moved], changes.places.to(x.device)[moved]))
    coloured = _rows(changes.colours, x.device)
    if len(coloured):
        colours = changes.colours.to(x)[coloured]
        mixed = torch.einsum("bij,bjhw->bihw", colours[:, :, :3], x[coloured]) + colours[:, :, 3, None, None]
        x = x.index_copy(0, coloured, mixed)
    return x


class AugmentationControl(nn.Module):
    """p, led so that the discriminator is as sure of real pictures as it should be: r = E sign(D(real)), which nears 1
    where it knows them by heart, is to be .6 (section 3.1).

    Each `every` batches p goes up where r is above the target, and down where it is below, by as much as takes it from
    0 to 1 over so many `pictures`; it stays within 0 and .8. p, which begins at 0, and what has been counted are
    buffers, saved with the state.
    """

    p: Tensor
    signs: Tensor
    seen: Tensor
    batches: Tensor

    def __init__(self, target: float = 0.6, every: int = 4, pictures: int = 500_000) -> None:
        super().__init__()
        self.target, self.every, self.pictures = target, every, pictures
        self.register_buffer("p", torch.zeros((), dtype=torch.float32))
        for name in ("signs", "seen", "batches"):
            self.register_buffer(name, torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(self, real: Tensor) -> None:
        """D's logits [B] of a batch's real pictures, as changed; of all processes, where there are several."""
        self.signs += real.sign().sum().long()
        self.seen += real.numel()
        self.batches += 1
        if int(self.batches) < self.every:
            return
        seen = self.seen.to(self.p)
        sure = self.signs.to(self.p) / seen
        self.p.add_((sure - self.target).sign() * seen / self.pictures).clamp_(0, _MOST)
        for counted in (self.signs, self.seen, self.batches):
            counted.zero_()


def _draw_places(count: int, p: float, size: tuple[int, int], stream: torch.Generator) -> Tensor:
    """[count, 2, 3] float64. Steps are in the order in which they happen to the picture; a place in the outcome is
    taken back through the last one first, so the inverses are multiplied from the right: each is appended."""
    height, width = size
    sides = torch.tensor([width, height], dtype=torch.float64, device="cpu")
    back = torch.eye(3, dtype=torch.float64, device="cpu").repeat(count, 1, 1)
    one = torch.ones(count, dtype=torch.float64, device="cpu")

    flip = _chosen(count, p, stream) & (_uniform(count, stream) < 0.5)
    back = back @ _scaling(torch.where(flip, -1.0, one), one)
    turns = (_uniform(count, stream) * 4).long() * _chosen(count, p, stream)
    back = back @ _turning(*(torch.tensor(x, dtype=torch.float64, device="cpu")[turns] for x in _QUARTERS))
    shifts = torch.stack([_uniform(count, stream), _uniform(count, stream)], 1).mul(2).sub(1).mul(_SHIFT)
    back = back @ _shifting((shifts * sides).round() * _chosen(count, p, stream)[:, None])
    scale = torch.exp(_SCALE * _normal(count, stream) * _chosen(count, p, stream))
    back = back @ _scaling(1 / scale, 1 / scale)
    # Turned before and after the sides are stretched, in p of all pictures once or twice.
    rare = 1 - math.sqrt(1 - p)
    angles = [(_uniform(count, stream) * 2 - 1) * math.pi * _chosen(count, rare, stream) for _ in range(2)]
    stretch = torch.exp(_SCALE * _normal(count, stream) * _chosen(count, p, stream))
    back = back @ _turning(angles[0].cos(), angles[0].sin()) @ _scaling(1 / stretch, stretch)
    back = back @ _turning(angles[1].cos(), angles[1].sin())
    shifts = torch.stack([_normal(count, stream), _normal(count, stream)], 1) * _FINE_SHIFT
    back = back @ _shifting(shifts * sides * _chosen(count, p, stream)[:, None])
    return back[:, :2]


_QUARTERS = ([1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0])  # Cosines and sines, exact.


def _draw_colours(count: int, p: float, stream: torch.Generator) -> Tensor:
    """[count, 3, 4] float64."""
    one = torch.ones(count, dtype=torch.float64, device="cpu")
    identity = torch.eye(3, dtype=torch.float64, device="cpu")
    gray = torch.full((3, 3), 1 / 3, dtype=torch.float64, device="cpu")  # Onto the axis from black to white.
    brightness = _BRIGHTNESS * _normal(count, stream) * _chosen(count, p, stream)
    contrast = torch.exp(_CONTRAST * _normal(count, stream) * _chosen(count, p, stream))
    luma = torch.where(_chosen(count, p, stream) & (_uniform(count, stream) < 0.5), -1.0, one)
    hue = (_uniform(count, stream) * 2 - 1) * math.pi * _chosen(count, p, stream)
    saturation = torch.exp(_SATURATION * _normal(count, stream) * _chosen(count, p, stream))
    # What lies along the gray axis is scaled; what lies across it is turned about it (Rodrigues) besides.
    across = hue.cos()[:, None, None] * (identity - gray) + hue.sin()[:, None, None] * _CROSS / math.sqrt(3)
    linear = contrast[:, None, None] * (luma[:, None, None] * gray + saturation[:, None, None] * across)
    return torch.cat([linear, (linear.sum(2) * brightness[:, None])[:, :, None]], 2)


_CROSS = torch.tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], dtype=torch.float64, device="cpu")


def _resample(x: Tensor, places: Tensor) -> Tensor:
    """Bilinear values of pictures [B, C, H, W] at the places of Changes, in plain operators: those of PyTorch's own
    that sample can be differentiated only once, which R1 is not content with."""
    count, channels, height, width = x.shape
    columns, rows = (torch.arange(n, dtype=x.dtype, device=x.device) - (n - 1) / 2 for n in (width, height))
    grid = torch.stack([columns.expand(height, width), rows[:, None].expand(height, width), torch.ones_like(x[0, 0])])
    found = torch.einsum("bij,jhw->bihw", places.to(x), grid).flatten(2)
    flat, total = x.flatten(2), torch.zeros((), dtype=x.dtype, device=x.device)
    at = [found[:, axis] + (n - 1) / 2 for axis, n in enumerate((width, height))]
    low = [place.floor() for place in at]
    for right in (0, 1):
        for below in (0, 1):
            parts = [place - floor for place, floor in zip(at, low, strict=True)]
            weight = (parts[0] if right else 1 - parts[0]) * (parts[1] if below else 1 - parts[1])
            column, row = _mirrored(low[0].long() + right, width), _mirrored(low[1].long() + below, height)
            index = (row * width + column)[:, None].expand(-1, channels, -1)
            total = total + flat.gather(2, index) * weight[:, None]
    return total.reshape(count, channels, height, width)


def _mirrored(index: Tensor, length: int) -> Tensor:
    """Indices of any size, reflected at the borders into 0 to length - 1."""
    index = index.remainder(2 * length)
    return torch.minimum(index, 2 * length - 1 - index)


def _rows(matrices: Tensor, device: torch.device) -> Tensor:
    """The pictures of which they change anything."""
    identity = torch.eye(*matrices.shape[1:], dtype=matrices.dtype, device=matrices.device)
    return (matrices != identity).flatten(1).any(1).nonzero()[:, 0].to(device)


def _chosen(count: int, p: float, stream: torch.Generator) -> Tensor:
    return _uniform(count, stream) < p


def _uniform(count: int, stream: torch.Generator) -> Tensor:
    return torch.rand(count, generator=stream, dtype=torch.float64, device="cpu")


def _normal(count: int, stream: torch.Generator) -> Tensor:
    return torch.randn(count, generator=stream, dtype=torch.float64, device="cpu")


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    """[B, 3, 3] that multiply coordinates."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def _turning(cosine: Tensor, sine: Tensor) -> Tensor:
    """[B, 3, 3] that turn coordinates."""
    zero = torch.zeros_like(cosine)
    rows = [cosine, -sine, zero, sine, cosine, zero, zero, zero, torch.ones_like(cosine)]
    return torch.stack(rows, 1).view(-1, 3, 3)


def _shifting(by: Tensor) -> Tensor:
    """[B, 3, 3] that take [B, 2] from coordinates."""
    matrix = torch.eye(3, dtype=torch.float64, device="cpu").repeat(len(by), 1, 1)
    matrix[:, :2, 2] = -by
    return matrix
