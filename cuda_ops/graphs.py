"""A function of tensors as a CUDA graph: recorded once, then replayed with one launch instead of hundreds."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

Function = Callable[..., Tensor]
WARM_UPS = 2  # Libraries choose their algorithms and take their workspaces at first calls, which no graph may hold.
MOST_GRAPHS = 2  # Each keeps the memory of a whole run.


class Capture(Protocol):
    """What records function(*inputs) on the device that device_type names: it keeps the inputs and refills them."""

    device_type: str

    def __call__(self, function: Function, inputs: Sequence[Tensor]) -> Callable[[], Tensor]:
        """Record; what is returned runs it again and gives the output, the same tensor each time."""
        ...


class CudaCapture:
    device_type = "cuda"

    def __call__(self, function: Function, inputs: Sequence[Tensor]) -> Callable[[], Tensor]:
        current, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                function(*inputs)
        current.wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
                output = function(*inputs)
        except Exception:
            torch.cuda.set_stream(current)  # A capture that fails at its end leaves its own stream behind.
            raise

        def replay() -> Tensor:
            graph.replay()
            return output

        return replay


class Graphs:
    """The last few graphs. They hold addresses: clear() when weights move, and put all else that changes in the key."""

    def __init__(self, capture: Capture | None = None) -> None:
        self._capture = capture or CudaCapture()
        self._graphs: OrderedDict[Hashable, tuple[list[Tensor], Callable[[], Tensor]]] = OrderedDict()
        self._lock = threading.Lock()
        self._broken = False

    def takes(self, device: torch.device) -> bool:
        """Whether run() records on this device."""
        return device.type == self._capture.device_type

    def run(self, key: Hashable, function: Function, inputs: Sequence[Tensor]) -> Tensor:
        """function(*inputs), on a CUDA device by the graph of this key and these shapes, recorded if need be.

        function depends on nothing but the key, its inputs and fixed weights. With gradients enabled, on other devices,
        within another capture, and once a capture has failed, function is simply called.
        """
        device = inputs[0].device
        if not self.takes(device) or self._broken or torch.is_grad_enabled():
            return function(*inputs)
        stream = None
        if device.type == "cuda":
            if torch.cuda.is_current_stream_capturing():
                return function(*inputs)
            stream = torch.cuda.current_stream(device).cuda_stream
        key = (key, stream, *((x.shape, x.stride(), x.dtype, x.device) for x in inputs))
        with self._lock, torch.cuda.device(-1 if stream is None else device):
            if key not in self._graphs and not self._record(key, function, inputs):
                return function(*inputs)
            self._graphs.move_to_end(key)
            static, replay = self._graphs[key]
            for old, new in zip(static, inputs, strict=True):
                old.copy_(new)
            return replay().clone()

    def __reduce__(self) -> tuple:
        return type(self), (self._capture,)  # A copy begins without graphs.

    def clear(self) -> None:
        """Forget all graphs and free their memory."""
        with self._lock:
            self._graphs.clear()

    def _record(self, key: Hashable, function: Function, inputs: Sequence[Tensor]) -> bool:
        # Not in inference mode: its tensors could be refilled nowhere else.
        while len(self._graphs) >= MOST_GRAPHS:
            self._graphs.popitem(last=False)
        try:
            with torch.inference_mode(False), torch.no_grad():
                static = [torch.empty_like(x).copy_(x) for x in inputs]
                self._graphs[key] = static, self._capture(function, static)
        except torch.cuda.OutOfMemoryError:
            raise  # The caller may try a smaller batch.
        except Exception as error:  # Any: without a graph the result is the same.
            self._broken = True
            self._graphs.clear()
            logger.warning("No CUDA graphs: %s", " ".join(str(error).split()) or type(error).__name__)
            return False
        return True
