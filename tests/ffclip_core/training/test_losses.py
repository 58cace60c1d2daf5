"""The codes and the losses that the parts are trained with, on cases small enough to be counted by hand."""

from __future__ import annotations

import math

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.errors import InputError
from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.training.avatars.vocabulary import ATTRIBUTES
from ffclip.ffclip_core.training.codes import ALL, Codes, affine_layers
from ffclip.ffclip_core.training.losses.autoencoder import (
    face_weights,
    feature_l1,
    focused_l1,
    l1,
    laplacian_l1,
)
from ffclip.ffclip_core.training.losses.labels import attribute_losses, meaning_losses
from ffclip.ffclip_core.training.losses.text import sigmoid_loss, softmax_loss
from ffclip.ffclip_core.training.style_metric import style_metric

NAMES = list(ATTRIBUTES)
LATENT_DIM = 256


@pytest.fixture
def parameters() -> torch.Tensor:
    stream = torch.Generator().manual_seed(0)
    return torch.randn(200, 5, generator=stream) * torch.tensor([1, 2, 0.5, 1, 3.0]) + 4


def test_a_code_says_what_a_drawing_was_drawn_from(parameters: torch.Tensor) -> None:
    codes = Codes.of(parameters, 4, LATENT_DIM, (ALL,) * 5)
    w = codes.w(parameters)
    assert w.shape == (200, LATENT_DIM) and codes.offsets.shape == (4, LATENT_DIM)
    exact = golden.rounding(LATENT_DIM)
    assert golden.error(codes.along(w) / codes.scale + codes.mean, parameters) < exact
    assert golden.error(codes.directions @ codes.directions.T, torch.eye(5)) < exact
    assert float(w.mean(0).norm()) < exact * float(w.norm())
    variance = w.square().sum() / (len(w) - 1) / LATENT_DIM
    assert golden.error(variance, torch.tensor(1.0)) < golden.rounding(w.numel())
    assert not codes.along(codes.offsets).any(), "the layers' constants say nothing of the drawing"


def test_layers_differ_by_constants_that_have_another_order_in_every_pair_of_channels(parameters: torch.Tensor) -> None:
    offsets = Codes.of(parameters, 4, LATENT_DIM, (ALL,) * 5).offsets
    assert set(offsets.abs().unique().tolist()) == {3.0}
    pairs = offsets[:, :10].reshape(4, 5, 2)
    assert torch.equal(pairs[..., 0], pairs[..., 1])
    assert not pairs[..., 0].sum(0).any(), "as many layers up as down"
    assert len(pairs[..., 0].T.unique(dim=0)) > 1


def test_what_hardly_varies_is_not_blown_up(parameters: torch.Tensor) -> None:
    still = torch.cat([parameters, parameters[:, :1] * 0, 0.2 * parameters[:, :1]], 1)
    scale = Codes.of(still, 4, LATENT_DIM, (ALL,) * 7).scale
    # As if by 0.05; otherwise the larger the less a parameter varies, by its root.
    spread = torch.cat([parameters.std(0), torch.tensor([0.05]), 0.2 * parameters[:, :1].std(0)])
    assert golden.error(scale * spread.sqrt(), (LATENT_DIM / spread.sum()).sqrt().expand(7)) < golden.rounding(200)


def small_generator(size: int = 8) -> Generator:
    channels = {side: 6 for side in (4, 8, 16, 32) if side <= size}
    return golden.fill(Generator(size=size, channels=channels, latent_dim=LATENT_DIM, num_mapping_layers=1), "stylegan")


@torch.no_grad()
def test_a_restricted_generator_sees_the_directions_alone(parameters: torch.Tensor) -> None:
    codes, generator = Codes.of(parameters, 4, LATENT_DIM, (ALL,) * 5), small_generator()
    w = codes.w(parameters[:2])[:, None].expand(-1, 4, -1)
    before = generator(w)
    beside = torch.randn(w.shape, generator=torch.Generator().manual_seed(1))
    beside = beside - codes.along(beside) @ codes.directions
    assert golden.error(generator(w + beside), before) > 0.01
    mapping = {name: weight.clone() for name, weight in generator.style.state_dict().items()}
    codes.restrict(generator)
    assert all(torch.equal(mapping[name], weight) for name, weight in generator.style.state_dict().items())
    same = golden.rounding(LATENT_DIM, layers=8)
    assert golden.error(generator(w), before) < same and golden.error(generator(w + beside), before) < same


@torch.no_grad()
def test_each_layer_sees_the_parameters_of_its_scale_alone(parameters: torch.Tensor) -> None:
    codes = Codes.of(parameters, 8, LATENT_DIM, ("coarse", "medium", "coarse medium", ALL, "medium"))
    generator, exact = small_generator(32), golden.rounding(LATENT_DIM)
    w, whole = codes.layers(parameters[:2]), codes.w(parameters[:2])
    seen = torch.tensor([[1, 0, 1, 1, 0]] * 4 + [[0, 1, 1, 1, 1]] * 4)
    assert golden.error(codes.along(w), codes.along(whole)[:, None] * seen) < exact
    before = generator(w)
    assert golden.error(generator(whole[:, None].expand(-1, 8, -1)), before) > 0.01
    codes.restrict(generator)
    same = golden.rounding(LATENT_DIM, layers=16)
    assert golden.error(generator(w), before) < same
    assert golden.error(generator(whole[:, None].expand(-1, 8, -1)), before) < same
    for i, affines in enumerate(affine_layers(generator)):
        for affine in affines:
            assert torch.equal(codes.along(affine.weight).abs().amax(0) > exact, seen[i] > 0)


def test_a_parameter_that_no_layer_sees_is_refused(parameters: torch.Tensor) -> None:
    with pytest.raises(InputError, match="Of 8 layers none is fine"):
        Codes.of(parameters, 8, LATENT_DIM, (*[ALL] * 4, "fine"))


@torch.no_grad()
def test_the_metric_measures_changes_of_styles_by_their_spread(parameters: torch.Tensor) -> None:
    codes, generator = Codes.of(parameters, 4, LATENT_DIM, (ALL,) * 5), small_generator()
    w = codes.w(parameters)
    change = torch.randn(5, generator=torch.Generator().manual_seed(1))
    found = (change @ style_metric(generator, codes, w)).square().sum(1)
    convolutions = [
        [generator.conv1.conv],
        [generator.convs[0].conv, generator.to_rgb1.conv],
        [generator.convs[1].conv],
    ]
    for layer, those in enumerate(convolutions):
        weights = torch.cat([convolution.modulation.weight for convolution in those])
        styles = change @ codes.directions @ weights.T / (w @ weights.T).std(0)
        assert golden.error(found[layer], styles.square().mean()) < golden.rounding(LATENT_DIM, layers=4)


@torch.no_grad()
def test_the_metric_of_few_styles_that_see_few_of_many_parameters() -> None:
    """As the last layers of generators of 256 px have them, beside more parameters than styles."""
    stream = torch.Generator().manual_seed(0)
    parameters = torch.randn(300, 120, generator=stream)
    codes = Codes.of(parameters, 8, LATENT_DIM, ("coarse",) * 100 + ("medium",) * 20)
    generator = small_generator(32)
    codes.restrict(generator)
    found = style_metric(generator, codes, codes.w(parameters))
    assert found.shape == (8, 120, 120) and found.isfinite().all()
    assert not found[:4, 100:].abs().max() > 1e-5 * found.abs().max()


def test_differences_of_pictures() -> None:
    flat = torch.full((1, 3, 64, 64), -0.5)
    assert float(laplacian_l1(flat)) == 0.5, "only the coarsest level is not zero"
    fine = torch.ones(64, 64)
    fine[::2, ::2] = fine[1::2, 1::2] = -1
    assert float(laplacian_l1(fine.expand(1, 3, 64, 64))) == 1, "only the finest level is not zero"
    block = torch.zeros(16, 16)
    block[:8, :8] = (
        1  # Of four squares of eight pixels one is 1: on the last level but one they are 0.75 and three times
    )
    # 0.25 off their mean, which is 0.25 on the last.
    assert float(laplacian_l1(block.repeat(4, 4).expand(1, 3, 64, 64))) == 0.375 + 0.25
    box = torch.tensor([[0.25, 0.5, 0.75, 1.0]])  # left, top, right, bottom
    weights = face_weights(box, 64, 4.0)[0, 0]
    assert set(weights[32:, 16:48].unique().tolist()) == {4} and weights.sum() == 64 * 64 + 3 * 32 * 32
    assert float(focused_l1(flat, box)) == 0.875


@pytest.mark.parametrize("size", [(24, 40), (13, 18)])
def test_pyramids_of_pictures_of_any_shape(size: tuple[int, int]) -> None:
    difference = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    level, expected = difference.double().numpy(), 0.0
    for _ in range(2):
        height, width = (n // 2 for n in level.shape[2:])
        small = level[:, :, : 2 * height, : 2 * width].reshape(2, 3, height, 2, width, 2).mean((3, 5))
        rows, columns = (np.arange(n) * m // n for n, m in zip(level.shape[2:], (height, width), strict=True))
        expected += np.abs(level - small[:, :, rows][:, :, :, columns]).mean()
        level = small
    expected += np.abs(level).mean()
    assert float(laplacian_l1(difference, levels=3)) == pytest.approx(expected, rel=golden.rounding(6000))


def test_features_are_compared_map_by_map() -> None:
    drawn, wanted = (
        torch.randn(2, 3, 6, 8, generator=torch.Generator().manual_seed(i)).requires_grad_() for i in range(2)
    )
    loss = feature_l1(lambda x: (x, 3 * x[:, :1]), drawn, wanted)
    apart = (drawn - wanted).detach().double().abs()
    expected = apart.mean() + 3 * apart[:, :1].mean()
    assert float(loss.detach()) == pytest.approx(float(expected), rel=golden.rounding(300))
    assert float(l1(drawn, wanted).detach()) == pytest.approx(float(apart.mean()), rel=golden.rounding(300))
    loss.backward()
    assert drawn.grad is not None and wanted.grad is None


def test_labels_that_are_not_there_cost_nothing() -> None:
    logits = {name: torch.zeros(2, len(values)) for name, values in ATTRIBUTES.items()}
    labels = torch.zeros(2, len(NAMES), dtype=torch.long)
    labels[0, 0] = -1
    labels[:, 1] = -1
    losses = attribute_losses(logits, labels)
    expected = torch.tensor([math.log(len(values)) for values in ATTRIBUTES.values()])
    expected[0] /= 2
    expected[1] = 0
    assert golden.error(losses, expected) < golden.rounding(16)


def test_texts_are_drawn_to_the_pictures_they_are_true_of() -> None:
    cosine, truth = torch.eye(2), torch.eye(2).bool()
    logits = 2 * cosine - 1
    # Logits are 1 and -1; both softmaxes are of (1, 0).
    expected = math.log1p(math.exp(-1))
    assert float(sigmoid_loss(logits, truth)) == pytest.approx(4 * expected, rel=golden.rounding(16))
    assert float(softmax_loss(cosine, truth)) == pytest.approx(expected, rel=golden.rounding(16))
    assert float(sigmoid_loss(logits, ~truth)) > 4 * expected and float(softmax_loss(cosine, ~truth)) > expected


def test_several_pictures_may_be_right() -> None:
    """Of three texts and four pictures, with a text that is true of none and a picture of which none is true."""
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    truth = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]).bool()
    odds = logits.double().exp()
    texts = [-math.log(float(odds[i, truth[i]].sum() / odds[i].sum())) for i in (0, 2)]
    pictures = [-math.log(float(odds[truth[:, j], j].sum() / odds[:, j].sum())) for j in (0, 1, 2)]
    expected = sum(texts) / 4 + sum(pictures) / 6
    assert float(softmax_loss(logits, truth)) == pytest.approx(expected, rel=golden.rounding(4, layers=4))
    sure = logits.double().sigmoid()
    expected = -2 * float(sure[truth].log().mean() + (1 - sure[~truth]).log().mean())
    assert float(sigmoid_loss(logits, truth)) == pytest.approx(expected, rel=golden.rounding(12, layers=4))


def test_what_texts_mean() -> None:
    """Of two values and nothing: a text that allows the first, one that allows both, one that says nothing."""
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]] * 3))
    meant = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
    found = meaning_losses([logits, logits], [meant, meant[[0, 0, 0]]])
    expected = torch.tensor([-(math.log(0.5) + math.log(0.75) + math.log(0.25)) / 3, math.log(2)])
    assert golden.error(found, expected) < golden.rounding(3, layers=4)
