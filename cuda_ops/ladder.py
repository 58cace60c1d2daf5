"""Which rung a device stands on: the kernels where they compile and pass their test, plain PyTorch elsewhere."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

import torch

from . import compiler
from .driver import CudaDriver, Driver
from .errors import KernelError
from .kernels import Kernels
from .self_test import self_test

logger = logging.getLogger(__name__)

SWITCH = "FFCLIP_CUDA_OPS"  # "0" in the environment: no kernels.


class Ladder:
    """Decides at a device's first use, once. A refusal is one line in the log, and plain PyTorch from then on.

    open_driver gives a device's driver; build (architecture → image and the compiler's version) compiles the kernels.
    """

    def __init__(
        self,
        device_type: str = "cuda",
        open_driver: Callable[[torch.device], Driver] = CudaDriver,
        build: Callable[[int], tuple[bytes, str]] = compiler.build,
    ) -> None:
        self._device_type, self._open_driver, self._build = device_type, open_driver, build
        self._rungs: dict[torch.device, tuple[Kernels | None, str]] = {}
        self._lock = threading.Lock()

    def kernels(self, device: torch.device) -> Kernels | None:
        """The kernels for the device, or None: plain PyTorch."""
        if device.type != self._device_type:
            return None
        return (self._rungs.get(device) or self._decide(device))[0]

    def retire(self, device: torch.device, reason: Exception) -> None:
        """No kernels on the device any more."""
        with self._lock:
            if self._rungs[device][0] is not None:
                self._rungs[device] = self._refuse(device, str(reason))

    def status(self, device: torch.device) -> str:
        """One sentence: what runs on the device, and why."""
        if device.type != self._device_type:
            return f"plain PyTorch: the kernels are for NVIDIA GPUs, not for the device {device.type}"
        return (self._rungs.get(device) or self._decide(device))[1]

    def _decide(self, device: torch.device) -> tuple[Kernels | None, str]:
        if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
            return None, "plain PyTorch: a CUDA graph is being captured"  # The test would break it; so next time.
        with self._lock:
            if device not in self._rungs:
                try:
                    self._rungs[device] = self._climb(device)
                except Exception as error:  # Whatever a stranger's driver does, the picture is the same without.
                    self._rungs[device] = self._refuse(device, str(error) or type(error).__name__)
            return self._rungs[device]

    def _climb(self, device: torch.device) -> tuple[Kernels, str]:
        if os.environ.get(SWITCH) == "0":
            raise KernelError(f"{SWITCH}=0 switches the kernels off")
        if torch.version.hip:
            raise KernelError("this is PyTorch for AMD GPUs (ROCm)")
        driver = self._open_driver(device)
        image, version = self._build(driver.architecture)
        kernels = Kernels(driver, image)
        self_test(kernels, device)
        return kernels, f"CUDA kernels (NVRTC {version}, sm_{driver.architecture})"

    def _refuse(self, device: torch.device, reason: str) -> tuple[None, str]:
        reason = " ".join(reason.split())
        logger.warning("No CUDA kernels on %s: %s", device, reason)
        return None, f"plain PyTorch: {reason}"


LADDER = Ladder()
