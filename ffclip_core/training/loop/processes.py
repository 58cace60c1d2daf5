"""One or several processes that train the same networks, each on its share of every batch."""

from __future__ import annotations

import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing import get_context
from torch.multiprocessing.spawn import ProcessContext, ProcessExitedException, ProcessRaisedException, spawn

from ...errors import FFCLIPError, InputError
from .stopping import StoppedError


@dataclass(frozen=True, kw_only=True)
class Process:
    """This process's number, how many there are, and its device: Run(**vars(process), folder=…)."""

    rank: int = 0
    world: int = 1
    device: torch.device


def choose_device(name: str) -> torch.device:
    """auto (cuda or mps where there is one), cpu, cuda or mps.

    Raises:
        InputError: another name, or a device that PyTorch does not find.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    if name not in there:
        raise InputError(f"The device {name!r} is none of auto, cpu, cuda and mps.")
    if not there[name]:
        raise InputError(f"PyTorch finds no device {name!r} here; auto takes what there is, and cpu works everywhere.")
    return torch.device(name)


def workers_for(batches: Iterable[int], device: torch.device) -> int:
    """How many processes share the batches evenly: on a CPU as many as there are cores, at most, and elsewhere one.

    On a CPU, processes of one thread each train small networks faster than one process of as many threads.
    """
    if device.type != "cpu":
        return 1
    batches = list(batches)
    return next(n for n in range(os.cpu_count() or 1, 0, -1) if not any(batch % n for batch in batches))


def started_by_torchrun() -> bool:
    """Whether this is one of several processes that torchrun has started to train together."""
    return {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR"} <= os.environ.keys()


def launch(worker: Callable[..., None], *more: Any, device: torch.device, workers: int) -> None:
    """Call worker(process, *more) in as many processes, or as one of those that torchrun has started.

    A single worker runs in this process. Others are new ones of one thread each, so worker and more can be pickled.

    Raises:
        FFCLIPError: what one of them raised.
    """
    if started_by_torchrun():
        rank, world, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        _join(Process(rank=rank, world=world, device=device), local, "env://", worker, more)
    elif workers == 1:
        worker(Process(device=device), *more)
    else:
        _spawn(workers, device, worker, more)


def gather(x: Tensor) -> Tensor:
    """x [size, …] of all processes, one below the other, [processes · size, …], with gradients to all of them: what a
    loss over all pairs of a batch is computed of. In a single process x itself."""
    return _Gather.apply(x) if dist.is_initialized() else x  # pyright: ignore[reportReturnType]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """What all processes' losses ask of this one's part."""
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


@torch.no_grad()
def mean(x: Tensor) -> Tensor:
    """The mean over all processes of a tensor of any shape, without gradients."""
    if not dist.is_initialized():
        return x
    total = x.detach().clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


def any_of(flag: bool, device: torch.device) -> bool:
    """Whether the flag is up in any process."""
    return flag if not dist.is_initialized() else bool(mean(torch.tensor(float(flag), device=device)))


def from_first(value: Any) -> Any:
    """The first process's value, in every process."""
    if not dist.is_initialized():
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if dist.is_initialized():
        dist.barrier()


def _join(process: Process, local: int, meeting: str, worker: Callable[..., None], more: tuple) -> None:
    if process.device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise InputError(f"There are {torch.cuda.device_count()} GPUs here, too few for {local + 1} processes.")
        torch.cuda.set_device(local)
        process = Process(rank=process.rank, world=process.world, device=torch.device("cuda", local))
    backend = "nccl" if process.device.type == "cuda" else "gloo"
    dist.init_process_group(backend, init_method=meeting, rank=process.rank, world_size=process.world)
    try:
        worker(process, *more)
    finally:
        dist.destroy_process_group()


def _spawn(workers: int, device: torch.device, worker: Callable[..., None], more: tuple) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meeting = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    errors = get_context("spawn").SimpleQueue()
    arguments = (workers, device, meeting, errors, worker, more)
    # Of unused parameters, which are looked for on purpose (learner.py), nobody needs a warning.
    with _variable("TORCH_CPP_LOG_LEVEL", "ERROR"):
        context = cast(ProcessContext, spawn(_child, arguments, workers, join=False))

    asked = False

    def pass_on(*_: object) -> None:
        nonlocal asked
        asked = True
        for process in context.processes:
            process.terminate()

    before = {kind: signal.signal(kind, pass_on) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        while not context.join():
            pass
    except (ProcessExitedException, ProcessRaisedException) as error:
        # One that ends takes the others with it; what it said comes first.
        if not errors.empty():
            raise errors.get() from None
        if asked:
            raise StoppedError("Stopped; run again to go on from the last checkpoint.") from None
        if isinstance(error, ProcessExitedException) and error.signal_name:
            raise FFCLIPError(
                f"Process {error.error_index + 1} of {workers} was ended by {error.signal_name} (out of memory, "
                "perhaps): run again to go on from the last checkpoint, with fewer workers or a smaller batch."
            ) from None
        raise
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """An environment variable that new processes see, where nobody has set it."""
    if name in os.environ:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def _child(
    rank: int, workers: int, device: torch.device, meeting: str, errors: Any, worker: Callable[..., None], more: tuple
) -> None:
    torch.set_num_threads(1)
    # Told of convolutions of one pixel, whose weights lie alike in every order of rows and columns.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    try:
        _join(Process(rank=rank, world=workers, device=device), rank, meeting, worker, more)
    except FFCLIPError as error:
        errors.put(error)
        sys.exit(1)
