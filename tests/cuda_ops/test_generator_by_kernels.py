"""The whole generator through the kernels, by the driver that runs them on the CPU."""

from __future__ import annotations

from collections import Counter

import golden
import pytest
import torch
from fake_driver import FakeDriver
from ffclip.ffclip_core.benchmark import peer
from ffclip.ffclip_core.execution.generator import FastGenerator as Generator

CHANNELS = {4: 12, 8: 12, 16: 8, 32: 6}


@pytest.fixture
def generator() -> Generator:
    network = Generator(size=32, channels=CHANNELS, latent_dim=24, num_mapping_layers=1)
    for value in network.state_dict().values():
        value.copy_(torch.randn(value.shape))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("batch", [1, 3])
@torch.inference_mode()
def test_it_draws_the_same_picture(generator: Generator, kernels: FakeDriver, batch: int) -> None:
    w = torch.randn(batch, 8, 24)
    found = generator(w)
    assert golden.largest_error(found, peer.draw(generator, w)) < golden.NETWORKS
    launches = Counter(launch.kernel.rsplit("_float", 1)[0] for launch in kernels.launches)
    assert launches["styles"] == 1, launches
    # A transposed convolution in three blocks, four plain ones, and four that give RGB.
    assert [
        sum(n for name, n in launches.items() if name.startswith(start)) for start in ("fir_", "epilogue", "rgb_")
    ] == [
        3,
        4,
        4,
    ], launches


@torch.inference_mode()
def test_float16_is_clamped_and_close(generator: Generator, kernels: FakeDriver) -> None:
    w = torch.randn(2, 8, 24)
    exact = generator(w)
    found = generator.set_precision(torch.float16)(w)
    assert found.dtype == torch.float16
    assert golden.error(found, exact) < golden.FLOAT16
    limits = [
        launch.arguments.clamp
        for launch in kernels.launches
        if hasattr(launch.arguments, "clamp") and "float16" in launch.kernel
    ]
    assert limits and set(limits) == {256.0}


def test_gradients_take_plain_pytorch(generator: Generator, kernels: FakeDriver) -> None:
    w = torch.randn(1, 8, 24, requires_grad=True)
    generator(w).square().sum().backward()
    assert w.grad is not None and not kernels.launches
