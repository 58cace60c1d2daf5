"""How nodes find and choose faces, and load a family without a loader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import comfy.model_management
import torch
from comfy_api.latest import io

from ..ffclip_core import Editor, Face, find_faces, installed_families, load_aligner
from ..ffclip_core.errors import InputError
from ..ffclip_core.faces.given import face_from_points, faces_from_landmarks
from ..ffclip_core.faces.in_place import faces_in
from ..ffclip_core.faces.pasting import MODES
from ..ffclip_core.families import FACES, PARTS, Family
from ..ffclip_core.networks.aligner import Aligner
from ..ffclip_core.networks.encoder import Encoder
from ..ffclip_core.networks.generator import Generator
from ..ffclip_core.networks.modulation import Modulator
from .schema import supported
from .values import option, shown
from .wires import EncoderWire, GeneratorWire, ModelPart, ModulatorWire, TextEncoderWire, check_part, managed_parts

AUTO, PHOTOGRAPHS, WHOLE = "auto", "faces in photographs", "whole picture"
_ORDINALS = ("1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 13)))
CHOICES: dict[str, str | int] = {
    "largest": "largest",
    "all": "all",
    **{f"{ordinal} from the left": i for i, ordinal in enumerate(_ORDINALS)},
}
# On photographs the avatars' aligner is .12 less sure at least than the detector of photographs, which finds avatars
# too and is then .09 surer at most.
_DRAWN_LESS_SURE = 0.1
Parts = dict[str, ModelPart[Any]]


def which_input() -> io.Combo.Input:
    return io.Combo.Input(
        "faces",
        options=list(CHOICES),
        default="largest",
        tooltip="Which faces of each picture: the largest, all, or one by its place from the left.",
    )


def find_input() -> Any:
    return supported(
        io.Combo.Input,
        "find",
        options=[AUTO, PHOTOGRAPHS, *_drawn(), WHOLE],
        default=AUTO,
        advanced=True,
        tooltip="What is looked for. auto: what the models are made for, or else whichever of photographed and drawn "
        "faces is found more surely. whole picture: no face is looked for.",
    )


def mode_input(**settings: Any) -> Any:
    return supported(
        io.Combo.Input,
        "mode",
        options=list(MODES),
        default="auto",
        tooltip="How the edit is put back. add puts differences in (right for colours: all of the picture's detail "
        "stays), replace the edited crop where anything changed (right for shapes), auto decides in each place, whole "
        "puts all of the crop in.",
        **settings,
    )


def model_inputs() -> list[Any]:
    """The wires of the loader, which may stay open."""
    tooltip = "From Load FFCLIP Models, all four or none: without them the embedded family edits."
    wires = (EncoderWire, TextEncoderWire, ModulatorWire, GeneratorWire)
    return [wire.Input(name, optional=True, tooltip=tooltip) for name, wire in zip(PARTS, wires, strict=True)]


def lines_of(text: Any, what: str) -> list[str]:
    """The lines of a prompt that are not blank. Raises InputError where there is none."""
    if text is not None and not isinstance(text, str):
        raise InputError(f"A prompt is text such as 'Purple hair', not {shown(text)}.")
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    if not lines:
        raise InputError(f"The text is empty: write what the {what} should show, such as 'Purple hair'.")
    return lines


def chosen(which: Any) -> str | int:
    """What the list of which_input() stands for."""
    return CHOICES[option(which, CHOICES, "largest", "The choice of faces")]


def found(images: torch.Tensor, find: Any, family: Family | None = None) -> list[list[Face]]:
    """The faces of pictures [B, H, W, C], as the list of find_input() says."""
    if find not in (AUTO, None) or family is not None:
        return faces_in(aligner_of(find, family), images)
    faces = find_faces(images)
    for drawn in _drawn().values():
        others = faces_in(_aligner(drawn), images)
        if _surest(others) > _surest(faces) - _DRAWN_LESS_SURE:
            faces = others
    return faces


def aligner_of(find: Any, family: Family | None = None) -> Aligner | Literal["faces"] | None:
    """What finds faces, as the list of find_input() says, one thing for all pictures: of a family that is not installed
    (None) the detector of photographs."""
    find = option(find, [AUTO, PHOTOGRAPHS, *_drawn(), WHOLE], AUTO, "What is looked for")
    if find in (PHOTOGRAPHS, WHOLE):
        return FACES if find == PHOTOGRAPHS else None
    family = family if find == AUTO else _drawn()[find]
    return FACES if family is None else _aligner(family)


def _surest(faces: Sequence[Sequence[Face]]) -> float:
    return max((face.confidence for of_picture in faces for face in of_picture), default=0.0)


def given(points: Any, landmarks: Any, count: int) -> list[list[Face]] | None:
    """Faces that a user gives in place of what would be found: four points as text, or ComfyUI's FACE_LANDMARKS."""
    if points is not None and not isinstance(points, str):
        raise InputError(f"Points are text such as '203,101 247,104 204,142 244,143', not {shown(points)}.")
    if points and points.strip():
        numbers = [float(number) for number in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", points)]
        if len(numbers) != 8:
            raise InputError(
                f"The points {shown(points)} are {len(numbers)} numbers: give eight, x and y in px of both eyes and of "
                "both corners of the mouth, such as '203,101 247,104 204,142 244,143'."
            )
        return [[face_from_points(torch.tensor(numbers, dtype=torch.float64).view(4, 2))] for _ in range(count)]
    if landmarks is None:
        return None
    frames = landmarks.get("frames") if isinstance(landmarks, dict) else None
    if not isinstance(frames, Sequence) or len(frames) != count:
        raise InputError(
            f"The landmarks are not those of {count} pictures: connect what Face Landmarker gives for these pictures."
        )
    try:
        found = [[each for face in faces for each in faces_from_landmarks(face["landmarks_xy"])] for faces in frames]
        return [sorted(faces, key=lambda face: face.box[0]) for faces in found]  # From left to right.
    except (KeyError, TypeError, IndexError, OverflowError) as error:
        raise InputError("The landmarks hold no 'landmarks_xy' of each face: connect Face Landmarker.") from error


def family_of(parts: Parts) -> Family | None:
    """The installed family whose parts these are."""
    return next((each for each in installed_families() if each.name == parts["encoder"].network.family), None)


def parts_of(given: dict[str, ModelPart[Any] | None]) -> Parts:
    """The four parts that are connected, or those of the embedded family. Raises InputError where only some are."""
    missing = [name for name, part in given.items() if part is None]
    if len(missing) == len(given):
        return _embedded()
    if missing:
        raise InputError(
            f"The input{'s' if len(missing) > 1 else ''} {', '.join(missing)} of the models "
            f"{'are' if len(missing) > 1 else 'is'} not connected: connect all four of Load FFCLIP Models, or none."
        )
    from ..ffclip_core.networks.text_encoder import TextEncoder  # Late: open_clip takes seconds to import.

    kinds = {"encoder": Encoder, "text_encoder": TextEncoder, "modulator": Modulator, "generator": Generator}
    for name, part in given.items():
        check_part(part, kinds[name], name)
    return {name: part for name, part in given.items() if part is not None}


def editor_of(parts: Parts) -> Editor:
    """The parts on their devices, as an Editor."""
    patchers = [part.patcher for part in parts.values()]
    comfy.model_management.load_models_gpu(patchers, force_full_load=True)
    return Editor(**{name: part.network for name, part in parts.items()})


@cache
def _embedded() -> Parts:
    families = installed_families()
    if not families:
        raise InputError("The pack's folder models holds no family: connect Load FFCLIP Models, or install it anew.")
    editor = Editor.of_family(families[0].name)
    return managed_parts({part: getattr(editor, part) for part in PARTS})


def _drawn() -> dict[str, Family]:
    """The installed families with an aligner of their own, by title."""
    return {each.title: each for each in installed_families() if each.aligner not in (None, FACES)}


def _aligner(family: Family) -> Aligner | Literal["faces"] | None:
    return _loaded(family.aligner) if isinstance(family.aligner, Path) else family.aligner


@cache
def _loaded(path: Path) -> Aligner:
    return load_aligner(path)
