"""Small random pictures through every kernel, against plain PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from . import plain
from .errors import KernelError
from .kernels import Kernels
from .style_table import StyleTable

# Largest difference, as a part of the largest value: eps·√n of the longest sum, which is of 9·1100 terms (style_case).
# All sums are float32; what is stored shorter may be rounded after each of a layer's ten steps, by eps/2 at most.
TOLERANCES = {torch.float32: torch.finfo(torch.float32).eps * (9 * 1100) ** 0.5}
TOLERANCES |= {dtype: 5 * torch.finfo(dtype).eps for dtype in (torch.float16, torch.bfloat16)}


def self_test(kernels: Kernels, device: torch.device) -> None:
    """Raises KernelError, naming the kernel, if one gives other numbers than plain PyTorch on the CPU."""
    with torch.inference_mode(False), torch.no_grad():
        for dtype, tolerance in TOLERANCES.items():
            for name, arguments in cases(dtype):
                expected = getattr(plain, name)(*to_device(arguments, "cpu", torch.float32))
                result = getattr(kernels, name)(*to_device(arguments, device))
                check(name, dtype, result, expected, tolerance)
        w, table = style_case()
        results = kernels.styles(w.to(device), table.to(device)) or [(None, None)] * len(table.shapes)
        for result, expected in zip(results, plain.styles(w, table), strict=True):
            for one, other in zip(result, expected, strict=True):
                if other is not None:
                    check("styles", torch.float32, one, other, TOLERANCES[torch.float32])


def check(name: str, dtype: torch.dtype, result: Tensor | None, expected: Tensor, tolerance: float) -> None:
    """Raises KernelError if the result is missing or further from what is expected than its largest value allows."""
    if result is None:
        raise KernelError(f"the kernel {name} does not take its test in {dtype}")
    difference = (result.cpu().float() - expected).abs().max() / expected.abs().max()
    if not difference <= tolerance:  # nor NaN
        raise KernelError(f"the kernel {name} in {dtype} is wrong by {difference:.1e} of the largest value")


def cases(dtype: torch.dtype) -> Iterator[tuple[str, list[Any]]]:
    """Operators' names and arguments, on the CPU: in both layouts, with and without packs of channels and options."""
    random = torch.Generator("cpu").manual_seed(0)

    def normal(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float32, device="cpu").to(dtype)

    batch = 2
    # Wide ones take several blocks; in tall ones a thread goes down two rows, the last has one.
    for channels, layout, height, width in (
        (5, torch.contiguous_format, 9, 140),
        (5, torch.channels_last, 1025, 3),
        (16, torch.channels_last, 9, 140),
        (16, torch.channels_last, 1025, 3),
    ):
        bias, strength, noise = normal(channels), normal(1), normal(batch, 1, height, width)
        scale, style = normal(batch, channels, dtype=torch.float32), normal(batch, channels, dtype=torch.float32)
        for name, more in (("epilogue", 0), ("fir_epilogue", 1)):
            for options in ([scale, noise, strength, 1.5, style], []):
                x = normal(batch, channels, height + more, width + more).contiguous(memory_format=layout)
                yield name, [x, bias, *options]
    for layout, height, width in ((torch.contiguous_format, 5, 70), (torch.channels_last, 513, 2)):
        skip, bias = normal(batch, 3, height, width).contiguous(memory_format=layout), normal(3)
        for options in ([skip, 1.0], []):
            rgb = normal(batch, 3, 2 * height, 2 * width).contiguous(memory_format=layout)
            yield "rgb_skip", [rgb, bias, *options]


def style_case() -> tuple[Tensor, StyleTable]:
    """w [2, 3, 40] and a table of three convolutions, one of them to RGB, on the CPU."""
    random = torch.Generator("cpu").manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=torch.float32, device="cpu")

    table = StyleTable.build(
        [
            (
                normal(inputs, 40),
                torch.linspace(-1, 50, inputs, device="cpu"),
                normal(outputs, inputs, kernel, kernel),
                gain,
                layer,
                kernel == 3,
            )
            for inputs, outputs, kernel, gain, layer in (
                (24, 1100, 3, 0.1, 0),
                (1100, 3, 1, 0.2, 2),
                (1000, 7, 3, 0.3, 1),
            )
        ]
    )
    return normal(2, 3, 40), table


def to_device(arguments: Sequence[Any], device: torch.device | str, dtype: torch.dtype | None = None) -> list[Any]:
    """Arguments with copies of their tensors on the device, laid out alike: operators overwrite what they get."""
    return [each.to(device, dtype, copy=True) if isinstance(each, Tensor) else each for each in arguments]
