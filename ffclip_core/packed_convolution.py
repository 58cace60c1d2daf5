"""A convolution whose weights lie as the processor's kernels read them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class PackedConv2d(nn.Conv2d):
    """nn.Conv2d that packs its weights on a CPU, from its second call on.

    oneDNN, which convolves on x86 processors, has its own order of weights, and brings those of nn.Conv2d into it in
    every call: for few positions that takes as long as the multiplications. Packed, `weight` is a tensor of the layout
    torch._mkldnn in place of the plain one, not beside it. It is plain again after moving or converting the module,
    its state dict, loading one, copying and train(), and before a call that needs gradients; the values are
    the same bit for bit. Weights that require gradients are never packed, so an optimiser's stay its own. A network of
    them should see to it that its parameters() are plain, as Encoder does.
    """

    _called = False

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, H, W] → [B, out_channels, H', W']."""
        weight = self.weight  # Looked at once: other threads may pack and unpack meanwhile.
        how = (self.padding, self.stride, self.dilation, self.groups)
        if not _can_pack(weight, x):
            return self._conv_forward(x, self.unpack(), self.bias)
        if not weight.is_mkldnn:
            if not self._called:  # Packing takes as long as some calls save: one picture alone is not worth it.
                self._called = True
                return self._conv_forward(x, weight, self.bias)
            with torch.inference_mode(False), torch.no_grad():
                packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *how, x.shape)
            self.weight = weight = nn.Parameter(packed, requires_grad=False)
        return torch.ops.mkldnn._convolution_pointwise(x, weight, self.bias, *how, "none", [], "")

    def unpack(self) -> Tensor:
        """Make the weight plain, where it is not; the plain weight."""
        weight = self.weight
        self._called = False
        if weight.is_mkldnn:
            with torch.inference_mode(False), torch.no_grad():
                plain = weight.to_dense().contiguous(memory_format=torch.channels_last)
            self.weight = weight = nn.Parameter(plain, requires_grad=weight.requires_grad)
        return weight

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


def _can_pack(weight: Tensor, x: Tensor) -> bool:
    return (
        x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype
        and has_kernels(x.dtype)
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
        and (dtype == torch.float32 or (dtype == torch.bfloat16 and operators._is_mkldnn_bf16_supported()))
    )
