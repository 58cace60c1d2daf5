"""Refine Inversion: closer to the picture, shown as it comes, and cancelled without a loss."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import golden
import pytest
import torch

STEPS = 6


@pytest.fixture(scope="module")
def latent(nodes: dict, parts: SimpleNamespace, sample: torch.Tensor) -> Any:
    with torch.inference_mode():
        return nodes["FFCLIPInvertImage"].EXECUTE_NORMALIZED(encoder=parts.encoder, image=sample, fit="crop").result[0]


@pytest.fixture
def refine(run: Callable, parts: SimpleNamespace, sample: torch.Tensor, latent: Any) -> Callable[..., tuple]:
    def with_defaults(**settings: Any) -> tuple:
        inputs = {"generator": parts.generator, "latent": latent, "image": sample, "mode": "codes", "steps": STEPS}
        inputs |= {"closeness": 0.7, "seconds": 0.0, "fit": "crop", "loss": "pixels"}
        return run("FFCLIPRefineInversion", **inputs | settings)

    return with_defaults


@pytest.fixture
def wanted(parts: SimpleNamespace, sample: torch.Tensor) -> torch.Tensor:
    from ffclip.ffclip_core.pictures import prepare, to_images

    return to_images(prepare(sample, (parts.generator.network.size,) * 2))


@pytest.fixture
def shown() -> Iterator[list[tuple[int, int, Any]]]:
    """What goes to the page: step, steps and preview."""
    import comfy.utils

    told: list[tuple[int, int, Any]] = []
    comfy.utils.set_progress_bar_global_hook(
        lambda value, total, preview, node_id=None: told.append((value, total, preview))
    )
    yield told
    comfy.utils.set_progress_bar_global_hook(None)


def error(image: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((image - wanted).square().mean().sqrt())


def test_both_modes_come_closer(
    refine: Callable, chain: SimpleNamespace, parts: SimpleNamespace, latent: Any, wanted: torch.Tensor
) -> None:
    plain = chain.synthesize(latent)
    refined, generator, image = refine()
    assert generator is parts.generator
    assert error(image, wanted) < 0.9 * error(plain, wanted)
    assert torch.equal(chain.synthesize(refined), image)
    assert refined.w is refined.unedited and refined.family == latent.family

    pivot, tuned, closer = refine(mode="codes and generator")
    assert torch.equal(pivot.w, refined.w) and tuned.network is not parts.generator.network
    assert error(closer, wanted) < error(image, wanted)
    assert torch.equal(chain.synthesize(latent), plain)
    assert tuned.load_device == parts.generator.load_device and tuned.patcher.model is tuned.network


def test_the_tuned_generator_draws_edits(refine: Callable, run: Callable, chain: SimpleNamespace) -> None:
    refined, tuned, image = refine(mode="codes and generator")
    edited, _ = chain.modulate(refined, chain.encode("Purple hair"))
    settings = {"noise": "const", "seed": 0, "output_size": "full"}
    (after,) = run("FFCLIPSynthesize", generator=tuned, latent=edited, **settings)
    (before,) = run("FFCLIPSynthesize", generator=tuned, latent=refined, **settings)
    assert torch.equal(before, image) and not torch.equal(after, before)


def test_edits_that_were_made_before_stay(refine: Callable, chain: SimpleNamespace, latent: Any) -> None:
    grid, _ = chain.modulate(latent, chain.encode("Purple hair\nBald"))
    refined, _, image = refine(latent=grid)
    alone, _, _ = refine()
    assert len(refined.w) == len(image) == 2
    assert torch.equal(refined.unedited, alone.w.expand(2, -1, -1))
    assert golden.error(refined.w - refined.unedited, grid.w - grid.unedited) < 1e-5


def test_a_batch_is_refined_picture_by_picture(refine: Callable, chain: SimpleNamespace, sample: torch.Tensor) -> None:
    both = torch.cat([sample, sample * 0.8])
    refined, _, image = refine(latent=chain.invert(both), image=both)
    alone, _, _ = refine()
    assert len(image) == 2 and golden.error(refined.w[:1], alone.w) < golden.NETWORKS


def test_the_best_picture_so_far_is_shown(refine: Callable, shown: list) -> None:
    image = refine(mode="codes and generator")[2]
    steps = [(step, of) for step, of, _ in shown if of == 3 * STEPS]
    assert steps == [(step, 3 * STEPS) for step in range(1, 3 * STEPS + 1)]
    kind, picture, largest = shown[0][2]
    assert kind == "JPEG" and picture.mode == "RGB" and picture.size == (64, 64) and largest == 512
    last = next(preview for step, of, preview in shown if step == of == 3 * STEPS)
    pixels = torch.tensor(list(last[1].tobytes())).view(1, 64, 64, 3) / 255
    assert golden.error(pixels, image) < 0.05


@pytest.mark.parametrize("at", [2, STEPS + 2], ids=["codes", "generator"])
def test_cancelling_keeps_the_best_so_far(
    refine: Callable, nodes: dict, at: int, shown: list, caplog: pytest.LogCaptureFixture
) -> None:
    import comfy.model_management as management
    import comfy.utils

    def interrupt(value: int, total: int, preview: Any, node_id: Any = None) -> None:
        shown.append((value, total, preview))
        if value == at:
            management.interrupt_current_processing()

    through = refine(mode="codes and generator")[2]
    comfy.utils.set_progress_bar_global_hook(interrupt)
    with pytest.raises(management.InterruptProcessingException):
        refine(mode="codes and generator")
    comfy.utils.set_progress_bar_global_hook(lambda *told, node_id=None: shown.append(told))
    shown.clear()
    caplog.set_level("INFO")
    image = refine(mode="codes and generator")[2]
    # Asked after the step that it came in.
    assert [step for step, of, _ in shown if of == 3 * STEPS] == list(range(at + 2, 3 * STEPS + 1))
    assert f"Went on from step {at + 1}, where it was cancelled" in caplog.text
    assert golden.error(image, through) < 0.05
    shown.clear()
    refine(mode="codes and generator")  # Once: what it was of has been given.
    assert [step for step, of, _ in shown if of == 3 * STEPS] == list(range(1, 3 * STEPS + 1))


def test_another_picture_or_setting_begins_anew(refine: Callable, sample: torch.Tensor, shown: list) -> None:
    import comfy.model_management as management

    for other in ({"image": sample * 0.9}, {"closeness": 0.2}, {"mask": torch.zeros(1, 8, 8)}):
        management.interrupt_current_processing()
        with pytest.raises(management.InterruptProcessingException):
            refine()
        shown.clear()
        refine(**other)
        assert shown[0][0] == 1


def test_a_cancelled_run_keeps_no_generator_alive(
    run: Callable, nodes: dict, sample: torch.Tensor, latent: Any
) -> None:
    import comfy.model_management as management
    from ffclip.nodes import refine_inversion

    with torch.inference_mode():
        generator = nodes["FFCLIPLoadModels"].execute(*["avatars (embedded)"] * 4, "float32").result[3]
    before = len(refine_inversion._BEGUN)
    management.interrupt_current_processing()
    with pytest.raises(management.InterruptProcessingException):
        run(
            "FFCLIPRefineInversion",
            generator=generator, latent=latent, image=sample,
            mode="codes", steps=2, closeness=0.5, seconds=0.0, fit="crop", loss="pixels",
        )  # fmt: skip
    assert len(refine_inversion._BEGUN) == before + 1
    del generator
    management.cleanup_models_gc()
    management.unload_all_models()
    gc.collect()
    assert len(refine_inversion._BEGUN) == before


def test_what_does_not_go_together_is_said(
    refine: Callable, chain: SimpleNamespace, parts: SimpleNamespace, sample: torch.Tensor, latent: Any
) -> None:
    from ffclip.ffclip_core.errors import InputError

    both = torch.cat([sample, sample * 0.8])
    for settings, says in [
        ({"image": both}, "The latent holds 1 codes, and there are 2 pictures"),
        ({"latent": chain.invert(both)}, "The latent holds 2 codes, and there are 1 pictures"),
        ({"generator": parts.encoder}, "takes the generator of Load FFCLIP Models, not"),
        ({"latent": sample}, "The input latent takes what"),
        ({"steps": 0}, "There are 0 steps"),
        ({"closeness": 7.0}, "from 0 to 1, not 7.0"),
        ({"closeness": "high"}, "The closeness is a number such as 0.7, not 'high'"),
        ({"seconds": float("nan")}, "The seconds is a number|The seconds are a number"),
        ({"seconds": -1.0}, "The seconds are a number above 0"),
        ({"mask": torch.zeros(3, 8, 8)}, "The mask has the shape"),
    ]:
        with pytest.raises(InputError, match=says):
            refine(**settings)
