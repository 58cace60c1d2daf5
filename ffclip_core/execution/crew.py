"""Threads that compute side by side, each for itself: one meeting where PyTorch's own threads meet in every operator.

PyTorch deals every operator to all its threads and waits for the slowest. A picture is thousands of operators: beside
another busy program, which holds up one of the threads now and then, it takes several times as long. Here each thread
takes whole parts of a picture and runs their operators alone; a thread that is held up takes fewer parts.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

import torch

Result = TypeVar("Result")
Task = Callable[[], None]

MOST_MEMBERS = 8
"""More parts than these are too small; on more cores each member computes with several of PyTorch's threads."""


class Crew:
    """Its members are threads of their own with so many of PyTorch's threads each. The same one always leads, and does
    one piece of work after the other, so that what is large lies in one thread's memory. threads=0: no member but the
    caller, with all that PyTorch gives it.
    """

    def __init__(self, members: int = 1, threads: int = 0) -> None:
        self.members, self.threads = members, threads
        self._lead, self._others = _started(members, threads) if threads else (None, None)

    def run(self, work: Callable[[], Result]) -> Result:
        """work() on a member, in the caller's inference and gradient modes; it may deal(). Where the caller is
        interrupted, what is dealt ends with the tasks that have begun, and nothing goes on afterwards."""
        if self._lead is None or _Run.of_this_thread() is not None:  # A member has work within its work.
            return work()
        running = _Run()
        try:
            future = self._lead.submit(_in_modes(partial(running.begin, work)))
        except RuntimeError:  # No thread can be had any more, as at Python's end.
            return work()
        try:
            return future.result()
        finally:
            running.stopped = True
            if not future.cancel():
                wait([future])

    def deal(self, tasks: Sequence[Task]) -> None:
        """All tasks, each on whichever member is free; called within run(). The first error ends it and is raised."""
        waiting, running = deque(tasks), _Run.of_this_thread() or _Run()

        def take() -> None:
            try:
                while waiting and not running.stopped:
                    try:
                        task = waiting.popleft()
                    except IndexError:
                        return
                    task()
            except BaseException:
                waiting.clear()
                raise

        helpers: list[Future[None]] = []
        try:
            if self._others is not None:
                with contextlib.suppress(RuntimeError):  # Fewer helpers do, or none.
                    for _ in range(min(self.members, len(tasks)) - 1):
                        helpers.append(self._others.submit(_in_modes(partial(running.begin, take))))
            take()
        finally:
            errors = [helper.exception() for helper in helpers if not helper.cancel()]
        first = next((error for error in errors if error is not None), None)
        if first is None and running.stopped:
            first = RuntimeError("Whoever asked for this work does not wait for it any more.")
        try:
            if first is not None:
                raise first
        finally:
            del first, errors, helpers  # The traceback holds this frame, which would hold the error.


class _Run:
    """One call of run()."""

    stopped = False
    _of_thread = threading.local()

    def begin(self, work: Callable[[], Result]) -> Result:
        self._of_thread.run = self
        try:
            return work()
        finally:
            del self._of_thread.run

    @classmethod
    def of_this_thread(cls) -> _Run | None:
        """The call that this thread works for."""
        return getattr(cls._of_thread, "run", None)


def split(total: int, pieces: int) -> list[slice]:
    """So many channels or rows in about equal pieces, for as many tasks."""
    edges = [total * i // pieces for i in range(pieces + 1)]
    return [slice(*pair) for pair in zip(edges, edges[1:], strict=False)]


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
    each = -(-threads // MOST_MEMBERS)
    members = threads // each
    # Of PyTorch's kinds of threads only OpenMP's have a number of their own in each thread that calls.
    if members > 1 and "backend: OpenMP" in torch.__config__.parallel_info():
        try:
            return Crew(members, each)
        except RuntimeError:  # Not even threads can be had; or their number is not the thread's own after all.
            pass
    return Crew()


def _started(members: int, threads: int) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
    """The leading member's thread and the others', all there and told how many of PyTorch's they have. Raises
    RuntimeError where that fails.

    torch.set_num_threads sets the number of the thread that calls it, and that of threads to come; the latter is set
    back at once. The caller's stays as it is.
    """
    all_there = threading.Barrier(members, timeout=60)

    def begin() -> int:
        all_there.wait()
        torch.get_num_threads()  # Takes the process's number the first time.
        torch.set_num_threads(threads)
        return cores()

    def cores() -> int:
        # Where threads are bound to cores (OMP_PROC_BIND), new ones are bound to that of their maker: all to one.
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else members * threads

    def number() -> int:
        all_there.wait()
        return torch.get_num_threads()

    pools = ThreadPoolExecutor(1, "FFCLIP"), ThreadPoolExecutor(max(1, members - 1), "FFCLIP")

    def ask(each: Callable[[], int]) -> list[int]:
        return [future.result() for future in [pools[i > 0].submit(each) for i in range(members)]]

    try:
        with ThreadPoolExecutor(1) as scratch:
            before = scratch.submit(torch.get_num_threads).result()
            found = ask(begin)
            scratch.submit(torch.set_num_threads, before).result()
        if min(found) < min(members * threads, os.cpu_count() or 1):
            raise RuntimeError(f"{members} threads are bound to {min(found)} cores")
        if (found := ask(number)) != [threads] * members:
            raise RuntimeError(f"{members} threads have {found} of PyTorch's threads, not {threads} each")
    except BaseException:
        all_there.abort()
        for pool in pools:
            pool.shutdown(wait=False)
        raise
    return pools


def _in_modes(work: Callable[[], Result]) -> Callable[[], Result]:
    """work in the inference and gradient modes of the thread that asks: they are each thread's own. Autocast is too and
    would make parts of pictures coarser, according to which thread takes them."""
    return partial(_with, torch.is_inference_mode_enabled(), torch.is_grad_enabled(), work)


def _with(inference: bool, gradients: bool, work: Callable[[], Result]) -> Result:
    gradients = gradients and not inference
    with torch.inference_mode(inference), torch.set_grad_enabled(gradients), torch.autocast("cpu", enabled=False):
        return work()
