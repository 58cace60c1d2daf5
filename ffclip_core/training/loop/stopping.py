"""A run that is asked to end, by a signal or by its caller."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import FFCLIPError


class StoppedError(FFCLIPError):
    """The run was asked to end; its state is saved, and it goes on from there when it is called again."""


@contextmanager
def asked_to_stop(stop: Callable[[], bool] | None) -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM has come, or stop() says so. The second SIGINT ends the program at once."""
    came: list[int] = []

    def take(kind: int, _: Any) -> None:
        if kind == signal.SIGINT and kind in came:
            raise KeyboardInterrupt
        came.append(kind)

    # Signals belong to the main thread.
    kinds = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {kind: signal.signal(kind, take) for kind in kinds}
    try:
        yield lambda: bool(came) or (stop is not None and stop())
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
