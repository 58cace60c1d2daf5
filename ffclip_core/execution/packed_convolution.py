"""A convolution whose weights lie as the processor's kernels read them."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .crew import split

logger = logging.getLogger(__name__)

SAMPLE = 32
"""px: side of the part of a picture on which packed weights are tried."""
_refusals: list[str] = []
"""Why no weights are packed any more in this process, if so."""
_changing = threading.RLock()
"""Held while weights are exchanged for others, or looked at together."""


class PackedConv2d(nn.Conv2d):
    """nn.Conv2d that packs its weights on a CPU, from its second call on.

    oneDNN, which convolves on x86 processors, has its own order of weights, and brings those of nn.Conv2d into it in
    every call: for few positions that takes as long as the multiplications. Packed, `weight` is a tensor of the layout
    torch._mkldnn in place of the plain one, not beside it. It is plain again after moving or converting the module,
    its state dict, loading one, copying and train(), and before a call that needs gradients; the values are
    the same bit for bit. Weights that require gradients are never packed, so an optimiser's stay its own. A network of
    them should see to it that its parameters() are plain, as FastEncoder does (a module around it does not ask it).

    PyTorch's operators for it are not public, so they are tried whenever weights are packed: once they fail, or give
    other numbers than the plain convolution, all convolutions are plain until the process ends, which the log says.
    They were tried with torch 2.4.1 and 2.14.1, on x86-64.
    """

    _called = False
    _packed: tuple[Tensor, ...] | None = None
    """The weights of all pieces, of which `weight` is the first then."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, H, W] → [B, out_channels, H', W']."""
        found = [convolve() for _, convolve in self.pieces(x)]
        return found[0] if len(found) == 1 else torch.cat(found, 1)

    def pieces(self, x: Tensor, count: int = 1) -> list[tuple[slice, Callable[[], Tensor]]]:
        """The convolution in so many pieces, to be computed side by side: their channels, and what computes them. Once
        packed, weights stay in the pieces they were packed in."""
        weight, packed = self._weights()
        if not _can_pack(weight, x):
            weight, packed = self.unpack(), None
        elif packed is None and not self._called:
            self._called = True  # Packing takes as long as some calls save: one picture alone is not worth it.
        elif packed is None:
            packed = self._pack(weight, x, count)
        if packed is None:
            return [(piece, partial(self._plain, x, weight, piece)) for piece in split(len(weight), count)]
        convolutions = zip(split(self.out_channels, len(packed)), packed, strict=True)
        return [(piece, partial(self._convolve, x, of_piece, piece)) for piece, of_piece in convolutions]

    def _weights(self) -> tuple[Tensor, tuple[Tensor, ...] | None]:
        """The plain weight or the packed ones. Other threads may pack and unpack meanwhile."""
        with _changing:
            return self.weight, self._packed

    def _plain(self, x: Tensor, weight: Tensor, piece: slice) -> Tensor:
        if piece == slice(0, len(weight)):
            return self._conv_forward(x, weight, self.bias)
        return self._conv_forward(x, weight[piece], None if self.bias is None else self.bias[piece])

    def _convolve(self, x: Tensor, packed: Tensor, piece: slice) -> Tensor:
        try:
            return self._pointwise(x, packed, piece)
        except Exception as error:  # Any: the plain convolution gives the same.
            _refuse(error)
            return self._plain(x, self.unpack(), piece)

    def _pointwise(self, x: Tensor, packed: Tensor, piece: slice) -> Tensor:
        how = (self.padding, self.stride, self.dilation, self.groups)
        bias = None if self.bias is None else self.bias[piece]
        return torch.ops.mkldnn._convolution_pointwise(x, packed, bias, *how, "none", [], "")

    def _pack(self, weight: Tensor, x: Tensor, count: int) -> tuple[Tensor, ...] | None:
        """The weight packed for pictures such as x, or None where packing proves to be of no use."""
        pieces: list[Tensor] = []
        with torch.inference_mode(False), torch.no_grad():
            for piece in split(len(weight), count):
                packed = self._packed_piece(weight, x, piece)
                if packed is None:
                    return None
                pieces.append(packed)
        with _changing:
            if self.weight is weight:  # Nobody has changed it meanwhile.
                self._packed = tuple(pieces)
                self.weight = nn.Parameter(pieces[0], requires_grad=False)
        return tuple(pieces)

    def _packed_piece(self, weight: Tensor, x: Tensor, piece: slice) -> Tensor | None:
        sample, wanted = x[:1, :, :SAMPLE, :SAMPLE], weight[piece]
        expected = self._plain(sample, weight, piece)
        if not expected.isfinite().all():
            return None  # These numbers prove nothing; the next picture's may.
        try:
            how = (self.padding, self.stride, self.dilation, self.groups)
            packed = torch.ops.mkldnn._reorder_convolution_weight(wanted, *how, x.shape)
            if not packed.is_mkldnn or not torch.equal(packed.to_dense(), wanted):
                raise RuntimeError("packed weights do not come back as they were")
            found = self._pointwise(sample, packed, piece)
            terms = wanted[0].numel()
            # Rounded once to the weights' format, and summed up in float32.
            rounding = torch.finfo(wanted.dtype).eps + math.sqrt(terms) * torch.finfo(torch.float32).eps
            error = (found.float() - expected.float()).norm()
            if found.shape != expected.shape or not error <= 4 * rounding * expected.float().norm():
                raise RuntimeError(f"packed weights give other numbers, by {float(error):.1e}")
        except Exception as error:  # Any: the plain convolution gives the same.
            return _refuse(error)
        return packed

    def unpack(self) -> Tensor:
        """Make the weight plain, where it is not; the plain weight."""
        self._called = False
        with _changing:
            if self._packed is not None:
                with torch.inference_mode(False), torch.no_grad():
                    plain = torch.cat([packed.to_dense() for packed in self._packed])
                    plain = plain.contiguous(memory_format=torch.channels_last)
                self.weight = nn.Parameter(plain, requires_grad=self.weight.requires_grad)
                self._packed = None
            return self.weight

    def train(self, mode: bool = True) -> PackedConv2d:
        self.unpack()
        return super().train(mode)

    def _apply(self, *args: Any, **kwargs: Any) -> PackedConv2d:
        self.unpack()
        return super()._apply(*args, **kwargs)

    def _save_to_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self.unpack()
        super()._save_to_state_dict(*args, **kwargs)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self.unpack()
        super()._load_from_state_dict(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        self.unpack()
        return self.__dict__.copy()


def _refuse(error: Exception) -> None:
    if not _refusals:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        _refusals.append(reason)
        logger.warning("Convolutions stay plain on this processor, a little slower: %s", reason)


def _can_pack(weight: Tensor, x: Tensor) -> bool:
    return (
        not _refusals
        and x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype
        and has_kernels(x.dtype)
        # Whoever allowed PyTorch quicker products in float32 gets those of the plain convolution.
        and torch.get_float32_matmul_precision() == "highest"
        and not torch.is_autocast_enabled("cpu")
        and not weight.requires_grad
        and not (x.requires_grad and torch.is_grad_enabled())
    )


def has_kernels(dtype: torch.dtype) -> bool:
    """Whether oneDNN has kernels for this number format and an x86 processor. PyTorch has no public function for a
    convolution with packed weights, so a version without the private one counts as one that has none."""
    operators = torch.ops.mkldnn
    return (
        torch.backends.mkldnn.enabled
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability().startswith("AVX")
        and hasattr(operators, "_reorder_convolution_weight")
        and hasattr(operators, "_convolution_pointwise")
        and (dtype == torch.float32 or (dtype == torch.bfloat16 and _has_bfloat16_kernels()))
    )


def _has_bfloat16_kernels() -> bool:
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError, TypeError):  # As private as the others.
        return False
