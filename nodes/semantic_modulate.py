"""Semantic Modulate: W+ code + text embedding → edited W+ code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core.alignment_picture import alignment_picture
from ..ffclip_core.editing import BATCHINGS, Strength, apply_edit, check_family, layer_gates, pairs, strengths
from ..ffclip_core.networks.modulation import Modulator
from .chunking import run_in_chunks
from .demand import is_taken
from .messages import told
from .schema import supported
from .values import option
from .wires import (
    CATEGORY,
    Embedding,
    EmbeddingWire,
    Latent,
    LatentWire,
    ModelPart,
    ModulatorWire,
    StrengthsWire,
    check_embedding,
    check_latent,
    check_part,
)

MOST_HEAT_MAPS = 64
"""Each takes two to four megabytes for as long as ComfyUI keeps a run's results."""
ALIGNMENT = 1  # which output


class SemanticModulate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        def gate(name: str, layers: str, shows: str) -> io.Float.Input:
            return supported(
                io.Float.Input,
                name,
                default=1.0,
                min=0.0,
                max=1.0,
                step=0.05,
                advanced=True,
                tooltip=f"How much of the edit reaches the {name} layers ({layers}), which decide on {shows}. "
                "0 keeps them as they are.",
            )

        return supported(
            io.Schema,
            node_id="FFCLIPSemanticModulate",
            display_name="Semantic Modulate",
            category=CATEGORY,
            search_aliases=["text guided edit", "face edit", "edit by text", "StyleCLIP", "FFCLIP", "avatar", "sweep"],
            description="Edits a latent code by a text: four semantic modulation blocks find which layers the text "
            "speaks about and how to change them. Edits can be chained.",
            inputs=[
                ModulatorWire.Input("modulator", tooltip="From Load FFCLIP Models."),
                LatentWire.Input("latent", tooltip="From Invert Image (FFCLIP), or from another Semantic Modulate."),
                EmbeddingWire.Input("embedding", tooltip="From Encode Prompt."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-5.0,
                    max=5.0,
                    step=0.05,
                    tooltip="0 leaves the latent exactly as it is, 1 is the method as published. "
                    "More exaggerates, less than 0 goes the opposite way. A connected list gives one per picture.",
                ),
                gate("coarse", "4 to 8 px", "pose, shape and the big parts"),
                gate("medium", "16 to 32 px", "features such as hairstyle, eyes and mouth"),
                gate("fine", "64 px and up", "colours and texture"),
                supported(
                    io.Combo.Input,
                    "batching",
                    options=list(BATCHINGS),
                    default="pair",
                    advanced=True,
                    tooltip="pair puts the first picture with the first prompt, and so on; a single picture or a "
                    "single prompt goes with all. grid gives every picture with every prompt: first all prompts of "
                    "the first picture.",
                ),
                StrengthsWire.Input(
                    "strengths",
                    optional=True,
                    tooltip="A list of numbers in strength's place: one per picture, as for the frames of a video. "
                    "A single picture with a single prompt gives one result per number.",
                ),
            ],
            outputs=[
                LatentWire.Output(
                    display_name="latent", tooltip="The edited latent, for StyleGAN Synthesize or a further edit."
                ),
                io.Image.Output(
                    display_name="alignment",
                    tooltip="A heat map per picture and prompt: which layers (columns) each of the modulation blocks "
                    "(rows) found the text to speak about. A row adds up to 100 %. Drawn only where something is "
                    f"connected, and of the first {MOST_HEAT_MAPS} alone.",
                ),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> bool:
        """Runs again when something is connected that takes the heat maps."""
        return is_taken(ALIGNMENT)

    @classmethod
    def execute(
        cls,
        modulator: ModelPart[Modulator],
        latent: Latent,
        embedding: Embedding,
        strength: Strength | None,
        coarse: float | None,
        medium: float | None,
        fine: float | None,
        batching: str | None,
        strengths: Strength | None = None,
    ) -> io.NodeOutput:
        check_part(modulator, Modulator, "modulator")
        check_latent(latent)
        check_embedding(embedding)
        network = modulator.network
        # Latent and embedding stand here for the encoders that made them: they have the same shapes and family.
        check_family(encoder=latent, text_encoder=embedding, modulator=network)
        batching = option(batching, BATCHINGS, "pair", "Batching")
        codes, prompts = pairs(len(latent.w), len(embedding.e), batching)
        amount = _amount(strength if strengths is None else strengths, len(codes), len(latent.w))
        gates = layer_gates(network.num_layers, *(1.0 if gate is None else gate for gate in (coarse, medium, fine)))
        home = comfy.model_management.intermediate_device()

        def modulate(piece: slice) -> tuple[torch.Tensor, torch.Tensor]:
            w, e = latent.w[codes[piece]], embedding.e[prompts[piece]]
            result = network.modulate(w.to(modulator.load_device), e.to(modulator.load_device))
            return result.delta.to(home), result.alignment.to(home)

        # The largest thing a block makes is its text-latent map, width × width.
        delta, alignment = run_in_chunks(modulator, len(codes), network.latent_dim**2, modulate)
        w, unedited = _rows(latent.w, codes), _rows(latent.unedited, codes)
        if isinstance(amount, torch.Tensor) and len(amount) != len(codes):  # One edit in many strengths.
            w, unedited, delta = (rows.expand(len(amount), -1, -1) for rows in (w, unedited, delta))
        edited = replace(latent, w=apply_edit(w, delta, amount, gates.to(home)), unedited=unedited)
        if not is_taken(ALIGNMENT):
            return io.NodeOutput(edited, None, ui=told())
        titles = [embedding.prompts[i] for i in prompts[:MOST_HEAT_MAPS]]
        cut = f"Heat maps are drawn of the first {MOST_HEAT_MAPS} edits, not of all {len(codes)}."
        return io.NodeOutput(edited, _heat_maps(alignment, titles), ui=told(cut if len(codes) > len(titles) else ""))


def _amount(strength: Any, edits: int, pictures: int) -> float | torch.Tensor:
    """The edits' strengths; of a single edit, as many as are given."""
    if strength is None:
        return 1.0
    try:
        given = len(strength) if edits == 1 else edits
    except TypeError:  # A number, also as an array without a length.
        given = edits
    return strengths(strength, max(given, 1), pictures if edits > 1 else None)


def _rows(x: torch.Tensor, index: list[int]) -> torch.Tensor:
    """x[index], without a copy of what is there."""
    if index == [*range(len(x))]:
        return x
    return x.expand(len(index), -1, -1) if len(x) == 1 else x[index]


def _heat_maps(alignment: torch.Tensor, titles: Sequence[str]) -> torch.Tensor:
    """Those that have a title. Each takes longer than its edit, so a run can be stopped before each."""
    pictures = alignment_picture(alignment[:1], titles[:1]).repeat(len(titles), 1, 1, 1)
    for i in range(1, len(titles)):
        comfy.model_management.throw_exception_if_processing_interrupted()
        pictures[i : i + 1] = alignment_picture(alignment[i : i + 1], titles[i : i + 1])
    return pictures.to(comfy.model_management.intermediate_device())
