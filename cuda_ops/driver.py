"""The few calls of NVIDIA's driver that run a kernel, on PyTorch's own context and streams."""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import Any, Protocol

import torch

from .errors import KernelError

Sizes = tuple[int, int, int]


class Driver(Protocol):
    """Runs kernels on one device. What fails raises KernelError."""

    architecture: int  # 90 for compute capability 9.0

    def load(self, image: bytes) -> Any: ...

    def function(self, module: Any, name: str) -> Any: ...

    def stream(self) -> int:
        """PyTorch's current stream on the device."""
        ...

    def launch(self, function: Any, grid: Sizes, block: Sizes, arguments: ctypes.Structure, stream: int) -> None: ...


class CudaDriver:
    """The driver for one CUDA device. Raises KernelError where no driver loads."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._library = _library()
        major, minor = torch.cuda.get_device_capability(device)
        self.architecture = 10 * major + minor
        self._context = ctypes.c_void_p()
        with torch.cuda.device(device):
            torch.cuda.synchronize()  # After it PyTorch's context is the current one.
            self._call("cuCtxGetCurrent", self._context)

    def load(self, image: bytes) -> ctypes.c_void_p:
        module = ctypes.c_void_p()
        self._in_context("cuModuleLoadData", module, image)
        return module

    def function(self, module: ctypes.c_void_p, name: str) -> ctypes.c_void_p:
        function = ctypes.c_void_p()
        self._in_context("cuModuleGetFunction", function, module, name.encode())
        return function

    def stream(self) -> int:
        return torch.cuda.current_stream(self._device).cuda_stream

    def launch(
        self, function: ctypes.c_void_p, grid: Sizes, block: Sizes, arguments: ctypes.Structure, stream: int
    ) -> None:
        parameters = (ctypes.c_void_p * 1)(ctypes.addressof(arguments))
        self._in_context("cuLaunchKernel", function, *grid, *block, 0, stream, parameters, None)

    def _in_context(self, name: str, *arguments: object) -> None:
        # A thread's current context may be another device's, or none.
        self._call("cuCtxPushCurrent_v2", self._context)
        try:
            self._call(name, *arguments)
        finally:
            self._call("cuCtxPopCurrent_v2", ctypes.c_void_p())

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            text = ctypes.c_char_p()
            self._library.cuGetErrorString(code, text)
            raise KernelError(f"{name}: {(text.value or b'unknown error').decode()} ({code})")


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    name = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise KernelError(f"NVIDIA's driver does not load: {error}") from error
    handle, out, size = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint
    signatures = {
        "cuGetErrorString": (ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)),
        "cuCtxGetCurrent": (out,),
        "cuCtxPushCurrent_v2": (handle,),
        "cuCtxPopCurrent_v2": (out,),
        "cuModuleLoadData": (out, ctypes.c_char_p),
        "cuModuleGetFunction": (out, handle, ctypes.c_char_p),
        "cuLaunchKernel": (handle, *[size] * 7, handle, out, out),
    }
    for name, types in signatures.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise KernelError(f"NVIDIA's driver is too old: it has no {name}") from None
        function.argtypes, function.restype = types, ctypes.c_int
    return library
