"""Graphs, with a capture that needs no GPU: it calls the function again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from fake_driver import FakeCapture
from ffclip.cuda_ops.graphs import Graphs
from torch import Tensor


def double(x: Tensor) -> Tensor:
    return 2 * x


@pytest.fixture
def capture() -> FakeCapture:
    return FakeCapture()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_captures_once_and_replays_on_new_inputs(mode: type[torch.no_grad], capture: FakeCapture) -> None:
    graphs, inputs = Graphs(capture), [torch.randn(3) for _ in range(3)]
    with mode():
        results = [graphs.run("double", double, [x]) for x in inputs]
    for x, result in zip(inputs, results, strict=True):
        assert torch.equal(result, 2 * x)  # The last replay has not overwritten the first result.
    assert (capture.captured, capture.replayed) == (1, 3)


def test_a_graph_of_one_mode_serves_the_other(capture: FakeCapture) -> None:
    graphs = Graphs(capture)
    for mode in (torch.inference_mode, torch.no_grad, torch.inference_mode):
        with mode():
            x = torch.randn(3)
            assert torch.equal(graphs.run("double", double, [x]), 2 * x)
    assert capture.captured == 1


def test_the_callers_inputs_stay_as_they_are(capture: FakeCapture) -> None:
    x = torch.ones(3)
    with torch.no_grad():
        Graphs(capture).run("add", lambda x: x.add_(1), [x])
    assert torch.equal(x, torch.ones(3))


def test_another_shape_or_key_is_another_graph_and_two_are_kept(capture: FakeCapture) -> None:
    graphs = Graphs(capture)
    with torch.no_grad():
        for size in (1, 2, 1, 3, 1, 2):  # 3 drives 2 out, as the least recently used.
            assert graphs.run("double", double, [torch.ones(size)]).shape == (size,)
        assert capture.captured == 4
        graphs.run("other", double, [torch.ones(2)])
        assert capture.captured == 5 and capture.replayed == 7


def test_clearing_forgets_them(capture: FakeCapture) -> None:
    graphs = Graphs(capture)
    with torch.no_grad():
        graphs.run("double", double, [torch.ones(2)])
        graphs.clear()
        graphs.run("double", double, [torch.ones(2)])
    assert capture.captured == 2


def test_a_capture_that_fails_costs_one_line(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(FakeCapture):
        def __call__(self, function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> Callable[[], Tensor]:
            self.captured += 1
            raise RuntimeError("operation not permitted\nwhen stream is capturing")

    capture = Failing()
    graphs, x = Graphs(capture), torch.randn(3)
    with torch.no_grad():
        for _ in range(2):
            assert torch.equal(graphs.run("double", double, [x]), 2 * x)
    assert capture.captured == 1
    assert [record.getMessage() for record in caplog.records] == [
        "No CUDA graphs: operation not permitted when stream is capturing"
    ]


def test_with_gradients_and_on_other_devices_the_function_is_called(capture: FakeCapture) -> None:
    x = torch.randn(3, requires_grad=True)
    assert Graphs(capture).run("double", double, [x]).requires_grad
    with torch.no_grad():
        assert Graphs(capture).run("double", double, [torch.empty(3, device="meta")]).is_meta
        assert torch.equal(Graphs().run("double", double, [x]), 2 * x)
    assert capture.captured == 0
