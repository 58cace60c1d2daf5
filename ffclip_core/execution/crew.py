"""Threads that compute side by side, each for itself: one meeting where PyTorch's own threads meet in every operator.

PyTorch deals every operator to all its threads and waits for the slowest. A picture is thousands of operators: beside
another busy program, which holds up one of the threads now and then, it takes several times as long. Here each thread
takes whole parts of a picture and runs their operators alone; a thread that is held up takes fewer parts.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch

Result = TypeVar("Result")
Task = Callable[[], None]

MOST_MEMBERS = 8
"""More parts than these are too small; on more cores each member computes with several of PyTorch's threads."""


class Crew:
    """Its members are threads of their own with so many of PyTorch's threads each. threads=0: no member but the caller,
    with all that PyTorch gives it."""

    def __init__(self, members: int = 1, threads: int = 0) -> None:
        self.members, self.threads = members, threads
        self._pool = _started(members, threads) if threads else None

    def run(self, work: Callable[[], Result]) -> Result:
        """work() on a member, in the caller's inference and gradient modes, without autocast; it may deal()."""
        return _in_modes(work)() if self._pool is None else self._pool.submit(_in_modes(work)).result()

    def deal(self, tasks: Sequence[Task]) -> None:
        """All tasks, each on whichever member is free; called within run(). The first error ends it and is raised."""
        waiting = deque(tasks)

        def take() -> None:
            try:
                while waiting:
                    try:
                        task = waiting.popleft()
                    except IndexError:
                        return
                    task()
            except BaseException:
                waiting.clear()
                raise

        helpers = []
        if self._pool is not None:
            helpers = [self._pool.submit(_in_modes(take)) for _ in range(min(self.members, len(tasks)) - 1)]
        try:
            take()
        finally:
            errors = [helper.exception() for helper in helpers if not helper.cancel()]
        for error in errors:
            if error is not None:
                raise error


def crew() -> Crew:
    """For as many threads as PyTorch gives the caller; the same each time."""
    threads = torch.get_num_threads()
    with _lock:
        if threads not in _crews:
            _crews[threads] = _new(threads)
        return _crews[threads]


_crews: dict[int, Crew] = {}
_lock = threading.Lock()


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _crews.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # No thread lives on in a forked process.


def _new(threads: int) -> Crew:
    members = min(threads, MOST_MEMBERS)
    # Of PyTorch's kinds of threads only OpenMP's have a number of their own in each thread that calls.
    if members > 1 and "backend: OpenMP" in torch.__config__.parallel_info():
        try:
            return Crew(members, threads // members)
        except RuntimeError:  # Not even threads can be had; or their number is not the thread's own after all.
            pass
    return Crew()


def _started(members: int, threads: int) -> ThreadPoolExecutor:
    """The members' threads, all there and told how many of PyTorch's they have. Raises RuntimeError where that fails.

    torch.set_num_threads sets the number of the thread that calls it, and that of threads to come; the latter is set
    back at once. The caller's stays as it is.
    """
    all_there = threading.Barrier(members, timeout=60)

    def begin() -> int:
        all_there.wait()
        torch.get_num_threads()  # Takes the process's number the first time.
        torch.set_num_threads(threads)
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as scratch:
        before = scratch.submit(torch.get_num_threads).result()
        pool = ThreadPoolExecutor(members, "FFCLIP")
        found = [each.result() for each in [pool.submit(begin) for _ in range(members)]]
        scratch.submit(torch.set_num_threads, before).result()
    if found != [threads] * members:
        pool.shutdown()
        raise RuntimeError(f"{members} threads have {found} of PyTorch's threads, not {threads} each")
    return pool


def _in_modes(work: Callable[[], Result]) -> Callable[[], Result]:
    """work in the inference and gradient modes of the thread that asks: they are each thread's own. Autocast is too and
    would make parts of pictures coarser, according to which thread takes them."""
    return partial(_with, torch.is_inference_mode_enabled(), torch.is_grad_enabled(), work)


def _with(inference: bool, gradients: bool, work: Callable[[], Result]) -> Result:
    gradients = gradients and not inference
    with torch.inference_mode(inference), torch.set_grad_enabled(gradients), torch.autocast("cpu", enabled=False):
        return work()
