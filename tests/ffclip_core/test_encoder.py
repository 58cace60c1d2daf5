"""The encoder, small; its stored codes at the published sizes are in test_full_size.py."""

from __future__ import annotations

from typing import cast

import ffclip.ffclip_core.execution.encoder as fast
import golden
import pytest
import torch
from ffclip.ffclip_core import InputError
from ffclip.ffclip_core.benchmark import peer
from ffclip.ffclip_core.execution import packed_convolution
from ffclip.ffclip_core.execution.crew import Crew
from ffclip.ffclip_core.execution.encoder import FastEncoder as Encoder
from ffclip.ffclip_core.execution.packed_convolution import PackedConv2d, has_kernels
from ffclip.ffclip_core.networks.encoder import StyleHead


def test_the_keys_are_those_of_published_files() -> None:
    with torch.device("meta"):
        encoder = Encoder()
    found = {key: list(value.shape) for key, value in encoder.state_dict().items() if key != "latent_avg"}
    assert found == golden.table("keys")["encoder"]


def test_pictures_of_another_size_are_refused() -> None:
    encoder = Encoder(**golden.SMALL_ENCODER).eval()
    assert encoder(torch.zeros(2, 3, 64, 64)).shape == (2, 10, 32)
    with pytest.raises(InputError, match="The pictures are a tensor, not list"):
        encoder([])
    with pytest.raises(InputError, match="floating-point numbers, not torch.uint8"):
        encoder(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))
    with pytest.raises(InputError, match=r"\[batch, 3, 64, 64\].*\[1, 3, 256, 256\]"):
        encoder(torch.zeros(1, 3, 256, 256))


@pytest.mark.parametrize("size", [(64, 128), (128, 64), (96, 64), (16, 16)])
def test_pictures_of_any_shape_have_one_code_per_layer(size: tuple[int, int]) -> None:
    """Every head narrows its level, of 1/16, 1/8 or 1/4 of the picture's size, to one pixel."""
    encoder = Encoder(**golden.SMALL_ENCODER | {"input_size": size}).eval()
    assert encoder(torch.zeros(2, 3, *size)).shape == (2, 10, 32)
    for head, part in zip(encoder.styles, [16] * 3 + [8] * 4 + [4] * 3, strict=True):
        assert cast(StyleHead, head).convs(torch.zeros(1, 16, size[0] // part, size[1] // part)).shape[2:] == (1, 1)


def test_parameters_are_plain_after_use() -> None:
    """What programs do with the parameters of a network works, whatever order their numbers lie in."""
    encoder = Encoder(**golden.SMALL_ENCODER).eval().requires_grad_(False)
    expected = {name: parameter.clone() for name, parameter in encoder.named_parameters("some.prefix")}
    with torch.inference_mode():
        for _ in range(2):
            encoder(torch.zeros(1, 3, 64, 64))
    packed = next(module for module in encoder.modules() if isinstance(module, PackedConv2d))
    assert packed.weight.is_mkldnn == has_kernels(torch.float32)
    next(encoder.parameters())  # As one asks for device and number format.
    assert packed.weight.is_mkldnn == has_kernels(torch.float32)
    found = dict(encoder.named_parameters("some.prefix"))
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert all(parameter.requires_grad for parameter in encoder.requires_grad_().parameters())


def test_nan_and_infinity_are_refused_with_their_place() -> None:
    encoder = Encoder(**golden.SMALL_ENCODER).eval()
    for value in (torch.nan, torch.inf):
        x = torch.zeros(2, 3, 64, 64)
        x[1, 2, 3, 4] = value
        with pytest.raises(InputError, match=rf"hold the value {value} \(picture 1, channel 2, row 3, column 4"):
            encoder(x)


@pytest.mark.parametrize("has", [True, False])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_codes_with_packed_weights_and_without(
    has: bool, order: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    """oneDNN's kernels for x86 with AVX take packed weights; every other processor draws from the plain ones."""
    if has and not has_kernels(torch.float32):
        pytest.skip("this processor has no AVX, or PyTorch no oneDNN: weights stay plain")
    if not has:
        monkeypatch.setattr(packed_convolution, "has_kernels", lambda dtype: False)
    encoder = golden.fill(
        Encoder(**golden.VARIED_ENCODER),
        "e4e",
    ).requires_grad_(False)
    encoder = encoder.to(memory_format=order)  # pyright: ignore[reportCallIssue]
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        found = [encoder(x) for _ in range(3)]
        packed = {module.weight.is_mkldnn for module in encoder.modules() if isinstance(module, PackedConv2d)}
        expected = peer.encode(encoder.requires_grad_(), x)  # Weights that require gradients are never packed.
    assert packed == {has}
    assert max(golden.largest_error(each, expected) for each in found) < golden.rounding(9 * 64, layers=12)


@pytest.mark.parametrize("members", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", [(64, 64), (192, 256)])
def test_codes_are_the_same_however_many_threads_share_the_work(
    members: int, batch: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Crew() if members == 1 else Crew(members, 1)
    monkeypatch.setattr(fast, "crew", lambda: hands)
    monkeypatch.setattr(fast, "CHANNELS", 7)
    monkeypatch.setattr(fast, "WORTH_A_MEETING", 4 * 4 * 40)
    encoder = golden.fill(
        Encoder(**(golden.VARIED_ENCODER | {"num_layers": 9, "input_size": size, "blocks": (2, 1, 2, 1)})),
        "e4e",
    ).requires_grad_(False)
    x = torch.randn(batch, 3, *size, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = super(Encoder, encoder).forward(x)
        for _ in range(3):
            assert golden.largest_error(encoder(x), expected) < golden.rounding(9 * 64, layers=12)


def test_gradients_reach_pictures_and_weights() -> None:
    encoder = golden.fill(
        Encoder(**(golden.VARIED_ENCODER | {"num_layers": 9, "blocks": (2, 1, 2, 1)})),
        "e4e",
    ).eval()
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    encoder(x).square().sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    frozen = encoder.requires_grad_(False)
    (slope,) = torch.autograd.grad(frozen(x).square().sum(), x)
    assert golden.error(slope, x.grad) < golden.rounding(9 * 64, layers=24)
