"""kernels.cu, built for the CPU and launched through a fake driver, against plain PyTorch."""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable
from typing import Any

import fake_driver
import golden
import pytest
import torch
from fake_driver import FakeDriver
from ffclip.cuda_ops import StyleTable, epilogue, fir_epilogue, ladder, plain, rgb_skip, status, styles
from ffclip.cuda_ops import kernels as launching
from ffclip.cuda_ops.errors import KernelError
from ffclip.cuda_ops.self_test import TOLERANCES, check
from torch import Tensor

DTYPES = list(TOLERANCES)
LAYOUTS = [torch.contiguous_format, torch.channels_last]
GUARD = 64  # elements before and after a guarded tensor


def guarded(x: Tensor, layout: torch.memory_format = torch.contiguous_format) -> tuple[Tensor, Callable[[], None]]:
    """A copy of x between NaNs, and a check that they are still there: what is read or written beyond shows."""
    whole = torch.full((x.numel() + 2 * GUARD,), float("nan"), dtype=x.dtype)
    copy = whole.as_strided(x.shape, torch.empty_like(x, memory_format=layout).stride(), GUARD)
    copy.copy_(x)

    def unharmed() -> None:
        assert whole[:GUARD].isnan().all() and whole[-GUARD:].isnan().all()

    return copy, unharmed


def options(batch: int, channels: int, height: int, width: int, dtype: torch.dtype) -> list[list[Any]]:
    """Every combination of demodulation, noise with its strength, clamp and style; parameters in both dtypes."""
    kinds = [
        [(None,), (torch.rand(batch, channels) + 0.5,), ((torch.rand(batch, channels) + 0.5).to(dtype),)],
        [
            (None, None),
            (torch.randn(batch, 1, height, width), torch.randn(1).to(dtype)),
            (torch.randn(1, 1, height, width).to(dtype), torch.randn(1)),
            (torch.randn(1, 1, height, width).to(dtype), None),
        ],
        [(None,), (1.5,)],
        [(None,), (torch.randn(batch, channels),), (torch.randn(batch, channels).to(dtype),)],
    ]
    return [[*itertools.chain(*each)] for each in itertools.product(*kinds)]


def floats(values: list[Any]) -> list[Any]:
    return [each.float() if isinstance(each, Tensor) else each for each in values]


# Channels: none to pack, several packs, a pack of float32 only.
@pytest.mark.parametrize("channels", [5, 16, 12])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["epilogue", "fir_epilogue"])
def test_layers(
    name: str,
    dtype: torch.dtype,
    layout: torch.memory_format,
    channels: int,
    kernels: FakeDriver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more = name == "fir_epilogue"
    operator = {"epilogue": epilogue, "fir_epilogue": fir_epilogue}[name]
    pack = 16 // dtype.itemsize
    packed = layout == torch.channels_last and channels % pack == 0
    # One pixel; strips of two rows and one; full blocks, or a last one that is not.
    for height, width, enough_blocks in ((1, 1, 1024), (5, 7, 5), (4, 320, 1024)):
        monkeypatch.setattr(launching, "ENOUGH_BLOCKS", enough_blocks)
        x = torch.randn(2, channels, height + more, width + more).to(dtype)
        bias = torch.randn(channels).to(dtype)
        every = options(2, channels, height, width, dtype)
        for given in every if width < 320 else every[-1:]:
            expected = getattr(plain, name)(*floats([x.clone(), bias, *given]))
            copy, unharmed = guarded(x, layout)
            kernels.launches.clear()
            result = operator(copy, bias, *given)
            check(name, dtype, result, expected, TOLERANCES[dtype])
            unharmed()
            assert result.dtype == dtype and result.is_contiguous(memory_format=layout)
            assert (result is copy) == (not more)
            (launch,) = kernels.launches
            assert launch.kernel.startswith(f"{name}_{str(dtype)[6:]}")
            if width > 1:
                assert launch.kernel.endswith("_pack") == packed
            columns = channels // (pack if launch.kernel.endswith("_pack") else 1) * width
            covers_all(launch, columns, height, 2)
            assert (launch.arguments.rows == 2) == (height == 5)
            assert launch.arguments.out == result.data_ptr() and launch.arguments.x == copy.data_ptr()
            assert [getattr(launch.arguments, f"x_{axis}") for axis in AXES] == list(copy.stride())


AXES = ("batch", "channel", "row", "column")


def covers_all(launch: fake_driver.Launch, columns: int, height: int, batch: int) -> None:
    """Every element has a thread, and no block is idle."""
    blocks, strips, samples = launch.grid
    assert (blocks - 1) * launch.block[0] < columns <= blocks * launch.block[0]
    assert (strips - 1) * launch.arguments.rows < height <= strips * launch.arguments.rows
    assert samples == batch


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rgb_skip(dtype: torch.dtype, layout: torch.memory_format, kernels: FakeDriver) -> None:
    for (height, width), bias_dtype, clamp in itertools.product(
        ((2, 2), (6, 10), (4, 300)), (dtype, None), (None, 1.0)
    ):
        rgb, bias = torch.randn(2, 3, height, width).to(dtype), torch.randn(3).to(bias_dtype or torch.float32)
        for skip in (None, torch.randn(2, 3, height // 2, width // 2).to(dtype)):
            expected = plain.rgb_skip(*floats([rgb.clone(), bias, skip, clamp]))
            copy, unharmed = guarded(rgb, layout)
            half, half_unharmed = (None, unharmed) if skip is None else guarded(skip, layout)
            kernels.launches.clear()
            assert rgb_skip(copy, bias, half, clamp) is copy
            check("rgb_skip", dtype, copy, expected, TOLERANCES[dtype])
            unharmed()
            half_unharmed()
            (launch,) = kernels.launches
            assert launch.kernel == f"rgb_skip_{str(dtype)[6:]}"
            covers_all(launch, 3 * width, height, 2)


def table(latent: int = 40) -> StyleTable:
    sizes = ((24, 1100, 3, 0.1, 0), (1100, 3, 1, 0.2, 2), (1000, 7, 3, 0.3, 1), (1, 1, 1, 0.5, 3))
    return StyleTable.build(
        [
            (torch.randn(i, latent), torch.linspace(-1, 50, i), torch.randn(o, i, k, k), gain, layer, k == 3)
            for i, o, k, gain, layer in sizes
        ]
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_styles(dtype: torch.dtype, kernels: FakeDriver) -> None:
    given, w = table(), torch.randn(3, 4, 40).to(dtype)
    w[1] = 0  # Its styles are the biases.
    results = styles(w, given)
    for pair, expected, shape in zip(results, plain.styles(w, given), given.shapes, strict=True):
        assert pair[0].shape == (3, shape.inputs) and (pair[1] is None) == (not shape.demodulate)
        for one, other in zip(pair, expected, strict=True):
            if one is not None and other is not None:
                assert one.is_contiguous() and one.dtype == torch.float32
                check("styles", torch.float32, one, other, TOLERANCES[torch.float32])
    (launch,) = kernels.launches
    assert launch.kernel == "styles_float32" and launch.grid == (4, 3, 1)


def test_a_style_of_zeros_divides_by_no_zero(kernels: FakeDriver) -> None:
    zeros = StyleTable.build([(torch.zeros(4, 8), torch.zeros(4), torch.randn(5, 4, 3, 3), 0.1, 0, True)])
    ((style, demodulation),) = styles(torch.randn(1, 1, 8), zeros)
    assert not style.any() and demodulation is not None and demodulation.isfinite().all()
    assert len(kernels.launches) == 1


def test_nan_and_infinity_come_through_as_in_pytorch(kernels: FakeDriver) -> None:
    for dtype in DTYPES:
        x = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, 1e4, -1e-7]).to(dtype).view(1, 6, 1, 1)
        for clamp in (None, 256.0):
            result = epilogue(x.clone(), torch.zeros(6), clamp=clamp)
            torch.testing.assert_close(result, plain.epilogue(x.clone(), torch.zeros(6), clamp=clamp), equal_nan=True)
    assert len(kernels.launches) == 6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_bit_pattern_widens_and_rounds_as_in_pytorch(dtype: torch.dtype, kernels: FakeDriver) -> None:
    x = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
    sizes = x.float().nan_to_num(0, 1, 1)
    # Nothing, a random part of the last digit, and half of it: ties.
    for part in (0, torch.rand(len(x)) * 2, 0.5):
        bias = sizes * torch.finfo(dtype).eps * part
        expected = (x.float() + bias).to(dtype)
        result = rgb_skip(x.clone().view(1, -1, 1, 1), bias).flatten()
        assert torch.equal(result.isnan(), expected.isnan())
        assert torch.equal(result.nan_to_num(0), expected.nan_to_num(0))
    longest = torch.tensor([2**31 - 1], dtype=torch.int32).view(torch.float32)  # A NaN that rounding would carry over.
    assert rgb_skip(torch.zeros(1, 1, 1, 1, dtype=dtype), longest).isnan()
    assert len(kernels.launches) == 4


@pytest.mark.parametrize("inference", [False, True])
def test_they_run_in_inference_mode_and_without_gradients(inference: bool, kernels: FakeDriver) -> None:
    bias = torch.nn.Parameter(torch.randn(4))
    with torch.inference_mode(inference), torch.no_grad():
        x = torch.randn(1, 4, 5, 5)
        expected = plain.epilogue(x.clone(), bias)
        assert golden.error(epilogue(x, bias), expected) < golden.OPERATORS
        assert golden.error(fir_epilogue(x, bias), plain.fir_epilogue(x, bias)) < golden.OPERATORS
    assert len(kernels.launches) == 2


def test_they_launch_on_the_current_stream(kernels: FakeDriver) -> None:
    for stream in (11, 12):
        kernels.current_stream = stream
        epilogue(torch.randn(1, 4, 5, 5), torch.zeros(4))
        styles(torch.randn(1, 4, 40), table())
        rgb_skip(torch.randn(1, 3, 4, 4), torch.zeros(3))
    assert [launch.stream for launch in kernels.launches] == [11] * 3 + [12] * 3


def test_tensors_need_not_be_dense(kernels: FakeDriver) -> None:
    whole, noise = torch.randn(2, 8, 9, 20), torch.randn(1, 1, 1, 5).expand(2, 1, 9, 5)
    x, bias, style = whole[:, 1::2, :, 3:18:3], torch.randn(8)[::2], torch.randn(4, 2).T
    before = whole.clone()
    result = epilogue(x, bias, style, noise, torch.ones(1))
    assert golden.error(result, plain.epilogue(x.clone(), bias, style, noise, torch.ones(1))) < golden.OPERATORS
    assert torch.equal(whole, before) and len(kernels.launches) == 1


def test_where_a_gradient_is_needed_pytorch_runs(kernels: FakeDriver) -> None:
    x, bias, w = torch.randn(1, 4, 5, 5), torch.randn(4, requires_grad=True), torch.randn(1, 4, 40, requires_grad=True)
    assert epilogue(x, bias).requires_grad and fir_epilogue(x, bias).requires_grad
    assert rgb_skip(torch.randn(1, 4, 4, 4), bias).requires_grad
    assert styles(w, table())[0][0].requires_grad
    trained = StyleTable.build([(torch.randn(4, 8, requires_grad=True), x[0, 0, 0, :4], x[:, :, :3, :3], 1.0, 0, True)])
    assert styles(torch.randn(1, 1, 8), trained)[0][0].requires_grad
    assert not kernels.launches


@pytest.mark.parametrize("operator", [epilogue, fir_epilogue])
def test_two_derivatives_of_float32_pictures_are_there(operator: Callable[..., Tensor], kernels: FakeDriver) -> None:
    x, bias = torch.randn(1, 4, 5, 5, requires_grad=True), torch.randn(4, requires_grad=True)
    (first,) = torch.autograd.grad(operator(x, bias).square().sum(), x, create_graph=True)
    first.square().sum().backward()
    assert bias.grad is not None and bias.grad.any() and not kernels.launches


def test_what_the_kernels_do_not_take_pytorch_does(kernels: FakeDriver) -> None:
    double = torch.randn(1, 4, 5, 5, dtype=torch.float64)
    assert epilogue(double.clone(), torch.zeros(4, dtype=torch.float64)).dtype == torch.float64
    assert epilogue(torch.randn(0, 4, 5, 5), torch.zeros(4)).shape == (0, 4, 5, 5)
    assert styles(torch.randn(0, 4, 40), table())[0][0].shape == (0, 24)
    with pytest.raises(RuntimeError):
        epilogue(torch.randn(1, 4, 5, 5), torch.zeros(3))
    with pytest.raises(RuntimeError):
        epilogue(torch.randn(1, 4, 5, 5), torch.zeros(4), noise=torch.zeros(1, 1, 4, 5))
    with pytest.raises(RuntimeError):
        rgb_skip(torch.randn(1, 3, 4, 4), torch.zeros(3), torch.zeros(1, 3, 4, 4))
    with pytest.raises((IndexError, RuntimeError)):
        styles(torch.randn(1, 3, 40), table())
    assert not kernels.launches


def test_larger_than_an_index_is_left_to_pytorch(kernels: FakeDriver) -> None:
    huge = torch.empty(1, 1, 1, 1).expand(4, 2**10, 2**10, 2**10)
    assert ladder.LADDER.kernels(huge.device).epilogue(huge, torch.zeros(2**10)) is None  # pyright: ignore
    many = torch.empty(1, 1, 1, 1).expand(2**17, 1, 1, 1)
    assert ladder.LADDER.kernels(huge.device).epilogue(many, torch.zeros(1)) is None  # pyright: ignore


def test_a_launch_that_fails_costs_one_line_and_no_picture(
    kernels: FakeDriver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: object) -> None:
        raise KernelError("cuLaunchKernel: out of luck (1)")

    monkeypatch.setattr(kernels, "launch", refuse)
    for _ in range(2):
        x, bias = torch.randn(1, 4, 5, 5), torch.randn(4)
        assert golden.error(fir_epilogue(x, bias), plain.fir_epilogue(x, bias)) < golden.OPERATORS
    assert [record.getMessage() for record in caplog.records] == [
        "No CUDA kernels on cpu: cuLaunchKernel: out of luck (1)"
    ]
    assert status("cpu") == "plain PyTorch: cuLaunchKernel: out of luck (1)"


def test_threads_share_one_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    driver, opened = FakeDriver(), []
    shared = ladder.Ladder("cpu", lambda device: opened.append(device) or driver, lambda architecture: (b"", "0.0"))
    monkeypatch.setattr(ladder, "LADDER", shared)
    x, bias, results = torch.randn(1, 4, 5, 5), torch.randn(4), []
    threads = [threading.Thread(target=lambda: results.append(epilogue(x.clone(), bias))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1 and len(results) == 4
    for result in results:
        assert golden.error(result, plain.epilogue(x.clone(), bias)) < golden.OPERATORS


def test_arguments_are_laid_out_as_in_kernels_cu() -> None:
    structures = fake_driver.structures()
    assert len(structures) == 3
    for name, fields in structures.items():
        given: type[ctypes.Structure] = getattr(launching, name)
        assert [(field[0], field[1]) for field in given._fields_] == fields  # pyright: ignore
