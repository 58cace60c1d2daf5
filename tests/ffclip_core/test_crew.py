"""Threads that work side by side, without a trace in the process that they are guests of."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Future
from functools import partial

import fresh
import pytest
import torch
from ffclip.ffclip_core.execution.crew import Crew, crew

THREADS = """
import threading, torch
from ffclip.ffclip_core.execution import crew as module
torch.set_num_threads({threads})
hands = module.crew()
print(hands.members, hands.threads, hands is module.crew())
inside = []
hands.run(lambda: hands.deal([lambda: inside.append(torch.get_num_threads())] * 20))
later = []
thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
thread.start(), thread.join()
print(set(inside), torch.get_num_threads(), later)
torch.set_num_threads(3)
print(module.crew().members)
"""


@pytest.fixture(scope="module", params=[1, 3])
def hands(request: pytest.FixtureRequest) -> Crew:
    return Crew() if request.param == 1 else Crew(request.param, 1)


@pytest.mark.skipif("backend: OpenMP" not in torch.__config__.parallel_info(), reason="PyTorch's threads are others")
@pytest.mark.parametrize(("threads", "members", "each"), [(1, 1, 0), (2, 2, 1), (8, 8, 1), (12, 6, 2), (20, 6, 3)])
def test_nobody_else_s_number_of_threads_changes(threads: int, members: int, each: int) -> None:
    code = THREADS.format(threads=threads)
    said = fresh.run(code).split("\n")
    assert said[:3] == [f"{members} {each} True", f"{ {each or threads} } {threads} [{threads}]", "3"]


def test_every_task_is_done_once_and_members_share_them(hands: Crew) -> None:
    done: list[int] = []
    meeting = threading.Barrier(hands.members, timeout=60)

    def task(i: int) -> None:
        if i < hands.members:
            meeting.wait()  # Only all members together get beyond.
        done.append(i)

    hands.run(lambda: hands.deal([partial(task, i) for i in range(50)]))
    assert sorted(done) == list(range(50))


def test_what_work_gives_comes_back_and_errors_too(hands: Crew) -> None:
    assert hands.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        hands.run(lambda: 1 // 0)
    hands.run(lambda: hands.deal([]))


@pytest.mark.parametrize("at", [0, 5, 99])
def test_an_error_in_a_task_ends_the_others(hands: Crew, at: int) -> None:
    done: list[int] = []

    def task(i: int) -> None:
        if i == at:
            raise KeyError(i)
        time.sleep(0.001)
        done.append(i)

    with pytest.raises(KeyError, match=str(at)):
        hands.run(lambda: hands.deal([partial(task, i) for i in range(100)]))
    count = len(done)
    assert count <= at + 2 * hands.members
    time.sleep(0.02)
    assert len(done) == count, "nothing goes on afterwards"


def test_callers_in_several_threads_do_not_wait_for_each_other_for_ever(hands: Crew) -> None:
    sums: list[int] = []

    def call() -> None:
        found: list[int] = []
        hands.run(lambda: hands.deal([partial(found.append, i) for i in range(100)]))
        sums.append(sum(found))

    callers = [threading.Thread(target=call) for _ in range(8)]
    for each in callers:
        each.start()
    for each in callers:
        each.join(60)
    assert sums == [4950] * 8


def test_members_work_in_the_caller_s_modes(hands: Crew) -> None:
    def modes() -> set[tuple[bool, bool]]:
        found: set[tuple[bool, bool]] = set()

        def look() -> None:
            time.sleep(0.001)
            found.add((torch.is_inference_mode_enabled(), torch.is_grad_enabled()))

        hands.run(lambda: hands.deal([look] * 20))
        return found

    assert modes() == {(False, True)}
    with torch.no_grad():
        assert modes() == {(False, False)}
    with torch.inference_mode():
        assert modes() == {(True, False)}
    assert modes() == {(False, True)}


def test_who_is_interrupted_leaves_nothing_running(hands: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by Ctrl+C in the thread that asked for the work."""
    done: list[int] = []

    def task() -> None:
        time.sleep(0.01)
        done.append(0)

    def work() -> None:
        hands.deal([task] * 200)

    def interrupted(self: Future) -> None:
        monkeypatch.undo()
        time.sleep(0.05)
        raise KeyboardInterrupt

    if hands.threads:
        monkeypatch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            hands.run(work)
        count = len(done)
        assert 0 < count < 200
        time.sleep(0.05)
        assert len(done) == count
    done.clear()
    hands.run(work)
    assert len(done) == 200


def test_work_is_done_where_no_thread_can_be_had_any_more() -> None:
    hands, done = Crew(2, 1), []
    for pool in filter(None, (hands._others, hands._lead)):
        pool.shutdown()
        assert hands.run(lambda: (hands.deal([lambda: done.append(1)] * 5), 7))[1] == 7
    assert done == [1] * 10


def test_work_within_work_is_done_where_it_is(hands: Crew) -> None:
    assert hands.run(lambda: hands.run(lambda: 3) + 4) == 7
    done: list[int] = []
    hands.run(lambda: hands.deal([lambda: hands.run(lambda: hands.deal([lambda: done.append(1)] * 3))] * 20))
    assert len(done) == 60


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell a thread's cores")
def test_threads_that_are_bound_to_one_core_are_no_crew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    with pytest.raises(RuntimeError, match="2 threads are bound to 1 cores"):
        Crew(2, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_process_has_a_crew_of_its_own() -> None:
    code = (
        "import os, torch; from ffclip.ffclip_core.execution.crew import crew; torch.set_num_threads(2)\n"
        "hands = crew(); assert hands.run(lambda: 1) == 1\n"
        "child = os.fork()\n"
        "if not child: os._exit(0 if crew() is not hands and crew().run(lambda: 2) == 2 else 1)\n"
        "print(os.waitpid(child, 0)[1])"
    )
    assert fresh.run(code).strip() == "0"


def test_the_same_threads_each_time() -> None:
    assert crew() is crew()
