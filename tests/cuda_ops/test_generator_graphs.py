"""The generator's CUDA graphs, with a capture that needs no GPU and calls the function again."""

from __future__ import annotations

from typing import Any

import golden
import pytest
import torch
from fake_driver import FakeCapture
from ffclip.cuda_ops.graphs import Graphs
from ffclip.ffclip_core.benchmark import peer
from ffclip.ffclip_core.execution.generator import FastGenerator as Generator
from torch import nn

SAME = golden.rounding(9 * 12, layers=8)


@pytest.fixture
def generator() -> Generator:
    network = Generator(size=32, channels={4: 12, 8: 12, 16: 8, 32: 6}, latent_dim=24, num_mapping_layers=1)
    for value in network.state_dict().values():
        value.copy_(torch.randn(value.shape))
    return network.eval().requires_grad_(False)


@pytest.fixture
def capture(generator: Generator) -> FakeCapture:
    capture = FakeCapture()
    generator._graphs = Graphs(capture)
    return capture


def plainly(generator: Generator, w: torch.Tensor, **how: Any) -> torch.Tensor:
    """The picture without graphs."""
    graphs, generator._graphs = generator._graphs, Graphs()
    try:
        return generator(w, **how)
    finally:
        generator._graphs = graphs


@torch.inference_mode()
def test_each_way_to_draw_has_its_own_graph(generator: Generator, capture: FakeCapture) -> None:
    given = [[torch.randn(1, 1, *generator.noise_shape(i)) for i in range(7)] for _ in range(2)]
    ways: list[dict[str, Any]] = [
        {}, {"noise": "none"}, {"noise": "random", "seed": 1}, {"noise": "random", "seed": 2}, {"noise": given[0]},
        {"noise": given[1]}, {"resolution": 16}, {"resolution": 16, "noise": "none"}, {},
    ]  # fmt: skip
    for batch in (1, 3):
        w = torch.randn(batch, 8, 24)
        for way in ways:
            for code in (w, w + 1):
                # Without graphs a CPU draws in parts, whose sums may be rounded otherwise.
                assert golden.error(generator(code, **way), plainly(generator, code, **way)) < SAME, (batch, way)
    assert capture.captured > 8 and capture.replayed == 2 * 2 * len(ways)


@torch.no_grad()
def test_a_changed_or_moved_generator_is_recorded_again(generator: Generator, capture: FakeCapture) -> None:
    w = torch.randn(1, 8, 24)

    def holds() -> None:
        for _ in range(2):
            assert golden.error(generator(w), peer.draw(generator, w)) < golden.NETWORKS

    holds()
    generator(w + 1)
    assert capture.captured == 1
    changes = [
        lambda: generator.conv1.activate.bias.add_(1),
        lambda: setattr(generator.conv1.conv, "weight", nn.Parameter(generator.conv1.conv.weight * 2, False)),
        lambda: setattr(generator.noises, "noise_3", torch.randn(1, 1, 16, 16)),
        lambda: generator.load_state_dict({key: value + 0.1 for key, value in generator.state_dict().items()}),
        lambda: generator.convs.load_state_dict(
            {key: value.clone() * 2 for key, value in generator.convs.state_dict().items()}, assign=True
        ),
        lambda: generator.double().float(),
        lambda: (generator.to_rgb1.bias.data.add_(1), generator.refresh()),
    ]
    for i, change in enumerate(changes, start=2):
        change()
        holds()
        assert capture.captured == i, f"change {i - 2}"
    assert len(generator._graphs._graphs) == 1


@torch.inference_mode()
def test_when_memory_runs_out_the_caller_hears_of_it_and_graphs_go_on(generator: Generator) -> None:
    class Short(FakeCapture):
        def __call__(self, function: Any, inputs: Any) -> Any:
            if not self.captured:
                self.captured += 1
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().__call__(function, inputs)

    capture, w = Short(), torch.randn(1, 8, 24)
    generator._graphs = Graphs(capture)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        generator(w)
    assert golden.error(generator(w), plainly(generator, w)) < SAME and (capture.captured, capture.replayed) == (2, 1)
