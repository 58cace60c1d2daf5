"""Inversions are brought closer to their pictures, on tiny networks and once on the embedded family."""

from __future__ import annotations

import contextlib
import re
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import EMBEDDED, Editor, FFCLIPError, InputError, Refinement, refine
from ffclip.ffclip_core.execution.generator import FastGenerator
from ffclip.ffclip_core.networks.generator import Generator as PlainGenerator
from ffclip.ffclip_core.perceptual import lpips_distance
from ffclip.ffclip_core.pictures import to_images
from PIL import Image

STEPS = 6


@pytest.fixture(scope="module")
def generator() -> FastGenerator:
    made = FastGenerator(size=16, channels={4: 12, 8: 10, 16: 8}, latent_dim=24, num_mapping_layers=2)
    return golden.fill(made, "stylegan").eval().requires_grad_(False)


@pytest.fixture(scope="module")
def codes(generator: FastGenerator) -> torch.Tensor:
    """Three."""
    stream = torch.Generator().manual_seed(1)
    return torch.randn(3, generator.num_layers, generator.latent_dim, generator=stream)


@pytest.fixture(scope="module")
def pictures(generator: FastGenerator, codes: torch.Tensor) -> torch.Tensor:
    """What codes near by draw, with an offset that none draws."""
    stream = torch.Generator().manual_seed(2)
    return (to_images(generator(codes + 0.3 * torch.randn(codes.shape, generator=stream))) * 0.9 + 0.08).clamp(0, 1)


@pytest.fixture(scope="module")
def tuned(generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor) -> Refinement:
    return refine(generator, codes, pictures, steps=STEPS, tuning=STEPS)


def error(generator: FastGenerator, w: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    return (to_images(generator(w)) - pictures).square().mean((1, 2, 3)).sqrt()


def test_codes_come_closer(generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor) -> None:
    found = refine(generator, codes, pictures, steps=STEPS)
    assert (found.after < 0.9 * found.before).all()
    assert golden.error(found.before, error(generator, codes, pictures)) < 1e-5
    assert golden.error(found.after, error(generator, found.w, pictures)) < 1e-5
    assert found.generator is generator and found.complete
    assert found.steps == found.of == found.taken == STEPS
    assert found.w.shape == codes.shape and found.w.dtype == torch.float32 and not found.w.requires_grad


def test_tuned_weights_come_closer_still(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, tuned: Refinement
) -> None:
    plain = refine(generator, codes, pictures, steps=STEPS)
    assert torch.equal(tuned.w, plain.w)
    assert tuned.after.square().mean() < 0.95 * plain.after.square().mean()
    assert golden.error(tuned.after, error(tuned.generator, tuned.w, pictures)) < 1e-5


def test_the_tuned_generator_shares_what_was_not_tuned(generator: FastGenerator, tuned: Refinement) -> None:
    old, new = generator.state_dict(), tuned.generator.state_dict()
    own = {name for name in old if new[name].data_ptr() != old[name].data_ptr()}
    assert all(not torch.equal(new[name], old[name]) for name in own)
    assert own == {
        name
        for name, _ in generator.named_parameters()
        if "modulation" in name or re.search(r"activate\.bias|noise\.weight|to_rgb", name)
    }
    assert not any(name.startswith(("style", "input", "noises")) or "convs.0.conv.weight" in name for name in own)
    assert tuned.generator.family == generator.family and not tuned.generator.training
    assert not any(value.requires_grad for value in tuned.generator.parameters())


def test_the_generator_that_was_given_stays_as_it_was(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor
) -> None:
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    picture, given = generator(codes), codes.clone()
    refine(generator, codes, pictures, steps=2, tuning=2)
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert torch.equal(generator(codes), picture) and torch.equal(codes, given)


def test_the_fast_way_draws_the_tuned_weights(tuned: Refinement) -> None:
    plain = PlainGenerator.forward(tuned.generator, tuned.w)
    assert golden.error(tuned.generator(tuned.w), plain) < golden.NETWORKS


def test_the_same_input_gives_the_same_result(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, tuned: Refinement
) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    again = refine(generator, codes, pictures, steps=STEPS, tuning=STEPS)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(again.w, tuned.w)
    assert torch.equal(again.generator(again.w), tuned.generator(tuned.w))


def test_looser_codes_go_further(generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor) -> None:
    found = [refine(generator, codes, pictures, steps=20, closeness=each) for each in (0, 0.5, 1)]
    moved = [float((each.w - codes).square().mean()) for each in found]
    assert moved[0] < moved[1] < moved[2]


def test_the_best_is_kept_where_steps_go_astray(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ffclip.ffclip_core import refinement

    monkeypatch.setattr(refinement, "CODE_RATE", 1e3)
    monkeypatch.setattr(refinement, "WEIGHT_RATE", 1e3)
    found = refine(generator, codes, pictures, steps=3, tuning=3)
    assert torch.equal(found.w, codes)
    assert torch.equal(found.before, found.after)


class EnoughError(Exception):
    pass


@pytest.mark.parametrize("at", [1, STEPS - 1, STEPS, STEPS + 3], ids=lambda at: f"step {at}")
@pytest.mark.parametrize("raises", [False, True], ids=["false", "raises"])
def test_cancelling_gives_the_best_so_far_and_going_on_reaches_the_end(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, at: int, raises: bool
) -> None:
    told: list[tuple[int, int]] = []

    def progress(step: int, of: int, picture: torch.Tensor) -> bool:
        told.append((step, of))
        assert picture.shape == (1, 16, 16, 3) and 0 <= picture.min() <= picture.max() <= 1
        if step == at and raises:
            raise EnoughError
        return step < at

    settings: dict[str, Any] = {"steps": STEPS, "tuning": STEPS}
    first = refine(generator, codes, pictures, **settings, progress=progress)
    assert told == [(step, 2 * STEPS) for step in range(1, at + 1)]
    assert first.steps == first.taken == at and not first.complete
    assert isinstance(first.raised, EnoughError) == raises
    assert (first.after <= first.before * (1 + 1e-5)).all() or at > STEPS
    if at > 1:
        assert first.after.mean() < first.before.mean()

    rest = []
    last = refine(generator, codes, pictures, **settings, start=first, progress=lambda step, *_: rest.append(step))
    assert rest == list(range(at + 1, 2 * STEPS + 1)) and last.complete
    assert last.after.square().mean() < first.after.square().mean()


def test_a_start_goes_with_its_codes_and_steps(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, tuned: Refinement
) -> None:
    with pytest.raises(InputError, match="This start is of .* 12 steps, not of .* 7"):
        refine(generator, codes, pictures, steps=STEPS, tuning=1, start=replace(tuned, steps=3))
    with pytest.raises(InputError, match="This start is of"):
        refine(generator, codes[:1], pictures[:1], steps=STEPS, tuning=STEPS, start=tuned)


def test_time_that_is_up_leaves_steps_out_of_every_picture_alike(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ffclip.ffclip_core import refinement

    now = [0.0]
    monkeypatch.setattr(refinement, "monotonic", lambda: now[0])
    monkeypatch.setattr(refinement, "_TOGETHER", 1)

    def progress(*_: object) -> None:
        now[0] += 1

    found = refine(generator, codes, pictures, steps=100, tuning=100, seconds=40, progress=progress)
    assert found.complete and found.steps == found.of == 400
    assert 40 <= now[0] <= 45 and 30 < found.taken < 40  # A step of the weights is told after each of the pictures.
    assert (found.after < found.before).all()  # Every picture got its part.
    assert found.generator is not generator


def test_pictures_are_refined_alone_or_together_alike(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor
) -> None:
    together = refine(generator, codes, pictures, steps=STEPS)
    alone = torch.cat([refine(generator, codes[i : i + 1], pictures[i : i + 1], steps=STEPS).w for i in range(3)])
    assert golden.error(alone, together.w) < golden.NETWORKS


def test_memory_does_not_grow_with_the_batch(generator: FastGenerator, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    forward = PlainGenerator.forward

    def counted(self: PlainGenerator, w: torch.Tensor, *arguments: Any, **settings: Any) -> torch.Tensor:
        if torch.is_grad_enabled():
            drawn.append(len(w))
        return forward(self, w, *arguments, **settings)

    monkeypatch.setattr(PlainGenerator, "forward", counted)
    codes = torch.randn(9, generator.num_layers, generator.latent_dim, generator=torch.Generator().manual_seed(4))
    refine(generator, codes, torch.rand(9, 16, 16, 3), steps=1, tuning=1)
    assert sum(drawn) == 18 and max(drawn) == 4
    large = FastGenerator(size=512, channels={2**i: 2 for i in range(2, 10)}, latent_dim=4, num_mapping_layers=1)
    large = golden.fill(large, "stylegan").eval().requires_grad_(False)
    drawn.clear()
    refine(large, torch.zeros(3, large.num_layers, large.latent_dim), torch.rand(3, 16, 16, 3), steps=1, tuning=1)
    assert sum(drawn) == 6
    assert max(drawn) == 1


@pytest.mark.parametrize("mode", [contextlib.nullcontext, torch.no_grad, torch.inference_mode])
def test_it_works_in_every_mode_and_gives_ordinary_tensors(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, tuned: Refinement, mode: Any
) -> None:
    with mode():
        made = FastGenerator(**vars(generator.config))
        made.load_state_dict(generator.state_dict())  # In inference mode, as ComfyUI moves networks there.
        found = refine(made.eval().requires_grad_(False), codes.clone(), pictures.clone(), steps=STEPS, tuning=STEPS)
    for value in (found.w, found.after, found.generator(found.w)):
        assert not value.is_inference() and not value.requires_grad
    assert torch.equal(found.w, tuned.w) and torch.equal(found.after, tuned.after)


def test_foreign_defaults_change_nothing(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, tuned: Refinement
) -> None:
    dtype = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        with torch.device("meta"), torch.autocast("cpu", dtype=torch.bfloat16):
            found = refine(generator, codes, pictures, steps=STEPS, tuning=STEPS)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(dtype)
    assert torch.equal(found.w, tuned.w) and torch.equal(found.after, tuned.after)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refined_in_float32_and_stays_as_it_is(dtype: torch.dtype) -> None:
    made = FastGenerator(size=64, channels={4: 8, 8: 8, 16: 8, 32: 8, 64: 8}, latent_dim=16, num_mapping_layers=1)
    made = golden.fill(made, "stylegan").eval().requires_grad_(False)
    made.set_precision(dtype)
    w = torch.randn(1, made.num_layers, made.latent_dim, generator=torch.Generator().manual_seed(5))
    found = refine(made, w, torch.full((1, 64, 64, 3), 0.4), steps=4, tuning=4)
    assert (found.after < found.before).all()
    assert found.w.dtype == torch.float32
    kept = [(a.dtype, b.dtype) for a, b in zip(found.generator.parameters(), made.parameters(), strict=True)]
    assert all(a == b for a, b in kept)
    assert found.generator.convs[-1].conv.dtype == made.convs[-1].conv.dtype == dtype  # pyright: ignore


def test_wide_pictures_are_compared_in_their_rows_and_small_ones_at_their_size(
    generator: FastGenerator, codes: torch.Tensor
) -> None:
    wide = torch.full((1, 24, 32, 3), 0.5)
    found = refine(generator, codes[:1], wide, steps=STEPS, proportions=(3, 4))
    drawn = to_images(generator(found.w), (3, 4))
    assert drawn.shape == (1, 12, 16, 3)
    assert golden.error(found.after, (drawn - 0.5).square().mean((1, 2, 3)).sqrt()) < 1e-5
    made = FastGenerator(size=64, channels={4: 8, 8: 8, 16: 8, 32: 8, 64: 8}, latent_dim=16, num_mapping_layers=1)
    made = golden.fill(made, "stylegan").eval().requires_grad_(False)
    w = torch.randn(1, made.num_layers, made.latent_dim, generator=torch.Generator().manual_seed(6))
    small = refine(made, w, torch.full((1, 20, 20, 3), 0.5), steps=2)
    at_32 = torch.nn.functional.avg_pool2d(made(w).clamp(-1, 1), 2) / 2
    assert golden.error(small.before, at_32.square().mean((1, 2, 3)).sqrt()) < 0.02


def test_transparent_parts_are_laid_on_white(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor
) -> None:
    mask = torch.zeros(16, 16)
    mask[:4] = 1
    whited = pictures.clone()
    whited[:, :4] = 1
    found, expected = (
        refine(generator, codes, pictures, steps=2, mask=mask),
        refine(generator, codes, whited, steps=2),
    )
    assert torch.equal(found.w, expected.w)


def test_a_further_distance_is_added(generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor) -> None:
    asked: list[tuple[int, ...]] = []

    def red(drawn: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        asked.append(tuple(drawn.shape))
        assert drawn.shape == target.shape
        return 100 * (drawn[:, 0] - target[:, 0]).square().mean((1, 2), keepdim=True)

    with_red = refine(generator, codes, pictures, steps=STEPS, perceptual=red)
    without = refine(generator, codes, pictures, steps=STEPS)
    of_red = [float((to_images(generator(each.w)) - pictures)[..., 0].square().mean()) for each in (with_red, without)]
    assert of_red[0] < of_red[1] and asked[0] == (3, 3, 16, 16)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"steps": 0}, "There are 0 steps"),
        ({"steps": -1}, "The steps are a whole number such as 40, not -1"),
        ({"steps": 1.5}, "The steps are a whole number"),
        ({"steps": True}, "The steps are a whole number"),
        ({"tuning": "3"}, "The tuning steps are a whole number such as 40, not 3"),
        ({"closeness": 1.1}, "The closeness is a number from 0 to 1, not 1.1"),
        ({"closeness": float("nan")}, "The closeness is a number from 0 to 1, not nan"),
        ({"seconds": 0}, "The seconds are a number above 0, or None, not 0"),
        ({"seconds": "1"}, "The seconds are a number"),
        ({"fit": "squash"}, "fitted by"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_said(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        refine(generator, codes, pictures, **settings)


def test_what_does_not_go_together_is_said(
    generator: FastGenerator, codes: torch.Tensor, pictures: torch.Tensor
) -> None:
    for w, images, says in [
        (codes, pictures[:2], "3 codes are refined by as many pictures, not by 2"),
        (codes[:, :4], pictures, "The generator takes codes of shape"),
        (codes * float("nan"), pictures, "no finite number"),
        (codes, pictures * float("inf"), "no numbers"),
        (codes, pictures[0], "shape [batch, height, width, channels]"),
        (None, pictures, "The codes are a tensor"),
        (codes, None, "Pictures are given as a tensor"),
    ]:
        with pytest.raises(InputError, match=re.escape(says)):
            refine(generator, w, images)  # pyright: ignore[reportArgumentType]


def test_lpips_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(
        InputError, match="needs the package lpips, which is not installed: python -m pip install lpips"
    ):
        lpips_distance(torch.device("cpu"))


def test_lpips_that_cannot_be_loaded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**_: object) -> None:
        raise OSError("no connection")

    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=offline))
    with pytest.raises(FFCLIPError, match=r"LPIPS can't be loaded \(OSError: no connection\): choose the loss pixels"):
        lpips_distance(torch.device("cpu"))


def test_the_embedded_family_comes_close_in_few_steps() -> None:
    editor = Editor.from_folder()
    picture = np.asarray(Image.open(EMBEDDED / "samples" / "ava.png").convert("RGB"))
    images = torch.from_numpy(picture[None] / np.float32(255))
    assert isinstance(editor.generator, FastGenerator)
    found = refine(editor.generator, editor.invert(images), images, steps=12, tuning=12)
    assert found.after < 0.75 * found.before
