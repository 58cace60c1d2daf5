"""Load FFCLIP Models: the four parts of a model family, each on a wire of its own."""

from __future__ import annotations

import comfy.model_management
import torch
from comfy_api.latest import io

from ..cuda_ops import status
from ..ffclip_core import load_encoder, load_generator, load_modulator, load_text_encoder
from ..ffclip_core.checkpoints import read_parts
from ..ffclip_core.editing import check_family
from ..ffclip_core.errors import CheckpointError, InputError
from ..ffclip_core.precision import has_bfloat16
from . import model_files
from .messages import tell_user
from .wires import CATEGORY, EncoderWire, GeneratorWire, ModelPart, ModulatorWire, TextEncoderWire

PRECISIONS = ["float32", "float16", "bfloat16"]


class LoadModels(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        def file_input(part: str, tooltip: str) -> io.Combo.Input:
            options = model_files.choices(part)
            return io.Combo.Input(part, options=options, default=model_files.EMBEDDED_CHOICE, tooltip=tooltip)

        return io.Schema(
            node_id="FFCLIPLoadModels",
            display_name="Load FFCLIP Models",
            category=CATEGORY,
            description="Loads the four parts of an FFCLIP model family. The default is the embedded avatar family, "
            "which needs no download. Files go into models/ffclip; the parts must be of one family.",
            inputs=[
                file_input(
                    "encoder",
                    "The e4e encoder, which finds the latent code of a picture. Lists models/ffclip and models/e4e.",
                ),
                file_input("text_encoder", "The CLIP text encoder, which reads the prompt. Lists models/ffclip."),
                file_input(
                    "modulator",
                    "The semantic modulation blocks, which turn a prompt into a change of the latent code. "
                    "Lists models/ffclip.",
                ),
                file_input(
                    "generator",
                    "The StyleGAN2 generator, which draws the picture. Lists models/ffclip and models/stylegan.",
                ),
                io.Combo.Input(
                    "precision",
                    options=PRECISIONS,
                    default="float32",
                    tooltip="float16 is for GPUs: the generator computes faster, with half the memory, at a small loss "
                    "of exactness. bfloat16 is for newer processors and GPUs: encoder and generator are two to three "
                    "times as fast on a CPU that has it, and less exact. Where a device lacks a precision, float32 "
                    "stays. The text encoder stays in float32, and the modulator always computes in float64.",
                ),
            ],
            outputs=[
                EncoderWire.Output(display_name="encoder", tooltip="For Invert Image."),
                TextEncoderWire.Output(display_name="text_encoder", tooltip="For Encode Prompt."),
                ModulatorWire.Output(display_name="modulator", tooltip="For Semantic Modulate."),
                GeneratorWire.Output(display_name="generator", tooltip="For StyleGAN Synthesize."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(
        cls,
        encoder: str | None,
        text_encoder: str | None,
        modulator: str | None,
        generator: str | None,
        precision: str | None,
    ) -> list[tuple[int, int] | None]:
        """A file that was replaced on disk is loaded again."""
        parts = {"encoder": encoder, "text_encoder": text_encoder, "modulator": modulator, "generator": generator}
        return [_file_stamp(part, choice) for part, choice in parts.items()]

    @classmethod
    def execute(cls, encoder: str, text_encoder: str, modulator: str, generator: str, precision: str) -> io.NodeOutput:
        if precision not in PRECISIONS:
            raise InputError(f"The precision is one of {', '.join(PRECISIONS)}, not '{precision}'.")
        chosen = {"encoder": encoder, "text_encoder": text_encoder, "modulator": modulator, "generator": generator}
        paths = {part: model_files.find(part, choice) for part, choice in chosen.items()}
        encoder_network = load_encoder(paths["encoder"])
        text_network = load_text_encoder(paths["text_encoder"])
        modulator_network = load_modulator(paths["modulator"])
        generator_network = load_generator(paths["generator"])
        check_family(
            encoder=encoder_network,
            text_encoder=text_network,
            modulator=modulator_network,
            generator=generator_network,
        )

        found = [
            f"{chosen[part]}: {read_parts(path)[part].describe()}"
            for part, path in paths.items()
            if chosen[part] != model_files.EMBEDDED_CHOICE
        ]
        device = comfy.model_management.get_torch_device()
        if precision == "float16" and device.type == "cpu":
            found.append("There is no GPU, so the generator stays in float32; this CPU may have bfloat16.")
        elif precision == "bfloat16" and not has_bfloat16(device):
            found.append(f"PyTorch knows no bfloat16 arithmetic of this {device.type}, so all stays in float32.")
        else:
            generator_network.set_precision(getattr(torch, precision))
            if precision == "bfloat16":  # Some of the encoder's numbers are beyond float16's range.
                encoder_network.to(torch.bfloat16)
        found.append(f"StyleGAN2's operators: {status(device)}")
        tell_user(cls.hidden.unique_id if cls.hidden else None, "\n".join(found))
        # The modulator needs float64, which Apple's and DirectML's devices lack; it costs little on a CPU.
        modulator_device = device if device.type == "cuda" else torch.device("cpu")
        return io.NodeOutput(
            ModelPart.managed(encoder_network, device),
            ModelPart.managed(text_network, device),
            ModelPart.managed(modulator_network, modulator_device),
            ModelPart.managed(generator_network, device),
        )


def _file_stamp(part: str, choice: str | None) -> tuple[int, int] | None:
    """Time of change and size of a chosen file; None where it is missing or comes from a connected node."""
    if choice is None:
        return None
    try:
        found = model_files.find(part, choice).stat()
    except (CheckpointError, OSError):
        return None
    return found.st_mtime_ns, found.st_size
