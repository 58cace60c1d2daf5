"""Refine Inversion: W+ code and picture → a code, and if wanted a generator, that draw the picture more closely."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import comfy.model_management
import comfy.utils
import torch
from comfy_api.latest import io

from ..ffclip_core.editing import check_family
from ..ffclip_core.errors import FFCLIPError, InputError
from ..ffclip_core.execution.generator import FastGenerator
from ..ffclip_core.perceptual import lpips_distance
from ..ffclip_core.pictures import FITS, check_mask, check_pictures, to_images
from ..ffclip_core.refinement import Refinement, refine
from .chunking import BYTES_PER_AREA, is_out_of_memory, run_in_chunks
from .messages import told
from .previews import as_pil
from .schema import supported
from .values import option, real_number, whole_number
from .wires import CATEGORY, GeneratorWire, Latent, LatentWire, ModelPart, check_latent, check_part

MODES = ("codes", "codes and generator")
LOSSES = ("pixels", "pixels and LPIPS")
STEPS, SECONDS, CLOSENESS = 40, 120.0, 0.7
PREVIEW = 512
"""Px of the live preview, at most; it comes at most so many seconds apart:"""
_APART = 0.25
_GRADIENTS = 4  # How much more memory gradients take than pictures alone.


@dataclass(frozen=True, eq=False)
class _Begun:
    """A cancelled run, by what it was of. tuned: a generator with weights of its own, if it came that far."""

    of: tuple[Any, ...]
    tensors: tuple[torch.Tensor | None, ...]
    best: Refinement
    tuned: FastGenerator | None

    def is_of(self, of: tuple[Any, ...], tensors: tuple[torch.Tensor | None, ...]) -> bool:
        return self.of == of and all(
            a is b or (a is not None and b is not None and _same(a, b))
            for a, b in zip(self.tensors, tensors, strict=True)
        )


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)


# By generator, the last cancelled run, for as long as both are there: ComfyUI drops what a cancelled node gives.
_BEGUN: WeakKeyDictionary[FastGenerator, _Begun] = WeakKeyDictionary()


class RefineInversion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPRefineInversion",
            display_name="Refine Inversion",
            category=CATEGORY,
            search_aliases=[
                "PTI",
                "pivotal tuning",
                "optimize latent",
                "GAN inversion",
                "identity",
                "likeness",
                "FFCLIP",
            ],
            description="Brings an inversion closer to its picture, so that an edit shows this person and not one "
            "alike: the latent code is improved step by step, and then, if wanted, a few of the generator's weights.",
            inputs=[
                GeneratorWire.Input("generator", tooltip="From Load FFCLIP Models."),
                LatentWire.Input("latent", tooltip="From Invert Image (FFCLIP). Edits that it has already are kept."),
                io.Image.Input("image", tooltip="The picture, or the batch, that was inverted."),
                io.Combo.Input(
                    "mode",
                    options=list(MODES),
                    default=MODES[0],
                    tooltip="codes changes the latent alone. codes and generator then tunes a few of the generator's "
                    "weights too: closer still, and for these pictures only. Connect the generator output then.",
                ),
                io.Int.Input(
                    "steps",
                    default=STEPS,
                    min=1,
                    max=2000,
                    tooltip="Of each latent code; the generator then takes twice as many. More than 40 change little.",
                ),
                io.Float.Input(
                    "closeness",
                    default=CLOSENESS,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    tooltip="0 stays near what the encoder knows, where edits work best; 1 goes wherever the picture "
                    "is drawn most closely.",
                ),
                supported(
                    io.Float.Input,
                    "seconds",
                    default=SECONDS,
                    min=0.0,
                    max=86400.0,
                    step=1.0,
                    advanced=True,
                    tooltip="The longest that it may take; steps for which there is no time are left out. "
                    "0 is as long as it takes.",
                ),
                supported(
                    io.Combo.Input,
                    "fit",
                    options=list(FITS),
                    default="crop",
                    advanced=True,
                    tooltip="As in Invert Image (FFCLIP).",
                ),
                supported(
                    io.Combo.Input,
                    "loss",
                    options=list(LOSSES),
                    default=LOSSES[0],
                    advanced=True,
                    tooltip="What is brought closer: pixels, coarse and fine, or also what a network makes of them, "
                    "which needs the package lpips and fetches 233 MB at first use.",
                ),
                io.Mask.Input("mask", optional=True, tooltip="As in Invert Image (FFCLIP), if it was connected there."),
            ],
            outputs=[
                LatentWire.Output(display_name="latent", tooltip="The refined latent, for Semantic Modulate."),
                GeneratorWire.Output(
                    display_name="generator",
                    tooltip="For StyleGAN Synthesize: the generator tuned to these pictures, or the one that came in.",
                ),
                io.Image.Output(display_name="image", tooltip="The refined inversion, without an edit."),
            ],
        )

    @classmethod
    def execute(
        cls,
        generator: ModelPart[FastGenerator],
        latent: Latent,
        image: torch.Tensor,
        mode: str | None,
        steps: int | None,
        closeness: float | None,
        seconds: float | None,
        fit: str | None,
        loss: str | None,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        check_part(generator, FastGenerator, "generator")
        check_latent(latent)
        image = check_pictures(image)
        mode = option(mode, MODES, MODES[0], "The mode")
        steps = whole_number(steps, STEPS, "The steps")
        closeness = real_number(closeness, CLOSENESS, "The closeness")
        seconds = real_number(seconds, SECONDS, "The seconds")
        fit = option(fit, FITS, "crop", "The fit")
        loss = option(loss, LOSSES, LOSSES[0], "The loss")
        network = generator.network
        check_family(encoder=latent, generator=network)
        codes = _one_of_each(latent.unedited, len(image))
        if mask is not None:
            mask = check_mask(mask, len(codes))
        settings: dict[str, Any] = {
            "steps": steps,
            "tuning": 2 * steps if mode == MODES[1] else 0,
            "closeness": closeness,
            "seconds": seconds or None,
            "fit": fit,
            "proportions": latent.proportions,
        }

        perceptual = None if loss == LOSSES[0] else lpips_distance(generator.load_device)
        of, tensors = (*settings.values(), loss, generator.load_device), (codes, image, mask)
        begun = _BEGUN.pop(network, None)
        start = None
        if begun is not None and begun.is_of(of, tensors):
            start = replace(begun.best, generator=begun.tuned or network)
        began = time.monotonic()
        found = _refine(generator, codes, image, mask, settings | {"perceptual": perceptual}, start)
        if not found.complete:
            kept = replace(found, w=found.w.cpu(), raised=None, generator=None)  # pyright: ignore[reportArgumentType]
            _BEGUN[network] = _Begun(of, tensors, kept, None if found.generator is network else found.generator)
            raise found.raised or comfy.model_management.InterruptProcessingException()
        took = time.monotonic() - began

        home = comfy.model_management.intermediate_device()
        refined = found.w.to(home, torch.float32).expand(len(latent.w), -1, -1)
        # What edits added stays; without one nothing is rounded.
        w = refined if torch.equal(latent.w, latent.unedited) else latent.w + (refined - latent.unedited)
        part = generator
        if found.generator is not network:
            resting = found.generator.to(comfy.model_management.unet_offload_device())
            part = ModelPart.managed(resting, generator.load_device)
        drawn = _drawn(part, found.w.to(home, torch.float32), latent.proportions)
        images = drawn.expand(len(latent.w), -1, -1, -1)
        began_at = "" if start is None else f" Went on from step {start.steps}, where it was cancelled."
        left_out = "" if found.taken >= found.of else f" Time was up: {found.taken} of {found.of} steps were made."
        return io.NodeOutput(
            replace(latent, w=w, unedited=refined),
            part,
            images,
            ui=told(
                f"Error from {float(found.before.mean()):.1%} to {float(found.after.mean()):.1%} of the range of "
                f"colours, in {took:.1f} s.{left_out}{began_at}"
            ),
        )


def _one_of_each(unedited: torch.Tensor, pictures: int) -> torch.Tensor:
    """The codes to refine: of many edits of one picture, its one."""
    if pictures == 1 and torch.equal(unedited, unedited[:1].expand_as(unedited)):
        return unedited[:1]
    if len(unedited) != pictures:
        raise InputError(
            f"The latent holds {len(unedited)} codes, and there are {pictures} pictures: connect the picture that went "
            "into Invert Image (FFCLIP), and refine before edits in a grid."
        )
    return unedited


def _refine(
    part: ModelPart[FastGenerator],
    codes: torch.Tensor,
    image: torch.Tensor,
    mask: torch.Tensor | None,
    settings: dict[str, Any],
    start: Refinement | None,
) -> Refinement:
    """On the part's device, with its steps and best picture shown as they come."""
    bar: comfy.utils.ProgressBar | None = None
    shown_at = 0.0

    def progress(step: int, of: int, picture: torch.Tensor) -> None:
        nonlocal bar, shown_at
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar = bar or comfy.utils.ProgressBar(of)
        preview = None
        if step == of or time.monotonic() > shown_at + _APART:
            preview = ("JPEG", as_pil(picture[0]), PREVIEW)
            shown_at = time.monotonic()
        bar.update_absolute(step, of, preview)

    area = part.network.size**2
    try:
        comfy.model_management.load_models_gpu(
            [part.patcher], memory_required=area * BYTES_PER_AREA * _GRADIENTS, force_full_load=True
        )
        codes = codes.to(part.load_device)
        return refine(part.network, codes, image, mask=mask, progress=progress, start=start, **settings)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise FFCLIPError(
            f"Gradients of one picture of {part.network.size} px don't fit in the memory of {part.load_device}: close "
            "other programs that use this memory."
        ) from error


def _drawn(part: ModelPart[FastGenerator], w: torch.Tensor, proportions: tuple[int, int]) -> torch.Tensor:
    home = comfy.model_management.intermediate_device()

    def draw(piece: slice) -> tuple[torch.Tensor]:
        return (to_images(part.network(w[piece].to(part.load_device)), proportions).to(home),)

    return run_in_chunks(part, len(w), part.network.size**2, draw)[0]
