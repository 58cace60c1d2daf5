"""Encode Prompt: text → CLIP embedding."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core.errors import InputError
from .chunking import run_in_chunks
from .messages import told
from .schema import supported
from .values import shown
from .wires import CATEGORY, Embedding, EmbeddingWire, ModelPart, TextEncoderWire, check_part

if TYPE_CHECKING:
    from ..ffclip_core.networks.text_encoder import TextEncoder

MOST_TOLD = 16
"""Of so many prompts it is told whether the text encoder knows them."""


class EncodePrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPEncodePrompt",
            display_name="Encode Prompt",
            category=CATEGORY,
            search_aliases=["prompt", "text", "CLIP", "text guided edit", "StyleCLIP", "FFCLIP"],
            description="Turns each line of text into an embedding that Semantic Modulate edits by.",
            inputs=[
                TextEncoderWire.Input("text_encoder", tooltip="From Load FFCLIP Models."),
                io.String.Input(
                    "text",
                    multiline=True,
                    default="Purple hair",
                    tooltip="What the picture should show, such as: Purple hair. One prompt per line: several lines "
                    "give several edits. Blank lines are skipped; beyond 77 tokens the end of a line is cut off.",
                ),
            ],
            outputs=[
                EmbeddingWire.Output(
                    display_name="embedding", tooltip="One embedding per prompt, for Semantic Modulate."
                )
            ],
        )

    @classmethod
    def execute(cls, text_encoder: ModelPart[TextEncoder], text: str | None) -> io.NodeOutput:
        from ..ffclip_core.networks.text_encoder import TextEncoder  # Late: open_clip takes seconds to import.

        check_part(text_encoder, TextEncoder, "text_encoder")
        if text is not None and not isinstance(text, str):
            raise InputError(f"A prompt is text such as 'Purple hair', not {shown(text)}.")
        network = text_encoder.network
        prompts = tuple(line.strip() for line in (text or "").splitlines() if line.strip())
        if not prompts:
            raise InputError("The prompt is empty: write what the picture should show, such as 'Purple hair'.")
        cut = [prompt for prompt in prompts if network.is_truncated(prompt)]
        warning = (
            f"The end was cut off, only {network.context_length} tokens are read: {cut[0][:60]}…"
            + (f" (and {len(cut) - 1} more)" if len(cut) > 1 else "")
            if cut
            else ""
        )
        home = comfy.model_management.intermediate_device()

        def encode(piece: slice) -> tuple[torch.Tensor]:
            return (network.encode(list(prompts[piece])).to(home, torch.float32),)

        area = network.context_length * network.embed_dim
        (e,) = run_in_chunks(text_encoder, len(prompts), area, encode)
        embedding = Embedding(e=e, prompts=prompts, family=network.family)
        found = network.known.look_up(network, prompts[:MOST_TOLD]) if network.known else []
        strange = [known.sentence() for known in found if not known.known]
        return io.NodeOutput(embedding, ui=told(warning, *strange, level=logging.WARNING))
