"""Packed weights give what plain ones give, and are plain wherever anything else looks at them.

That they take no memory beside the plain ones: test_full_size.py.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ffclip.ffclip_core.execution.packed_convolution as module
import golden
import pytest
import torch
import torch.nn.functional as F
from ffclip.ffclip_core.execution.packed_convolution import PackedConv2d, has_kernels
from torch import Tensor

SAME = golden.rounding(9 * 48)

pytestmark = pytest.mark.skipif(not has_kernels(torch.float32), reason="no oneDNN for x86 here: weights stay plain")


def use(convolution: PackedConv2d, x: Tensor) -> PackedConv2d:
    with torch.inference_mode():
        for _ in range(2):
            convolution(x)
    assert convolution.weight.is_mkldnn
    return convolution


@pytest.fixture
def convolution() -> PackedConv2d:
    torch.manual_seed(0)
    return PackedConv2d(48, 64, 3, stride=2, padding=1).requires_grad_(False)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(1, 48, 20, 12)


def plain(convolution: PackedConv2d, x: Tensor) -> Tensor:
    return F.conv2d(x, convolution.weight, convolution.bias, convolution.stride, convolution.padding)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_from_the_second_call_on_weights_are_packed(convolution: PackedConv2d, x: Tensor, dtype: torch.dtype) -> None:
    if not has_kernels(dtype):
        pytest.skip("oneDNN has no bfloat16 for this processor")
    convolution, x = convolution.to(dtype), x.to(dtype)
    expected = plain(convolution, x)
    for call in range(4):
        assert golden.error(convolution(x), expected) < max(SAME, torch.finfo(dtype).eps)  # Results are rounded once.
        assert convolution.weight.is_mkldnn == (call > 0)


@pytest.mark.parametrize("shape", [(3, 48, 20, 12), (1, 48, 1, 1), (1, 48, 2, 3), (2, 48, 65, 33), (0, 48, 20, 12)])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_pictures_of_another_size_and_number(
    convolution: PackedConv2d, x: Tensor, shape: tuple[int, ...], order: torch.memory_format
) -> None:
    other = torch.randn(shape).contiguous(memory_format=order)
    expected = plain(convolution, other)
    use(convolution, x)
    with torch.inference_mode():
        found = convolution(other)
    assert convolution.weight.is_mkldnn and found.shape == expected.shape
    assert golden.error(found, expected) < SAME


def _saved(convolution: PackedConv2d) -> Tensor:
    file = io.BytesIO()
    torch.save(convolution, file)
    file.seek(0)
    return torch.load(file, weights_only=False).weight


@pytest.mark.parametrize(
    "look",
    [
        lambda c: c.state_dict()["weight"],
        lambda c: torch.nn.Sequential(c).state_dict()["0.weight"],
        lambda c: c.double().weight.float(),
        lambda c: torch.nn.Sequential(c).to(memory_format=torch.channels_last)[0].weight,
        lambda c: c.train().weight,
        lambda c: copy.deepcopy(c).weight,
        _saved,
    ],
    ids=["state dict", "state dict of all", "converted", "moved", "training", "copied", "saved"],
)
def test_who_looks_finds_the_plain_weights(
    convolution: PackedConv2d, x: Tensor, look: Callable[[PackedConv2d], Tensor]
) -> None:
    expected = convolution.weight.clone()
    use(convolution, x)
    assert torch.equal(look(convolution), expected)
    assert not convolution.weight.is_mkldnn


def test_other_weights_can_be_loaded(convolution: PackedConv2d, x: Tensor) -> None:
    other = PackedConv2d(48, 64, 3, stride=2, padding=1)
    use(convolution, x)
    convolution.load_state_dict(other.state_dict())
    for _ in range(3):
        assert golden.error(convolution(x), plain(other, x)) < SAME


def test_gradients_reach_what_is_before(convolution: PackedConv2d, x: Tensor) -> None:
    start = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(plain(convolution, start).square().sum(), start)
    (found,) = torch.autograd.grad(use(convolution, x)(start).square().sum(), start)
    assert golden.error(found, expected) < golden.rounding(9 * 64, layers=2)
    assert not convolution.weight.is_mkldnn


def test_training_after_use(convolution: PackedConv2d, x: Tensor) -> None:
    weight = use(convolution, x).train().requires_grad_().weight
    (expected,) = torch.autograd.grad(plain(convolution, x).square().sum(), weight)
    (found,) = torch.autograd.grad(convolution(x).square().sum(), weight)
    assert golden.error(found, expected) < golden.rounding(9 * 64, layers=2)
    with torch.no_grad():
        for _ in range(2):
            convolution(x)
    assert convolution.weight is weight, "an optimiser holds it"


def test_threads_may_pack_and_unpack_at_once(convolution: PackedConv2d, x: Tensor) -> None:
    expected = plain(convolution, x)

    def work(number: int) -> bool:
        same = True
        for i in range(200):
            same = same and golden.error(convolution(x), expected) < SAME
            if i % 5 == number:
                convolution.unpack()
        return same

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(4)))


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why no weights are packed any more: nothing yet, and nothing of it is left after the test."""
    refusals: list[str] = []
    monkeypatch.setattr(module, "_refusals", refusals)
    return refusals


class Operators:
    """PyTorch's, as a later version may have them."""

    def __init__(self, **changed: Callable[..., Any]) -> None:
        vars(self).update(changed)

    def __getattr__(self, name: str) -> Any:
        return getattr(MKLDNN, name)


MKLDNN = torch.ops.mkldnn


def fails(*_: Any) -> Tensor:
    raise RuntimeError("could not create\na primitive descriptor")


def takes_less(x: Tensor, weight: Tensor) -> Tensor:
    """Of another signature."""
    return F.conv2d(x, weight)


FAULTS: dict[str, dict[str, Callable[..., Any]]] = {
    "packing fails": {"_reorder_convolution_weight": fails},
    "packing has another signature": {"_reorder_convolution_weight": takes_less},
    "packing leaves weights as they are": {"_reorder_convolution_weight": lambda weight, *_: weight.clone()},
    "packing changes weights": {
        "_reorder_convolution_weight": lambda weight, *how: MKLDNN._reorder_convolution_weight(weight + 1e-3, *how)
    },
    "the convolution fails": {"_convolution_pointwise": fails},
    "the convolution has another signature": {"_convolution_pointwise": takes_less},
    "the convolution forgets the bias": {
        "_convolution_pointwise": lambda x, w, b, *how: MKLDNN._convolution_pointwise(x, w, None, *how)
    },
    "the convolution is wrong by a thousandth": {
        "_convolution_pointwise": lambda *how: MKLDNN._convolution_pointwise(*how) * 1.001
    },
    "the convolution gives NaN": {
        "_convolution_pointwise": lambda *how: MKLDNN._convolution_pointwise(*how) * torch.nan
    },
    "the convolution gives another shape": {
        "_convolution_pointwise": lambda *how: MKLDNN._convolution_pointwise(*how)[:, :, :1]
    },
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_the_operators_do_pictures_are_the_plain_ones(
    fault: str,
    convolution: PackedConv2d,
    x: Tensor,
    packing: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected, other = plain(convolution, x), copy.deepcopy(convolution)
    monkeypatch.setattr(torch.ops, "mkldnn", Operators(**FAULTS[fault]))
    for _ in range(3):
        for each in (convolution, other):
            assert torch.equal(each(x), expected) and not each.weight.is_mkldnn
    assert len(packing) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"], "one line for all"
    assert "Convolutions stay plain" in caplog.text and "\n" not in caplog.records[0].getMessage()


def test_a_fault_that_comes_later_leads_back_too(
    convolution: PackedConv2d, x: Tensor, packing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, other = plain(convolution, x), use(copy.deepcopy(convolution), x)
    use(convolution, x)
    monkeypatch.setattr(torch.ops, "mkldnn", Operators(_convolution_pointwise=fails))
    for each in (convolution, other, convolution, other):
        # In another order in memory, so that sums of 432 terms may be rounded otherwise.
        assert golden.error(each(x), expected) < SAME and not each.weight.is_mkldnn
    assert packing == ["could not create a primitive descriptor"]


def test_a_picture_that_is_no_numbers_does_not_end_packing(
    convolution: PackedConv2d, x: Tensor, packing: list[str]
) -> None:
    for _ in range(2):
        assert convolution(torch.full_like(x, torch.nan)).isnan().all()
    assert not packing and not convolution.weight.is_mkldnn
    convolution(x)
    assert not packing and convolution.weight.is_mkldnn
