"""What needs no GPU: a driver that runs kernels.cu, built for the CPU, on the tensors' own memory, and keeps a record;
and graphs that call their function again."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from ffclip.cuda_ops import ladder
from ffclip.cuda_ops.compiler import SOURCE
from ffclip.cuda_ops.driver import Sizes
from torch import Tensor

SHIM = Path(__file__).with_name("shim.cpp")
C_TYPES = {"int": ctypes.c_int, "long long": ctypes.c_longlong, "float": ctypes.c_float}


@dataclass(frozen=True)
class Launch:
    kernel: str
    grid: Sizes
    block: Sizes
    arguments: ctypes.Structure
    stream: int


class FakeDriver:
    """What driver.Driver is, on the CPU. `launches` is the record, `current_stream` what it calls the current one."""

    architecture = 90

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.current_stream = 7
        self._library = shim_library()
        self._lock = threading.Lock()

    def load(self, image: bytes) -> bytes:
        return image

    def function(self, module: bytes, name: str) -> str:
        getattr(self._library, name)  # AttributeError: kernels.cu has no such kernel.
        return name

    def stream(self) -> int:
        return self.current_stream

    def launch(self, function: str, grid: Sizes, block: Sizes, arguments: ctypes.Structure, stream: int) -> None:
        assert min(*grid, *block) > 0 and max(grid[1:]) < 65536
        copy = type(arguments).from_buffer_copy(arguments)
        with self._lock:
            self.launches.append(Launch(function, grid, block, copy, stream))
            sizes = ((ctypes.c_uint * 3)(*each) for each in (grid, block))
            getattr(self._library, function)(ctypes.byref(arguments), *sizes)


class FakeCapture:
    """Counts captures and replays; its output is one tensor, as a real graph's."""

    device_type = "cpu"

    def __init__(self) -> None:
        self.captured, self.replayed = 0, 0

    def __call__(self, function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> Callable[[], Tensor]:
        self.captured += 1
        output = function(*inputs)

        def replay() -> Tensor:
            self.replayed += 1
            return output.copy_(function(*inputs))

        return replay


@lru_cache(maxsize=1)
def shim_library() -> ctypes.CDLL:
    """kernels.cu as a library for the CPU. Skips the test where there is no g++ on Linux."""
    compiler = shutil.which("g++")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("running the kernels on the CPU needs g++ on Linux")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernels.so"
        options = ["-O1", "-std=c++17", "-shared", "-fPIC", "-fno-strict-aliasing", "-w", f'-DKERNELS="{SOURCE}"']
        subprocess.run([compiler, *options, "-o", library, SHIM], check=True)
        return ctypes.CDLL(str(library))


def structures() -> dict[str, list[tuple[str, type]]]:
    """The fields of each structure of arguments in kernels.cu, with their types as ctypes has them."""
    source = SOURCE.read_text(encoding="utf-8")
    found = {}
    for name, body in re.findall(r"struct (\w+Arguments) \{(.*?)\};", source, re.DOTALL):
        fields = re.findall(r"^\s*(.*?)(\w+);$", body, re.MULTILINE)
        found[name] = [(field, ctypes.c_void_p if "*" in kind else C_TYPES[kind.strip()]) for kind, field in fields]
    return found


@pytest.fixture(scope="session")
def decided() -> tuple[FakeDriver, ladder.Ladder]:
    """A ladder whose kernels have passed their test, which takes half a second."""
    driver = FakeDriver()
    made = _ladder(driver)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(ladder.SWITCH, raising=False)
        assert made.status(torch.device("cpu")) == "CUDA kernels (NVRTC 0.0, sm_90)"
    return driver, made


@pytest.fixture
def kernels(decided: tuple[FakeDriver, ladder.Ladder], monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    """The operators take tensors on the CPU through the kernels, by a driver that keeps a record."""
    driver, made = decided
    # One of its own: what a test does to it is forgotten.
    own = _ladder(driver)
    own._rungs.update(made._rungs)
    monkeypatch.setattr(ladder, "LADDER", own)
    monkeypatch.setattr(driver, "launches", [])
    monkeypatch.setattr(driver, "current_stream", driver.current_stream)
    return driver


def _ladder(driver: FakeDriver) -> ladder.Ladder:
    return ladder.Ladder("cpu", lambda device: driver, lambda architecture: (b"", "0.0"))
