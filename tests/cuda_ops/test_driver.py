"""CudaDriver over a library with the driver's own functions, which runs the kernels on the CPU."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from types import SimpleNamespace

import golden
import pytest
import torch
from fake_driver import shim_library
from ffclip.cuda_ops import driver, fir_epilogue, ladder, plain, status
from ffclip.cuda_ops.driver import CudaDriver
from ffclip.cuda_ops.errors import KernelError

IMAGE = b"\x7f\0ELF"  # With a zero, as machine code has.


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[ctypes.CDLL]:
    loaded = shim_library()
    driver._library.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: loaded)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (12, 1))
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=2**40 + 5))
    yield loaded
    driver._library.cache_clear()
    assert loaded.pushed_contexts() == 0


def climb(monkeypatch: pytest.MonkeyPatch, image: bytes) -> None:
    monkeypatch.setattr(ladder, "LADDER", ladder.Ladder("cpu", CudaDriver, lambda architecture: (image, "13.0")))


def test_it_runs_the_operators_on_the_current_stream(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    climb(monkeypatch, IMAGE)
    x, bias = torch.randn(1, 4, 5, 5), torch.randn(4)
    assert golden.error(fir_epilogue(x, bias), plain.fir_epilogue(x, bias)) < golden.OPERATORS
    assert status("cpu") == "CUDA kernels (NVRTC 13.0, sm_121)"
    library.stream_of_last_launch.restype = ctypes.c_void_p
    assert library.stream_of_last_launch() == 2**40 + 5


def test_the_drivers_words_are_in_the_reason(
    library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    climb(monkeypatch, b"no image")
    x, bias = torch.randn(1, 4, 5, 5), torch.randn(4)
    assert torch.equal(fir_epilogue(x, bias), plain.fir_epilogue(x, bias))
    assert status("cpu") == "plain PyTorch: cuModuleLoadData: device kernel image is invalid (200)"
    assert len(caplog.records) == 1


def test_an_error_without_words_has_its_number(library: ctypes.CDLL) -> None:
    opened = CudaDriver(torch.device("cpu"))
    with pytest.raises(KernelError, match=r"cuModuleGetFunction: unknown error \(500\)"):
        opened.function(opened.load(IMAGE), "no_such_kernel")
