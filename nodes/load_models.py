"""Load FFCLIP Models: the four parts of a model family, each on a wire of its own."""

from __future__ import annotations

from typing import Any

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core import build, operators_status, read_parts
from ..ffclip_core.editing import check_family
from ..ffclip_core.execution.precision import has_bfloat16
from ..ffclip_core.known_words import read_known
from . import model_files
from .messages import told
from .schema import supported
from .values import option
from .wires import CATEGORY, EncoderWire, GeneratorWire, ModulatorWire, TextEncoderWire, managed_parts

PRECISIONS = ["float32", "float16", "bfloat16"]


class LoadModels(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        def file_input(part: str, tooltip: str) -> io.Combo.Input:
            options = model_files.choices(part)
            return io.Combo.Input(part, options=options, default=options[0] if options else "", tooltip=tooltip)

        families = "; ".join(
            f"{title}: {family.picture}, {family.size} px"
            + (f", prompts such as {', '.join(family.prompts[:3])}" if family.prompts else "")
            for title, family in model_files.embedded().items()
        )
        return supported(
            io.Schema,
            node_id="FFCLIPLoadModels",
            display_name="Load FFCLIP Models",
            category=CATEGORY,
            search_aliases=["e4e", "CLIP", "StyleGAN2", "GAN", "checkpoint", "portrait", "avatar", "face edit"],
            description=f"Loads the four parts of an FFCLIP model family. Without a download: {families or 'none'}. "
            "Files go into models/ffclip (models/e4e and models/stylegan are looked into as "
            "well); each list offers those that hold such a part. The parts must be of one family.",
            inputs=[
                file_input(
                    "encoder",
                    "The e4e encoder, which finds the latent code of a picture.",
                ),
                file_input("text_encoder", "The CLIP text encoder, which reads the prompt."),
                file_input(
                    "modulator",
                    "The semantic modulation blocks, which turn a prompt into a change of the latent code.",
                ),
                file_input(
                    "generator",
                    "The StyleGAN2 generator, which draws the picture. An e4e file holds one, too.",
                ),
                supported(
                    io.Combo.Input,
                    "precision",
                    options=PRECISIONS,
                    default="float32",
                    advanced=True,
                    tooltip="float16 is for GPUs: the generator computes faster, with half the memory, at a small loss "
                    "of exactness. bfloat16 is for newer processors and GPUs: encoder and generator are two to three "
                    "times as fast on a CPU that has it, and less exact. Where a device lacks a precision, float32 "
                    "stays. The text encoder stays in float32, and the modulator always computes in float64.",
                ),
            ],
            outputs=[
                EncoderWire.Output(display_name="encoder", tooltip="For Invert Image (FFCLIP)."),
                TextEncoderWire.Output(display_name="text_encoder", tooltip="For Encode Prompt."),
                ModulatorWire.Output(display_name="modulator", tooltip="For Semantic Modulate."),
                GeneratorWire.Output(display_name="generator", tooltip="For StyleGAN Synthesize."),
            ],
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
        chosen = {"encoder": encoder, "text_encoder": text_encoder, "modulator": modulator, "generator": generator}
        return [None if choice is None else model_files.stamp(part, choice) for part, choice in chosen.items()]

    @classmethod
    def validate_inputs(
        cls,
        encoder: str | None = None,
        text_encoder: str | None = None,
        modulator: str | None = None,
        generator: str | None = None,
    ) -> bool:
        """Newer servers refuse a value that is not in its list, with no word of where a file belongs. Named here, the
        files are left to execute(), whose one sentence the page shows on the node: from here it would stand at each of
        the four. The other inputs' checks stay on."""
        return True

    @classmethod
    def execute(
        cls,
        encoder: str | None,
        text_encoder: str | None,
        modulator: str | None,
        generator: str | None,
        precision: str | None,
    ) -> io.NodeOutput:
        precision = option(precision, PRECISIONS, PRECISIONS[0], "The precision")
        chosen = {"encoder": encoder, "text_encoder": text_encoder, "modulator": modulator, "generator": generator}
        paths = {part: model_files.find(part, choice) for part, choice in chosen.items()}
        files = {path: read_parts(path) for path in set(paths.values())}
        networks: dict[str, Any] = {part: build(path, files[path], part) for part, path in paths.items()}
        check_family(**networks)

        embedded = model_files.embedded()
        chosen_text = chosen["text_encoder"] or next(iter(embedded), None)
        if chosen_text in embedded and (known := embedded[chosen_text].known):
            networks["text_encoder"].known = read_known(known)
        found = [
            f"{chosen[part]}: {files[path][part].describe()}"
            for part, path in paths.items()
            if chosen[part] is not None and chosen[part] not in embedded
        ]
        found += [
            note
            for path, parts in files.items()
            for part, held in parts.items()
            if paths[part] == path
            for note in held.notes
        ]
        device = comfy.model_management.get_torch_device()
        if precision == "float16" and device.type == "cpu":
            found.append("There is no GPU, so the generator stays in float32; this CPU may have bfloat16.")
        elif precision == "bfloat16" and not has_bfloat16(device):
            found.append(f"PyTorch knows no bfloat16 arithmetic of this {device.type}, so all stays in float32.")
        else:
            networks["generator"].set_precision(getattr(torch, precision))
            if precision == "bfloat16":  # Some of the encoder's numbers are beyond float16's range.
                networks["encoder"].to(torch.bfloat16)
        found.append(f"StyleGAN2's operators: {operators_status(device)}")
        parts = managed_parts({part: networks[part] for part in model_files.PARTS})
        return io.NodeOutput(
            *parts.values(),
            ui=told(*found),
        )
