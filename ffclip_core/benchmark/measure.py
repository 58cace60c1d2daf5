"""Clocks and meters."""

from __future__ import annotations

import ctypes
import gc
import platform
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ROUNDS = 15
WIDTHS = ((512, 64), (256, 128), (128, 256), (64, 512))
"""Channels and side, in px, of some of the features in a generator of 1024 px."""
_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def interleaved(
    cases: Mapping[str, Callable[[], Any]], device: torch.device, budget: float, warm: bool = True
) -> dict[str, float]:
    """Seconds of each case, the least of its rounds. Rounds take turns, so that a busy moment hits all alike; there
    are up to ROUNDS, as many as fit in `budget` seconds, and one at least. warm: each case runs once before."""
    best = dict.fromkeys(cases, float("inf"))
    if warm:
        for case in cases.values():
            case()
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        for name, case in cases.items():
            _finish(device)
            start = time.perf_counter()
            case()
            _finish(device)
            best[name] = min(best[name], time.perf_counter() - start)
        so_far = time.perf_counter() - begun
        if so_far > budget:
            break
    return best


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(case: Callable[[], Any], device: torch.device) -> int | None:
    """Bytes that a call needs at its peak besides what is there before it, its result included; on a CPU only Linux
    tells, and elsewhere this is None. The case has to have run before."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        case()
        return torch.cuda.max_memory_allocated(device) - before
    try:
        ctypes.CDLL(None).malloc_trim(0)
        _RESET.write_text("5")
        before = _memory("VmRSS")
        case()
        return max(0, _memory("VmHWM") - before)
    except (OSError, AttributeError, TypeError):
        return None


def _memory(field: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def plain_convolutions(device: torch.device, dtype: torch.dtype, flop: float) -> tuple[Callable[[], None], float]:
    """About `flop` multiplications and additions as nothing but 3×3 convolutions, of the width and size, among those
    in a generator of 1024 px, that the device is fastest at; and how many they are exactly."""
    cases, flops = {}, {}
    for channels, side in WIDTHS:
        x = torch.randn(1, channels, side, side, device=device).to(dtype, memory_format=torch.channels_last)
        weight = torch.randn(channels, channels, 3, 3, device=device).to(dtype, memory_format=torch.channels_last)
        once = 2 * 9 * channels**2 * side**2
        name, count = f"{channels} channels", max(1, round(flop / once))
        cases[name], flops[name] = partial(_convolve, x, weight, count), float(count * once)
    seconds = interleaved(cases, device, 2)
    fastest = max(cases, key=lambda name: flops[name] / seconds[name])
    return cases[fastest], flops[fastest]


def _convolve(x: Tensor, weight: Tensor, count: int) -> None:
    for _ in range(count):
        F.conv2d(x, weight, padding=1)


def machine(device: torch.device) -> dict[str, Any]:
    """What was measured on."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
