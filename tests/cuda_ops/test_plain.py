"""The operators in plain PyTorch, against their formulas, and their gradients."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import golden
import pytest
import torch
import torch.nn.functional as F
from ffclip.cuda_ops import StyleTable, epilogue, fir_epilogue, rgb_skip, styles, upfirdn2d
from ffclip.cuda_ops.self_test import TOLERANCES
from torch import Tensor

TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0])
FIR = torch.outer(TAPS, TAPS) / 16


def formula(
    x: Tensor,
    bias: Tensor,
    demodulation: Tensor | None,
    noise: Tensor | None,
    strength: Tensor | None,
    clamp: float | None,
    style: Tensor | None,
) -> Tensor:
    if demodulation is not None:
        x = x * demodulation[:, :, None, None]
    if noise is not None and strength is not None:
        x = x + strength * noise
    x = F.leaky_relu(x + bias[:, None, None], 0.2) * 2**0.5
    if clamp is not None:
        x = x.clamp(-clamp, clamp)
    return x if style is None else x * style[:, :, None, None]


def options(batch: int, channels: int, height: int, width: int) -> list[list]:
    """Every combination of demodulation, noise with its strength, clamp and style, present or None."""
    kinds = [
        [(None,), (torch.rand(batch, channels) + 0.5,)],
        [
            (None, None),
            (torch.randn(batch, 1, height, width), torch.randn(1)),
            (torch.randn(1, 1, height, width), torch.randn(1)),
        ],
        [(None,), (0.7,)],
        [(None,), (torch.randn(batch, channels),)],
    ]
    return [[*itertools.chain(*each)] for each in itertools.product(*kinds)]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_epilogue_is_its_formula_with_every_option_and_without(layout: torch.memory_format) -> None:
    bias = torch.randn(5)
    for given in options(2, 5, 7, 9):
        x = torch.randn(2, 5, 7, 9).contiguous(memory_format=layout)
        assert golden.error(epilogue(x.clone(), bias, *given), formula(x, bias, *given)) < golden.OPERATORS


@pytest.mark.parametrize("batch", [1, 2])
def test_the_fir_epilogue_filters_what_a_transposed_convolution_gives(batch: int) -> None:
    x, bias = torch.randn(batch, 5, 15, 19), torch.randn(5)
    for given in options(batch, 5, 14, 18):
        expected = formula(upfirdn2d(x, FIR, pad=(1, 1)), bias, *given)
        assert golden.error(fir_epilogue(x, bias, *given), expected) < golden.OPERATORS


@pytest.mark.parametrize("clamp", [None, 0.5])
def test_the_skip_is_upsampled_and_added(clamp: float | None) -> None:
    rgb, bias, skip = torch.randn(2, 3, 8, 12), torch.randn(3), torch.randn(2, 3, 4, 6)
    alone = rgb + bias[:, None, None] if clamp is None else (rgb + bias[:, None, None]).clamp(-clamp, clamp)
    assert golden.error(rgb_skip(rgb.clone(), bias, clamp=clamp), alone) < golden.OPERATORS
    expected = alone + upfirdn2d(skip, FIR, up=2, pad=(2, 1))
    assert golden.error(rgb_skip(rgb.clone(), bias, skip, clamp), expected) < golden.OPERATORS


def convolutions(latent: int = 8) -> list[tuple[Tensor, Tensor, Tensor, float, int, bool]]:
    sizes = ((5, 6, 3, 0.1, 0), (6, 3, 1, 0.2, 2), (6, 7, 3, 0.3, 1))
    return [
        (torch.randn(i, latent), torch.randn(i), torch.randn(o, i, k, k), gain, layer, k == 3)
        for i, o, k, gain, layer in sizes
    ]


def test_styles_and_demodulations_make_a_shared_convolution_the_modulated_one() -> None:
    given, w = convolutions(), torch.randn(2, 3, 8)
    results = styles(w, StyleTable.build(given))
    for (affine, bias, weight, gain, layer, demodulate), (style, demodulation) in zip(given, results, strict=True):
        x = torch.randn(2, weight.shape[1], 5, 5)
        result = F.conv2d(x * style[:, :, None, None], weight)
        if demodulation is not None:
            result = result * demodulation[:, :, None, None]
            assert golden.error(style.abs().amax(1), torch.full((2,), gain)) < golden.OPERATORS
        assert (demodulation is not None) == demodulate
        for i in range(2):
            modulated = weight * gain * (affine @ w[i, layer] + bias)[:, None, None]
            if demodulate:
                modulated = modulated * torch.rsqrt(modulated.square().sum((1, 2, 3), keepdim=True) + 1e-8)
            assert golden.error(result[i], F.conv2d(x[i], modulated)) < golden.OPERATORS


def test_styles_are_float32_and_finite_whatever_comes_in() -> None:
    given = [tuple(each.half() if isinstance(each, Tensor) else each for each in one) for one in convolutions()]
    table = StyleTable.build(given)  # pyright: ignore
    for w in (torch.randn(2, 3, 8).half() * 1000, torch.zeros(2, 3, 8).bfloat16()):
        for pair in styles(w, table):
            assert all(each.dtype == torch.float32 and each.isfinite().all() for each in pair if each is not None)


def test_gradients_reach_w_and_the_weights_through_a_table() -> None:
    given, w = convolutions(), torch.randn(2, 3, 8, requires_grad=True)
    weights = [each.requires_grad_() for one in given for each in one if isinstance(each, Tensor)]
    pairs = styles(w, StyleTable.build(given))
    sum(each.sum() for pair in pairs for each in pair if each is not None).backward()  # pyright: ignore
    assert w.grad is not None and w.grad.abs().sum() > 0
    assert all((each.grad is not None) == (each.ndim < 4 or each.shape[-1] == 3) for each in weights)


def test_a_table_refuses_weights_that_do_not_belong_together() -> None:
    affine, bias, weight, *rest = convolutions()[0]
    for wrong in ([], [(affine[1:], bias, weight, *rest)], [(affine, bias[1:], weight, *rest)]):
        with pytest.raises(ValueError):
            StyleTable.build(wrong)  # pyright: ignore


def test_without_gradients_they_work_in_place() -> None:
    x, bias, style = torch.randn(2, 5, 6, 6), torch.randn(5), torch.randn(2, 5)
    rgb = torch.randn(2, 3, 6, 6)
    assert epilogue(x, bias, style, torch.randn(1, 1, 6, 6), torch.ones(1), 1.0, style) is x
    assert rgb_skip(rgb, torch.randn(3), torch.randn(2, 3, 3, 3), 1.0) is rgb


def test_what_must_not_be_overwritten_is_not() -> None:
    bias = torch.randn(5, requires_grad=True)
    with torch.inference_mode():
        frozen = torch.randn(2, 5, 6, 6)
    shared = torch.randn(1, 5, 1, 1).expand(2, 5, 6, 6)
    for x, given in ((torch.randn(2, 5, 6, 6), bias), (frozen, bias.detach()), (shared, bias.detach())):
        before = x.clone()
        result = epilogue(x, given, clamp=1.0)
        assert torch.equal(x, before) and not torch.equal(result, before)
        assert golden.error(result, formula(before, given, None, None, None, 1.0, None)) < golden.OPERATORS


def test_the_filter_made_in_inference_mode_serves_training() -> None:
    x, bias = torch.randn(1, 2, 5, 5, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    with torch.inference_mode():
        fir_epilogue(x, bias)
    fir_epilogue(x.requires_grad_(), bias).sum().backward()
    assert x.grad is not None and x.grad.abs().min() > 0


def test_half_precision_stays_near_float32() -> None:
    bias = torch.randn(5)
    *given, style = options(2, 5, 14, 18)[-1]
    given = [*given[:3], 100.0, style]
    x = torch.randn(2, 5, 15, 19)
    for dtype in (torch.float16, torch.bfloat16):
        result = fir_epilogue(x.to(dtype), bias, *given)
        expected = fir_epilogue(x, bias, *given)
        assert result.dtype == dtype
        assert golden.largest_error(result, expected) < TOLERANCES[dtype]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("operator", [epilogue, fir_epilogue])
def test_they_are_twice_differentiable(operator: Callable[..., Tensor], batch: int) -> None:
    more = operator is fir_epilogue
    tensors = [
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((batch, 2, 3 + more, 4 + more), (2,), (batch, 2), (batch, 1, 3, 4), (1,), (batch, 2))
    ]

    def run(*given: Tensor) -> Tensor:
        return operator(*given[:5], 2.0, given[5])

    assert torch.autograd.gradcheck(run, tensors)
    assert torch.autograd.gradgradcheck(run, tensors)


@pytest.mark.parametrize("scale", [0, 1e-30, 1e-12])
def test_styles_that_are_nothing_give_no_nan(scale: float) -> None:
    """A layer whose affine weights and biases are 0, or so small that their squares are."""
    affine, weight = torch.randn(5, 4) * scale, torch.randn(6, 5, 3, 3)
    table = StyleTable.build(
        [(affine, torch.zeros(5), weight, 0.1, 0, True), (affine, torch.zeros(5), weight, 1, 0, False)]
    )
    w = torch.randn(2, 1, 4, requires_grad=True)
    for style, demodulation in styles(w, table):
        assert style.isfinite().all()
        assert demodulation is None or demodulation.isfinite().all()
        product = (
            style.double() if demodulation is None else style.double()[:, None] * demodulation.double()[:, :, None]
        )
        assert product.abs().max() <= 1e6 * scale
        (gradient,) = torch.autograd.grad(style.sum(), w, retain_graph=True)
        assert gradient.isfinite().all()


def test_the_filter_is_kept_for_each_device_and_number_format() -> None:
    for device, dtype in itertools.product(("cpu", "meta", "cpu"), (torch.float64, torch.float32, torch.bfloat16)):
        x, bias = torch.ones(1, 2, 5, 5, device=device, dtype=dtype), torch.zeros(2, device=device, dtype=dtype)
        result = fir_epilogue(x, bias)
        assert (result.device.type, result.dtype) == (device, dtype)
        if device == "cpu":
            # In the middle the filter, whose sum is 4, sees nothing but ones.
            expected = torch.full((1, 2, 2, 2), 4 * 2**0.5, dtype=torch.float64)
            assert golden.error(result[:, :, 1:3, 1:3], expected) < 4 * torch.finfo(dtype).eps


def test_styles_of_zeros_divide_by_no_zero() -> None:
    affine, bias, weight, *rest = convolutions()[0]
    table = StyleTable.build([(affine, torch.zeros_like(bias), weight, *rest)])  # pyright: ignore
    w = torch.zeros(2, 1, 8)
    w[1] = 1
    ((style, demodulation),) = styles(w, table)
    assert demodulation is not None and style.isfinite().all() and demodulation.isfinite().all()
    assert not style[0].any() and style[1].all(), "the other picture of the batch has its own"
