"""An encoder that is fast on a CPU: the body by channels, the heads one by one, dealt to a crew."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..networks.encoder import Encoder
from ..networks.ir_se import ResidualBlock, SqueezeExcite
from .crew import Crew, crew, split
from .packed_convolution import PackedConv2d
from .precision import without_autocast

STRIP_ROWS = 64
"""Rows of the picture that a CPU takes through the first block at once."""
WORTH_A_MEETING = 1 << 19
"""Numbers in features: with fewer, one member is done with a sum before others have begun."""
CHANNELS = 32
"""Of a convolution, at least so many for each member of a crew."""


class FastEncoder(Encoder):
    """The same network with the same parameters; only forward() differs, and by rounding alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        branches = [block.res_layer for block in cast(Sequence[ResidualBlock], self.body)]
        for part in (*branches, *self.styles):
            for convolution in part.modules():
                if isinstance(convolution, nn.Conv2d) and convolution.kernel_size == (3, 3):
                    convolution.__class__ = PackedConv2d

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """As of any module: packed weights (PackedConv2d) are made plain when the first of them comes by."""
        for name, parameter in super().named_parameters(prefix, recurse, remove_duplicate):
            if parameter.is_mkldnn:
                for module in self.modules():
                    if isinstance(module, PackedConv2d):
                        module.unpack()
                parameter = self.get_parameter(name.removeprefix(f"{prefix}."))
            yield name, parameter

    def forward(self, x: Tensor) -> Tensor:
        """As Encoder.forward."""
        self.check(x)
        if self.training or (torch.is_grad_enabled() and (x.requires_grad or self._learns())):
            return super().forward(x)
        hands = crew() if x.device.type == "cpu" else Crew()
        with without_autocast(x.device):
            return hands.run(lambda: self._encode(x.contiguous(memory_format=torch.channels_last), hands))

    def _learns(self) -> bool:
        return any(p is not None and p.requires_grad for m in self.modules() for p in m._parameters.values())

    def _encode(self, x: Tensor, hands: Crew) -> Tensor:
        levels = self.pyramid(*self._fast_stages(x, hands))
        codes: list[Tensor] = [x] * len(levels)

        def read(i: int) -> None:
            codes[i] = self.styles[i](levels[i])

        # The finest level takes longest: first, so that no member is left alone with one at the end.
        hands.deal([partial(read, i) for i in reversed(range(len(levels)))])
        return self.join(codes)

    def _fast_stages(self, x: Tensor, hands: Crew) -> list[Tensor]:
        """What the body's last three stages give."""
        blocks = cast(Sequence[ResidualBlock], self.body)
        ends = list(itertools.accumulate(self.blocks))
        branches, stages = self._first_block(x, hands), []
        for i, block in enumerate(blocks):
            following = blocks[i + 1] if i + 1 < len(blocks) else None
            x, normal = _join(block, *branches, following, hands)
            if i + 1 in ends:
                stages.append(x)
            if following is not None:
                branches = _branches(following, x, normal, hands)
        return stages[1:]

    def _first_block(self, x: Tensor, hands: Crew) -> tuple[Tensor, Tensor]:
        """The input layer and the first block's branches. Features of full width and height are only there in strips
        on a CPU: as a whole they leave its cache, and are fresh memory of the system's in every call."""
        block, height = cast(ResidualBlock, self.body[0]), x.shape[2]
        rows = STRIP_ROWS if x.device.type == "cpu" else height
        tops = range(0, height, rows)
        strips: list[list[Tensor]] = [[] for _ in tops]

        def branches(i: int, top: int) -> None:
            # Three 3×3 convolutions see three rows beyond. The block halves the rows: it begins at an even one.
            first, last = max(0, top - 4), top + rows + 4
            kept = slice((top - first) // 2, (top - first + rows) // 2)
            inside = _normalized(x[:, :, first:last], self.input_layer[0], self.input_layer[1], padding=1)
            inside = self.input_layer[2](inside)
            strips[i] = [branch[:, :, kept] for branch in (block.res_layer[:4](inside), _shortcut(block, inside))]

        hands.deal([partial(branches, i, top) for i, top in enumerate(tops)])
        residual, shortcut = (torch.cat(branch, 2) for branch in zip(*strips, strict=True))
        return residual, shortcut


def _branches(block: ResidualBlock, x: Tensor, normal: Tensor, hands: Crew) -> tuple[Tensor, Tensor]:
    """The residual, before its last normalisation, and the shortcut, of features x that are normalised already too."""
    _, first, activation, second = block.res_layer[:4]
    slopes = cast(nn.PReLU, activation).weight
    inside = _dealt(hands, cast(PackedConv2d, first), normal, lambda y, c: F.prelu(y, slopes[c]))
    return _dealt(hands, cast(PackedConv2d, second), inside, lambda y, c: y), _shortcut(block, x)


def _dealt(hands: Crew, convolution: PackedConv2d, x: Tensor, finish: Callable[[Tensor, slice], Tensor]) -> Tensor:
    """finish(convolution(x)), so many of its channels by each member."""
    channels = convolution.out_channels
    pieces = convolution.pieces(x, max(1, min(hands.members, channels // CHANNELS)))
    if len(pieces) == 1:
        ((piece, convolve),) = pieces
        return finish(convolve(), piece)
    stride = convolution.stride[0]
    size = (len(x), channels, -(-x.shape[2] // stride), -(-x.shape[3] // stride))
    out = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)

    def write(piece: slice, convolve: Callable[[], Tensor]) -> None:
        out[:, piece] = finish(convolve(), piece)

    hands.deal([partial(write, *each) for each in pieces])
    return out


def _join(
    block: ResidualBlock, residual: Tensor, shortcut: Tensor, following: ResidualBlock | None, hands: Crew
) -> tuple[Tensor, Tensor]:
    """What the block gives, and the same normalised for the following one, by rows.

    The block's own normalisation is two factors that go into the gate, instead of a pass over all features.
    """
    excite = cast(SqueezeExcite, block.res_layer[5])
    scale, shift = _factors(block.res_layer[4])
    gate = excite.gate(residual.mean((2, 3), keepdim=True) * scale + shift)
    factor, offset = scale * gate, shift * gate
    out = torch.empty_like(residual)
    normal = out if following is None else torch.empty_like(residual)

    def join(rows: slice) -> None:
        piece = torch.add(shortcut[:, :, rows], offset, out=out[:, :, rows]).addcmul_(residual[:, :, rows], factor)
        if following is not None:
            normal[:, :, rows] = following.res_layer[0](piece)

    pieces = hands.members if residual[0].numel() >= WORTH_A_MEETING else 1
    hands.deal([partial(join, rows) for rows in split(residual.shape[2], pieces)])
    return out, normal


def _shortcut(block: ResidualBlock, x: Tensor) -> Tensor:
    if isinstance(block.shortcut_layer, nn.MaxPool2d):
        stride = block.shortcut_layer.stride
        return x[:, :, ::stride, ::stride]
    return _normalized(x, block.shortcut_layer[0], block.shortcut_layer[1])


def _normalized(x: Tensor, convolution: nn.Module, norm: nn.Module, padding: int = 0) -> Tensor:
    """A convolution and the normalisation after it as one."""
    assert isinstance(convolution, nn.Conv2d)  # noqa: S101
    scale, shift = _factors(norm)
    weight = convolution.weight * scale.view(-1, 1, 1, 1)
    return F.conv2d(x, weight, shift.flatten(), convolution.stride, padding)  # pyright: ignore[reportArgumentType]


def _factors(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """scale and shift [1, C, 1, 1] that a normalisation by stored statistics comes to."""
    assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    shift = norm.bias - mean * scale
    return scale[None, :, None, None], shift[None, :, None, None]
