"""The kernels on NVIDIA GPUs."""

from __future__ import annotations

from collections.abc import Iterator

import golden
import pytest
import torch
from ffclip.cuda_ops import epilogue, fir_epilogue, plain, rgb_skip, status, styles
from ffclip.cuda_ops.graphs import Graphs
from ffclip.cuda_ops.self_test import TOLERANCES, cases, check, style_case, to_device
from ffclip.ffclip_core.execution.generator import FastGenerator as Generator

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() or torch.version.hip is not None, reason="this machine has no NVIDIA GPU"
)
OPERATORS = {"epilogue": epilogue, "fir_epilogue": fir_epilogue, "rgb_skip": rgb_skip}


@pytest.fixture(params=["first", "second"])
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    index = ["first", "second"].index(request.param)
    if index >= torch.cuda.device_count():
        pytest.skip("this machine has one GPU")
    device = torch.device("cuda", index)
    assert status(device).startswith("CUDA kernels (NVRTC "), status(device)
    yield device


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_operators(dtype: torch.dtype, mode: type[torch.no_grad], device: torch.device) -> None:
    for name, given in cases(dtype):
        expected = getattr(plain, name)(*to_device(given, "cpu", torch.float32))
        with mode():
            result = OPERATORS[name](*to_device(given, device))
        check(name, dtype, result, expected, TOLERANCES[dtype])
    assert status(device).startswith("CUDA kernels (NVRTC "), "an operator failed, and plain PyTorch took its place"


def test_styles(device: torch.device) -> None:
    w, table = style_case()
    results = styles(w.to(device), table.to(device))
    for pair, expected in zip(results, plain.styles(w, table), strict=True):
        for one, other in zip(pair, expected, strict=True):
            if other is not None:
                check("styles", torch.float32, one, other, TOLERANCES[torch.float32])


def test_a_picture_of_full_size(device: torch.device) -> None:
    x = torch.randn(2, 32, 1025, 1025, device=device).half().contiguous(memory_format=torch.channels_last)
    bias, style, noise = (torch.randn(*shape, device=device) for shape in ((32,), (2, 32), (1, 1, 1024, 1024)))
    given = (bias, style, noise, torch.ones(1, device=device), 256.0, style)
    expected = plain.fir_epilogue(*to_device([x, *given], "cpu", torch.float32))
    check("fir_epilogue", torch.float16, fir_epilogue(x, *given), expected, TOLERANCES[torch.float16])


def test_on_another_stream_they_follow_what_was_queued_there(device: torch.device) -> None:
    x, bias = torch.randn(4, 64, 256, 256, device=device), torch.randn(64, device=device)
    weight = torch.randn(64, 64, 3, 3, device=device)
    expected = plain.epilogue(torch.conv2d(x, weight, padding=1), bias)
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        result = epilogue(torch.conv2d(x, weight, padding=1), bias)
    torch.cuda.current_stream(device).wait_stream(side)
    assert golden.error(result, expected) < golden.OPERATORS


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@torch.inference_mode()
def test_a_generator(dtype: torch.dtype, device: torch.device) -> None:
    channels = {4: 64, 8: 64, 16: 64, 32: 32, 64: 32, 128: 16}
    generator = Generator(size=128, channels=channels, latent_dim=64, num_mapping_layers=1).eval().requires_grad_(False)
    for batch in (1, 2):
        w = torch.randn(batch, 12, 64)
        for noise in ("const", "random"):
            expected = generator.to("cpu")(w, noise=noise, seed=3) if dtype == torch.float32 else None
            moved = generator.to(device).set_precision(dtype)
            for _ in range(2):
                found = moved(w.to(device), noise=noise, seed=3)
            if expected is not None:
                # PyTorch lets convolutions use TF32 from Ampere on, whose numbers have 10 binary places.
                assert golden.error(found.cpu(), expected) < 2 * 2**-10
            else:
                assert found.isfinite().all()
    assert not generator._graphs._broken


def test_a_graph_gives_the_same(device: torch.device) -> None:
    bias, graphs = torch.randn(8, device=device), Graphs()
    with torch.no_grad():
        for _ in range(3):
            x = torch.randn(1, 8, 33, 33, device=device)
            result = graphs.run("fir", lambda x: fir_epilogue(x, bias), [x])
            assert golden.error(result, fir_epilogue(x, bias)) < golden.OPERATORS
    assert not graphs._broken
