"""Train FFCLIP Modulator: pairs of pictures before and after an edit → modulation blocks that make that edit."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy_api.latest import io
from PIL import Image

from ..ffclip_core import save_part
from ..ffclip_core.editing import check_family
from ..ffclip_core.errors import FFCLIPError, InputError, sendable
from ..ffclip_core.execution.generator import FastGenerator
from ..ffclip_core.families import installed_families
from ..ffclip_core.networks.encoder import Encoder
from ..ffclip_core.networks.modulation import Modulator
from .messages import told
from .save_training_pair import FOLDER, place_of
from .schema import supported
from .values import real_number, shown, whole_number
from .wires import (
    CATEGORY,
    EncoderWire,
    GeneratorWire,
    ModelPart,
    ModulatorWire,
    TextEncoderWire,
    check_part,
)

STEPS, NAME = 400, "my edit"
_SHEETS = 20
_PREVIEW = 768
_FORBIDDEN = frozenset('<>:"/\\|?*')
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}  # Windows' own.


class TrainModulator(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return supported(
            io.Schema,
            node_id="FFCLIPTrainModulator",
            display_name="Train FFCLIP Modulator",
            category=CATEGORY,
            search_aliases=["distil an edit", "fine-tune", "train from pairs", "before and after", "dataset"],
            description="Learns an edit from pictures before and after it, such as Save Training Pair writes, and "
            "gives modulation blocks that make the edit by its text. All other models stay as they are.",
            is_output_node=True,
            inputs=[
                EncoderWire.Input("encoder", tooltip="From Load FFCLIP Models."),
                TextEncoderWire.Input("text_encoder", tooltip="From Load FFCLIP Models."),
                GeneratorWire.Input("generator", tooltip="From Load FFCLIP Models."),
                io.String.Input(
                    "folder",
                    default=FOLDER,
                    tooltip="A folder in ComfyUI's output folder with pairs: NAME.before.png, NAME.after.png and "
                    "NAME.txt, the text that asks for the edit. Two hundred are enough for one edit.",
                ),
                io.String.Input(
                    "name",
                    default=NAME,
                    tooltip="The blocks are saved under this name in models/ffclip, beside others of that name.",
                ),
                io.Int.Input(
                    "steps",
                    default=STEPS,
                    min=1,
                    max=100_000,
                    tooltip="400 are enough for a colour. Stopped earlier, what is there is saved, and the next run "
                    "goes on from there.",
                ),
                supported(
                    io.Float.Input,
                    "learning_rate",
                    default=0.003,
                    min=0.000001,
                    max=0.1,
                    step=0.0001,
                    advanced=True,
                    tooltip="Lower it where edits flicker from sheet to sheet.",
                ),
                supported(
                    io.Int.Input,
                    "seed",
                    default=0,
                    min=0,
                    max=2**32 - 1,
                    control_after_generate=False,
                    advanced=True,
                    tooltip="Of the order in which pairs are seen: the same seed trains the same blocks.",
                ),
                ModulatorWire.Input(
                    "modulator",
                    optional=True,
                    tooltip="Blocks to go on from, which keep the edits that they know. Without them new ones begin, "
                    "which know the folder's texts only.",
                ),
            ],
            outputs=[
                ModulatorWire.Output(display_name="modulator", tooltip="For Semantic Modulate."),
                io.Image.Output(display_name="sheet", tooltip="Pictures of the folder, and edits of them."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, folder: Any = None, **others: Any) -> Any:
        """Pairs that were added are learned too. A folder from another node is not known here (None): what that node
        gives, anew or as before, decides."""
        if folder is None:
            return ""
        try:
            return [
                (entry.name, entry.stat().st_size, entry.stat().st_mtime_ns)
                for entry in sorted(place_of(folder).iterdir())
            ]
        except (OSError, FFCLIPError):
            return time.time()

    @classmethod
    def execute(
        cls,
        encoder: ModelPart[Encoder],
        text_encoder: ModelPart[Any],
        generator: ModelPart[FastGenerator],
        folder: Any,
        name: Any,
        steps: int | None,
        learning_rate: float | None,
        seed: int | None,
        modulator: ModelPart[Modulator] | None = None,
    ) -> io.NodeOutput:
        check_part(encoder, Encoder, "encoder")
        check_part(generator, FastGenerator, "generator")
        if modulator is not None:
            check_part(modulator, Modulator, "modulator")
        steps = whole_number(steps, STEPS, "The steps")
        rate = real_number(learning_rate, 0.003, "The learning rate")
        seed = whole_number(seed, 0, "The seed")
        place = place_of(FOLDER if folder is None else folder)
        name = _name(name)
        networks = {"encoder": encoder.network, "text_encoder": text_encoder.network, "generator": generator.network}
        check_family(**networks, modulator=None if modulator is None else modulator.network)
        try:
            from ..ffclip_core.training.pairs import PairTraining
        except ImportError as error:
            raise FFCLIPError(
                f"Training needs the package {error.name}: python -m pip install {error.name}, with the Python that "
                "runs ComfyUI."
            ) from error

        given = [part for part in (encoder, text_encoder, generator, modulator) if part is not None]
        device = generator.load_device
        comfy.model_management.load_models_gpu([part.patcher for part in given], force_full_load=True)
        training = PairTraining(
            networks | ({} if modulator is None else {"modulator": modulator.network}),
            place,
            Path(folder_paths.get_temp_directory()) / "ffclip-training",
            steps=steps,
            learning_rate=rate,
            seed=seed,
            device=device,
            texts=_known(text_encoder.network),
            sheets=_SHEETS,
        )
        bar = comfy.utils.ProgressBar(steps)
        shown_at: list[float] = []

        def watch(step: int) -> None:
            preview, changed = None, training.sheet.stat().st_mtime if training.sheet.exists() else None
            if changed is not None and changed not in shown_at:
                shown_at[:] = [changed]
                with suppress(OSError), Image.open(training.sheet) as sheet:
                    preview = ("JPEG", sheet.convert("RGB"), _PREVIEW)
            bar.update_absolute(step, steps, preview)

        blocks, done = training.train(watch, comfy.model_management.processing_interrupted)
        path = _save(blocks, training.folder, name)
        if done < steps:
            comfy.model_management.throw_exception_if_processing_interrupted()
            raise comfy.model_management.InterruptProcessingException()
        sheet = np.asarray(Image.open(training.sheet).convert("RGB")).astype(np.float32) / 255
        return io.NodeOutput(
            ModelPart.managed(blocks, device),
            torch.from_numpy(sheet)[None],
            ui=told(f"{path.name} in {sendable(path.parent)}. {training.summary()}"),
        )


def _name(name: Any) -> str:
    if name is not None and not isinstance(name, str):
        raise InputError(f"The name is text such as '{NAME}', not {shown(name)}.")
    name = (name or NAME).strip()
    bad = set(name) & _FORBIDDEN
    bad |= {name} & {"", "."} | {name.split(".")[0].lower()} & _DEVICES
    if bad or not name.isprintable() or name.startswith(".") or len(name.encode()) > 120:
        raise InputError(f"{shown(name)} can't be a file's name: take letters, digits and spaces, such as '{NAME}'.")
    return name


def _known(encoder: Any) -> tuple[str, ...]:
    """Texts that blocks of this family know."""
    if getattr(encoder, "known", None) is not None:
        return tuple(encoder.known.prompts)
    return next((family.prompts for family in installed_families() if family.name == encoder.family), ())


def _save(blocks: Modulator, state: Path, name: str) -> Path:
    """Into models/ffclip, under a name that no file has but that of an earlier part of the same run."""
    folder = Path(folder_paths.get_folder_paths("ffclip")[0])
    before = state / "saved-as.txt"
    path = Path(before.read_text(encoding="utf-8")) if before.exists() else None
    if path is None or path.parent != folder or not path.name.startswith(name) or not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        number, path = 1, folder / f"{name}.safetensors"
        while path.exists():
            number += 1
            path = folder / f"{name} {number}.safetensors"
        before.write_text(str(path), encoding="utf-8")
    new = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:16]}.new")
    try:
        save_part(new, blocks, torch.float32)
        new.replace(path)
    except OSError as error:
        raise FFCLIPError(
            f"{path} can't be written ({error.strerror}): look at its folder's permissions and room."
        ) from error
    return path
