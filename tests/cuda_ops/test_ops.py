"""The operators against stored outputs of the reference implementation."""

from __future__ import annotations

import golden
import pytest
import torch
from ffclip.cuda_ops import fused_leaky_relu, upfirdn2d

OPS = golden.tensors("ops")


@pytest.mark.parametrize("case", golden.table("upfirdn2d"), ids=lambda case: case["name"].replace(" ", "-"))
def test_upfirdn2d(case: dict) -> None:
    x, y = OPS[f"upfirdn2d.{case['i']}.x"], OPS[f"upfirdn2d.{case['i']}.y"]
    kernel = OPS[f"kernel.{case['kernel']}"]
    assert golden.error(upfirdn2d(x, kernel, case["up"], case["down"], tuple(case["pad"])), y) < golden.OPERATORS


@pytest.mark.parametrize("i", range(6))
def test_fused_leaky_relu(i: int) -> None:
    x, b, y = (OPS[f"flrelu.{i}.{name}"] for name in "xby")
    # The reference adds the bias to axis 1 of whatever it is given.
    bias = b.view(1, -1, *[1] * (x.ndim - 2)) if x.shape[1] == len(b) and x.ndim != 3 else b
    assert golden.error(fused_leaky_relu(x, bias), y) < golden.OPERATORS


def test_a_scale_multiplies_before_the_bias() -> None:
    x, bias, scale = torch.randn(2, 3, 4, 4), torch.randn(3, 1, 1), torch.rand(2, 3, 1, 1)
    assert golden.error(fused_leaky_relu(x, bias, scale), fused_leaky_relu(x * scale, bias)) < golden.OPERATORS


def test_gradients_reach_every_input() -> None:
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, 1, 1, dtype=torch.float64, requires_grad=True)
    scale = torch.rand(1, 2, 1, 1, dtype=torch.float64, requires_grad=True)
    kernel = OPS["kernel.1331"].double()
    assert torch.autograd.gradcheck(lambda x: upfirdn2d(x, kernel, up=2, pad=(2, 1)), (x,))
    assert torch.autograd.gradcheck(fused_leaky_relu, (x, bias, scale))
