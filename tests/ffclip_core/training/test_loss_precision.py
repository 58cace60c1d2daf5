"""All losses that are plain functions of tensors: gradients by finite differences, and the same numbers under
autocast and of tensors of 16 bits."""

from __future__ import annotations

from collections.abc import Callable

import golden
import pytest
import torch
from ffclip.ffclip_core.training.losses import adversarial, autoencoder, encoder, modulator, text, text_free
from ffclip.ffclip_core.training.losses.augmentation import augment, draw_changes
from torch import Tensor


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


MASK = random(1, 1, 8, 12, seed=9).sigmoid()
TRUTH = torch.tensor([[1, 0, 0], [0, 0, 0], [1, 1, 0]]).bool()
PICTURES, CODES, VECTORS = (2, 3, 8, 12), (2, 4, 5), (2, 6)
LOSSES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "clip": (modulator.cosine_distance, [VECTORS] * 2),
    "directional": (modulator.directional, [VECTORS] * 4),
    "latent_l1": (modulator.latent_l1, [CODES]),
    "latent_l2": (modulator.latent_l2, [CODES]),
    "embedding": (lambda a: modulator.embedding(a, torch.zeros_like(a)), [VECTORS]),
    "background": (lambda a: modulator.background(a, a.detach() * 0, MASK), [PICTURES]),
    "pair_image": (lambda a: modulator.pair_image(a, a.detach() * 0, MASK), [PICTURES]),
    "pair_masked": (lambda a: modulator.pair_masked(a, a.detach() * 0, MASK), [PICTURES]),
    "pair_latent": (lambda a: modulator.pair_latent(a, torch.zeros_like(a)), [CODES]),
    "adversarial": (adversarial.seems_real, [(4,)]),
    "discriminator": (adversarial.told_apart, [(4,), (3,)]),
    "l1": (autoencoder.l1, [PICTURES] * 2),
    "laplacian": (lambda a: autoencoder.laplacian_l1(a, levels=3), [PICTURES]),
    "reconstruction": (encoder.reconstruction, [PICTURES] * 2),
    "delta": (encoder.delta, [CODES]),
    "sigmoid": (lambda a: text.sigmoid_loss(a, TRUTH), [(3, 3)]),
    "softmax": (lambda a: text.softmax_loss(a, TRUTH), [(3, 3)]),
    "text_free": (text_free.text_free, [CODES] * 2),
    "direction": (text_free.direction, [VECTORS] * 2),
}


CHANGES = draw_changes(2, 1.0, (8, 12), torch.Generator().manual_seed(1))
OF_PICTURES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "augment": (lambda a: augment(a, CHANGES), [PICTURES]),
    "changed_places": (lambda a: modulator.changed_places(a, a / 2), [PICTURES]),
}
"""What would be convolved or multiplied in bfloat16."""


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_the_values(name: str) -> None:
    loss, shapes = LOSSES[name]
    given = [random(*shape, seed=i).double().requires_grad_() for i, shape in enumerate(shapes)]
    assert torch.autograd.gradcheck(loss, given, fast_mode=True)


@pytest.mark.parametrize("name", LOSSES | OF_PICTURES)
def test_numbers_are_those_of_float32_whatever_the_caller_computes_in(name: str) -> None:
    loss, shapes = (LOSSES | OF_PICTURES)[name]
    given = [random(*shape, seed=i).bfloat16() for i, shape in enumerate(shapes)]
    expected = loss(*(x.double() for x in given))
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(*given)
    assert found.dtype == torch.float32
    assert golden.error(found, expected) < golden.rounding(600, layers=4)


def test_what_is_no_tensor_is_told() -> None:
    with pytest.raises(TypeError, match="latent_l1 takes tensors, not list"):
        modulator.latent_l1([0.5])  # pyright: ignore[reportArgumentType]
