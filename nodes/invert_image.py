"""Invert Image: picture → W+ code."""

from __future__ import annotations

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core.networks.encoder import Encoder
from ..ffclip_core.pictures import FITS, check_mask, check_pictures, prepare
from .chunking import run_in_chunks
from .schema import supported
from .values import option
from .wires import CATEGORY, EncoderWire, Latent, LatentWire, ModelPart, check_part


class InvertImage(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPInvertImage",
            display_name="Invert Image (FFCLIP)",  # Core has an Invert Image, which gives a negative.
            category=CATEGORY,
            search_aliases=["e4e", "inversion", "GAN inversion", "encode image", "latent", "portrait", "face edit"],
            description="Finds the latent code from which the generator draws this picture again. "
            "The encoder knows one kind of picture; the embedded one knows portrait avatars.",
            inputs=[
                EncoderWire.Input("encoder", tooltip="From Load FFCLIP Models."),
                io.Image.Input("image", tooltip="One picture or a batch of them."),
                io.Combo.Input(
                    "fit",
                    options=list(FITS),
                    default="crop",
                    tooltip="For a picture of another shape than the encoder takes. crop cuts the sides off and keeps "
                    "the middle; letterbox keeps all of it, between bars that carry the colours of its borders on. "
                    "Nothing is ever squashed.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the picture is transparent, as Load Image gives it: these parts are laid on white.",
                ),
            ],
            outputs=[
                LatentWire.Output(
                    display_name="latent",
                    tooltip="One latent code per picture, for Semantic Modulate or, to see the inversion itself, "
                    "for StyleGAN Synthesize.",
                )
            ],
        )

    @classmethod
    def execute(
        cls, encoder: ModelPart[Encoder], image: torch.Tensor, fit: str | None, mask: torch.Tensor | None = None
    ) -> io.NodeOutput:
        check_part(encoder, Encoder, "encoder")
        image = check_pictures(image)
        fit = option(fit, FITS, "crop", "The fit")
        network = encoder.network
        height, width = network.input_size
        home = comfy.model_management.intermediate_device()
        if mask is not None:
            mask = check_mask(mask, len(image))

        def invert(piece: slice) -> tuple[torch.Tensor]:
            clear = mask if mask is None or len(mask) == 1 else mask[piece]
            x = prepare(image[piece], size=(height, width), fit=fit, mask=clear)
            return (network(x.to(encoder.load_device, encoder.dtype)).to(home, torch.float32),)

        (w,) = run_in_chunks(encoder, len(image), height * width, invert)
        return io.NodeOutput(Latent(w, w, network.family, network.input_size))
