"""Work on many cores: in order, and never far ahead."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from ffclip.ffclip_core.training.sources.in_order import in_order


def slow_at_times(item: int) -> int:
    time.sleep(0.02 * (item % 4 == 0))
    return item


def test_results_come_in_order_and_items_are_taken_a_few_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in count():
            taken.append(item)
            yield item

    with ThreadPoolExecutor(4) as executor, contextlib.closing(in_order(slow_at_times, items(), executor, 8)) as made:
        for wanted in range(40):
            assert next(made) == wanted
            assert taken[-1] <= wanted + 8


def test_what_is_left_is_given_out_too_and_errors_are_raised_in_their_place() -> None:
    with ThreadPoolExecutor(2) as executor:
        assert list(in_order(slow_at_times, range(5), executor, 8)) == [0, 1, 2, 3, 4]
        made = in_order(lambda item: 1 // (item - 3), [1, 2, 3, 4], executor, 8)
        assert [next(made), next(made)] == [-1, -1]
        with pytest.raises(ZeroDivisionError):
            next(made)


def test_who_stops_waits_for_nothing_that_was_not_begun() -> None:
    begun: list[int] = []
    go = threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        assert item == 0 or go.wait(10)
        return item

    with ThreadPoolExecutor(1) as executor:
        made = in_order(work, count(), executor, 5)
        assert next(made) == 0
        made.close()
        go.set()
    assert set(begun) <= {0, 1}
