"""The codes and the losses that the parts are trained with, on cases small enough to be counted by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import golden
import pytest
import torch

pytest.importorskip("dicebear", reason="training needs the extra `train`")
pytest.importorskip("resvg_py", reason="training needs the extra `train`")

from ffclip.ffclip_core.networks.generator import Generator
from ffclip.ffclip_core.training.avatars import ATTRIBUTES
from ffclip.ffclip_core.training.codes import LATENT_DIM, Codes
from ffclip.ffclip_core.training.judge import attribute_losses
from ffclip.ffclip_core.training.train_clip import clip_losses, truth_matrix
from ffclip.ffclip_core.training.train_generator import face_weights, laplacian_l1, pixel_losses
from ffclip.ffclip_core.training.train_modulator import style_metric

NAMES = list(ATTRIBUTES)


@pytest.fixture
def parameters() -> torch.Tensor:
    stream = torch.Generator().manual_seed(0)
    return torch.randn(200, 5, generator=stream) * torch.tensor([1, 2, 0.5, 1, 3.0]) + 4


def test_a_code_says_what_a_drawing_was_drawn_from(parameters: torch.Tensor) -> None:
    codes = Codes.of(parameters, 4)
    w = codes.w(parameters)
    assert w.shape == (200, LATENT_DIM) and codes.offsets.shape == (4, LATENT_DIM)
    exact = golden.rounding(LATENT_DIM)
    assert golden.error(codes.along(w) / codes.scale + codes.mean, parameters) < exact
    assert golden.error(codes.directions @ codes.directions.T, torch.eye(5)) < exact
    assert float(w.mean(0).norm()) < exact * float(w.norm())
    variance = w.square().sum() / (len(w) - 1) / LATENT_DIM
    assert golden.error(variance, torch.tensor(1.0)) < golden.rounding(w.numel())
    assert not codes.along(codes.offsets).any(), "the layers' constants say nothing of the drawing"


def small_generator() -> Generator:
    return golden.fill(
        Generator(size=8, channels={4: 6, 8: 6}, latent_dim=LATENT_DIM, num_mapping_layers=1), "stylegan"
    )


@torch.no_grad()
def test_a_restricted_generator_sees_the_directions_alone(parameters: torch.Tensor) -> None:
    codes, generator = Codes.of(parameters, 4), small_generator()
    w = codes.w(parameters[:2])[:, None].expand(-1, 4, -1)
    before = generator(w)
    beside = torch.randn(w.shape, generator=torch.Generator().manual_seed(1))
    beside = beside - codes.along(beside) @ codes.directions
    assert golden.error(generator(w + beside), before) > 0.01
    codes.restrict(generator)
    same = golden.rounding(LATENT_DIM, layers=8)
    assert golden.error(generator(w), before) < same and golden.error(generator(w + beside), before) < same


@torch.no_grad()
def test_the_metric_measures_changes_of_styles_by_their_spread(parameters: torch.Tensor) -> None:
    codes, generator = Codes.of(parameters, 4), small_generator()
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


def test_differences_of_pictures() -> None:
    flat = torch.full((1, 3, 64, 64), -0.5)
    assert float(laplacian_l1(flat)) == 0.5, "only the coarsest level is not zero"
    fine = torch.ones(64, 64)
    fine[::2, ::2] = fine[1::2, 1::2] = -1
    assert float(laplacian_l1(fine.expand(1, 3, 64, 64))) == 1, "only the finest level is not zero"
    box = torch.tensor([[0.25, 0.5, 0.75, 1.0]])  # left, top, right, bottom
    weights = face_weights(box, 4.0)[0, 0]
    assert set(weights[32:, 16:48].unique().tolist()) == {4} and weights.sum() == 64 * 64 + 3 * 32 * 32
    assert {name: float(loss) for name, loss in pixel_losses(flat, box).items()} == {"l1": 1.75, "laplacian": 1.0}


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


def test_captions_are_true_of_pictures_that_show_all_of_their_facts() -> None:
    labels = torch.zeros(3, len(NAMES), dtype=torch.long)
    labels[1, NAMES.index("hair")] = 1
    labels[2, NAMES.index("glasses")] = -1  # Not to be seen.
    bald, short = (("hair", value) for value in ATTRIBUTES["hair"][:2])
    none = ("glasses", ATTRIBUTES["glasses"][0])
    found = truth_matrix([[bald], [short], [bald, none], [none]], labels)
    assert found.int().tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 0]]


def test_texts_are_drawn_to_the_pictures_they_are_true_of() -> None:
    scales = SimpleNamespace(scale=torch.tensor(math.log(2)), bias=torch.tensor(-1.0), softmax_scale=torch.tensor(0.0))
    texts = torch.eye(2)
    found = clip_losses(scales, texts, 5 * texts, torch.eye(2).bool())  # pyright: ignore[reportArgumentType]
    # Cosines are 1 and 0, so logits 1 and -1; both softmaxes are of (1, 0).
    expected = {"sigmoid": 4 * math.log1p(math.exp(-1)), "softmax": math.log1p(math.exp(-1))}
    assert {name: float(loss) for name, loss in found.items()} == pytest.approx(expected, rel=golden.rounding(16))
    other = clip_losses(scales, texts, texts.flip(0), torch.eye(2).bool())  # pyright: ignore[reportArgumentType]
    assert all(other[name] > found[name] for name in found)
