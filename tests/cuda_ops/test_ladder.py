"""Bad luck on the way to the kernels: one line in the log, and the picture that plain PyTorch gives."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import fresh
import pytest
import torch
from fake_driver import FakeDriver
from ffclip.cuda_ops import compiler, driver, epilogue, fir_epilogue, ladder, plain, rgb_skip, status
from ffclip.cuda_ops.driver import CudaDriver
from ffclip.cuda_ops.errors import KernelError


@pytest.fixture
def climb(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Callable[..., str]:
    """Put up a ladder on the CPU, use the operators, and give the one line that was logged."""

    def climb(open_driver: Callable[[torch.device], Any] | None = None, build: Callable | None = None) -> str:
        made = ladder.Ladder(
            "cpu", open_driver or (lambda device: FakeDriver()), build or (lambda architecture: (b"", "0.0"))
        )
        monkeypatch.setattr(ladder, "LADDER", made)
        caplog.clear()
        for _ in range(2):
            x, bias, rgb = torch.randn(1, 4, 5, 5), torch.randn(4), torch.randn(1, 3, 4, 4)
            assert torch.equal(fir_epilogue(x, bias), plain.fir_epilogue(x, bias))
            assert torch.equal(rgb_skip(rgb.clone(), bias[:3]), plain.rgb_skip(rgb.clone(), bias[:3]))
            assert torch.equal(epilogue(x.clone(), bias), plain.epilogue(x.clone(), bias))
        (record,) = caplog.records
        message = record.getMessage()
        prefix = "No CUDA kernels on cpu: "
        assert message.startswith(prefix) and "\n" not in message
        reason = message[len(prefix) :]
        assert status("cpu") == f"plain PyTorch: {reason}" and len(caplog.records) == 1
        return reason

    return climb


def test_no_driver(climb: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *arguments: object, **options: object) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    driver._library.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", missing)
    try:
        assert climb(CudaDriver).startswith("NVIDIA's driver does not load: ")
    finally:
        driver._library.cache_clear()


def test_an_ancient_driver(climb: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Ancient:
        def __getattr__(self, name: str) -> None:
            raise AttributeError(name)

    driver._library.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Ancient())
    try:
        assert climb(CudaDriver) == "NVIDIA's driver is too old: it has no cuGetErrorString"
    finally:
        driver._library.cache_clear()


def test_an_old_driver(climb: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FakeDriver, image: bytes) -> None:
        raise KernelError("cuModuleLoadData: the provided PTX was compiled with an unsupported toolchain. (222)")

    monkeypatch.setattr(FakeDriver, "load", refuse)
    assert "unsupported toolchain" in climb()


def test_no_compiler(climb: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    compiler.nvrtc.cache_clear()
    monkeypatch.setattr(compiler, "_libraries", lambda: iter(()))
    try:
        assert climb(build=compiler.build) == "PyTorch came without NVRTC"
    finally:
        compiler.nvrtc.cache_clear()


def test_kernels_that_do_not_compile(climb: Callable[..., str]) -> None:
    def fail(architecture: int) -> tuple[bytes, str]:
        raise KernelError("nvrtcCompileProgram: NVRTC_ERROR_COMPILATION:\nkernels.cu(1): error")

    assert climb(build=fail) == "nvrtcCompileProgram: NVRTC_ERROR_COMPILATION: kernels.cu(1): error"


@pytest.mark.parametrize(
    "kernel", ["epilogue_float32", "fir_epilogue_bfloat16_pack", "rgb_skip_float16", "styles_float32"]
)
@pytest.mark.parametrize("wrong", ["nothing written", "not a number", "slightly off"])
def test_wrong_numbers(kernel: str, wrong: str, climb: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    launch = FakeDriver.launch

    def mislaunch(self: FakeDriver, function: str, grid: Any, block: Any, arguments: Any, stream: int) -> None:
        if function != kernel or wrong == "slightly off":
            if function == kernel and "styles" in kernel:
                arguments.latent -= 1  # Leaves out the last number of w.
            elif function == kernel:
                arguments.bias += 4  # Each channel has the next one's bias.
            launch(self, function, grid, block, arguments, stream)
        elif wrong == "not a number":
            size = 4 if "32" in kernel else 2
            ctypes.memset(arguments.out, 0xFF, size)

    monkeypatch.setattr(FakeDriver, "launch", mislaunch)
    name, dtype = kernel.removesuffix("_pack").rsplit("_", 1)
    assert climb().startswith(f"the kernel {name} in torch.{dtype} is wrong by ")


def test_any_other_failure(climb: Callable[..., str]) -> None:
    def strange(device: torch.device) -> None:
        raise ZeroDivisionError

    assert climb(strange) == "ZeroDivisionError"


def test_the_switch(climb: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFCLIP_CUDA_OPS", "0")
    assert climb() == "FFCLIP_CUDA_OPS=0 switches the kernels off"


def test_rocm(climb: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert climb() == "this is PyTorch for AMD GPUs (ROCm)"


def test_the_status_says_what_other_devices_run() -> None:
    assert status("cpu") == "plain PyTorch: the kernels are for NVIDIA GPUs, not for the device cpu"
    if not torch.cuda.is_available():
        assert status() == "plain PyTorch: this machine has no NVIDIA GPU"


def test_importing_loads_no_library_and_compiles_nothing() -> None:
    code = """
import sys, torch, threading
events = []
sys.addaudithook(lambda event, arguments: events.append((event, arguments[:1])))
before = threading.active_count()
import ffclip.cuda_ops
names = [e for e in events if e[0] in ("ctypes.dlopen", "subprocess.Popen", "os.mkdir", "socket.connect")]
names += [e for e in events if e[0] == "open" and ".py" not in str(e[1][0])]
assert not names, names
assert threading.active_count() == before
assert not torch.cuda.is_initialized()
"""
    fresh.run(code)


def test_each_device_has_its_own_answer(kernels: FakeDriver) -> None:
    opened: list[torch.device] = []

    def open_driver(device: torch.device) -> FakeDriver:
        opened.append(device)
        if device.index == 1:
            raise KernelError("it is broken")
        return FakeDriver()

    both = ladder.Ladder("cpu", open_driver, lambda architecture: (b"", "0.0"))
    good, broken = torch.device("cpu", 0), torch.device("cpu", 1)
    for _ in range(2):
        assert both.kernels(good) is not None and both.kernels(broken) is None
    assert opened == [good, broken], "it is decided once for each"
    assert "it is broken" in both.status(broken) and "it is broken" not in both.status(good)
    both.retire(good, KernelError("a launch failed"))
    assert both.kernels(good) is None and "it is broken" in both.status(broken)
