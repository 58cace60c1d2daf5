"""Semantic Modulate: W+ code + text embedding → edited W+ code."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core.alignment_picture import alignment_picture
from ..ffclip_core.editing import apply_edit, check_family, combine, layer_gates
from .chunking import run_in_chunks
from .wires import CATEGORY, Embedding, EmbeddingWire, Latent, LatentWire, ModelPart, ModulatorWire

if TYPE_CHECKING:
    from ..ffclip_core.modulation import Modulator


class SemanticModulate(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        def gate(name: str, layers: str, shows: str) -> io.Float.Input:
            return io.Float.Input(
                name,
                default=1.0,
                min=0.0,
                max=1.0,
                step=0.05,
                tooltip=f"How much of the edit reaches the {name} layers ({layers}), which decide on {shows}. "
                "0 keeps them as they are.",
            )

        return io.Schema(
            node_id="FFCLIPSemanticModulate",
            display_name="Semantic Modulate",
            category=CATEGORY,
            description="Edits a latent code by a text: four semantic modulation blocks find which layers the text "
            "speaks about and how to change them. Edits can be chained.",
            inputs=[
                ModulatorWire.Input("modulator", tooltip="From Load FFCLIP Models."),
                LatentWire.Input("latent", tooltip="From Invert Image, or from another Semantic Modulate."),
                EmbeddingWire.Input("embedding", tooltip="From Encode Prompt."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-5.0,
                    max=5.0,
                    step=0.05,
                    tooltip="0 leaves the latent exactly as it is, 1 is the method as published. "
                    "More exaggerates, less than 0 goes the opposite way.",
                ),
                gate("coarse", "4 to 8 px", "pose, shape and the big parts"),
                gate("medium", "16 to 32 px", "features such as hairstyle, eyes and mouth"),
                gate("fine", "64 px and up", "colours and texture"),
                io.Combo.Input(
                    "batching",
                    options=["pair", "grid"],
                    default="pair",
                    tooltip="pair puts the first picture with the first prompt, and so on; a single picture or a "
                    "single prompt goes with all. grid gives every picture with every prompt: first all prompts of "
                    "the first picture.",
                ),
            ],
            outputs=[
                LatentWire.Output(
                    display_name="latent", tooltip="The edited latent, for StyleGAN Synthesize or a further edit."
                ),
                io.Image.Output(
                    display_name="alignment",
                    tooltip="A heat map per result: which layers (columns) each of the modulation blocks (rows) found "
                    "the text to speak about. A row adds up to 100 %.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        modulator: ModelPart[Modulator],
        latent: Latent,
        embedding: Embedding,
        strength: float,
        coarse: float,
        medium: float,
        fine: float,
        batching: str,
    ) -> io.NodeOutput:
        network = modulator.network
        # Latent and embedding stand here for the encoders that made them: they have the same shapes and family.
        check_family(encoder=latent, text_encoder=embedding, modulator=network)
        w, e, prompt_index = combine(latent.w, embedding.e, batching=batching)
        unedited, _, _ = combine(latent.unedited, embedding.e, batching=batching)
        home = comfy.model_management.intermediate_device()

        def modulate(piece: slice) -> tuple[torch.Tensor, torch.Tensor]:
            result = network.modulate(w[piece].to(modulator.load_device), e[piece].to(modulator.load_device))
            # Drawn chunk by chunk: a heat map takes longer than its edit, and an interrupt lands only between chunks.
            titles = [embedding.prompts[i] for i in prompt_index[piece]]
            return result.delta.to(home), alignment_picture(result.alignment, titles=titles).to(home)

        # The largest thing a block makes is its text-latent map, width × width.
        delta, picture = run_in_chunks(modulator, len(w), network.latent_dim**2, modulate)
        gates = layer_gates(network.num_layers, coarse, medium, fine).to(home)
        edited = replace(latent, w=apply_edit(w, delta, strength, gates), unedited=unedited)
        return io.NodeOutput(edited, picture)
