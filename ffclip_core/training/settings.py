"""The settings of a training: keys and values in a file (YAML), all checked before anything is computed.

Each has a preset's value (presets.py) where the file does not give another. Wrong keys, types, ranges and broken files
are told in one sentence, with the file, the key's path, the value and what is allowed.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ..errors import InputError
from .loop import Learning, choose_device, decay_of
from .loop.players import Schedule
from .loop.storage import storing, write_whole
from .losses.weights import PUBLISHED as WEIGHTS
from .presets import PUBLISHED, QUICK

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Size = Literal[8, 16, 32, 64, 128, 256, 512, 1024]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: Any) -> Any:
        if isinstance(value, bool):  # YAML reads yes, no, on and off so; Python takes them for 1 and 0.
            raise PydanticCustomError("truth", "Input should be a number or a word")
        return value


class Stage(_Checked):
    """How one part is trained."""

    steps: Count | None = Field(default=None, description="How many; by default as many as there is time for.")
    batch: int = Field(ge=1, le=65_536, description="Examples in a step, of all processes together.")
    accumulate: int = Field(
        default=1, ge=1, le=65_536, description="Parts that a batch is computed in, one after the other."
    )
    learning_rate: float = Field(gt=0, le=1, description="Adam's, at its highest.")
    betas: tuple[Beta, Beta] = Field(description="Adam's.")
    ema: float = Field(ge=0, le=1e9, description="Examples after which half of the averaged weights is new; 0: none.")
    clip: float | None = Field(gt=0, le=1e6, description="The largest norm of a gradient; null: any.")
    schedule: Schedule = Field(description="Of the learning rate: cosine, halving (50, 75, 90, 95 %) or constant.")
    warm_up: int = Field(ge=0, le=1_000_000, description="Steps in which the learning rate rises at first.")
    sheet_every: Count = Field(default=500, description="Steps from one sample sheet to the next.")
    save_every: float = Field(default=60.0, gt=0, le=86_400, description="Seconds from one checkpoint to the next.")
    losses: dict[str, Weight] = Field(description="Weights by name (docs/training-losses.md); 0 switches one off.")

    def learning(self, **others: Any) -> Learning:
        """What a player is told; others: fields of Learning that are not the settings'."""
        return Learning(
            **{
                "learning_rate": self.learning_rate,
                "betas": self.betas,
                "ema": decay_of(self.ema, self.batch),
                "clip": self.clip or math.inf,
                "schedule": self.schedule,
                "warm_up": self.warm_up,
                **others,
            }
        )


class Evaluation(_Checked):
    """How a family is measured when it is trained."""

    judge: str | None = Field(default=None, description="Which texts are true of pictures, as module:name.")


class Settings(_Checked):
    """All settings of a training. Made by read_settings."""

    preset: Literal["published", "quick"] = Field(description="Where values come from that are not given.")
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="Of every random choice.")
    size: Size = Field(description="Side of the pictures, px, where no generator is given.")
    pictures: Count | None = Field(default=None, description="At most so many are used.")
    prompts: tuple[str, ...] = Field(
        default=(), description="Texts to learn edits by, not captions; of drawings, shown."
    )
    neutral: str = Field(default="a picture", min_length=1, description="A text that says nothing, for text_free.")
    minutes: float = Field(
        default=30.0, gt=0, le=1e6, description="For stages whose steps are not given, and the report."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="auto: a GPU where there is one.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="Of networks in training; auto: bfloat16 where the device has it."
    )
    workers: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None, description="Processes; by default one per core of a CPU, and one on a GPU."
    )
    text: Stage
    autoencoder: Stage
    generator: Stage
    encoder: Stage
    modulator: Stage
    drawn_generator: Stage
    drawn_encoder: Stage
    drawn_modulator: Stage
    evaluation: Evaluation = Evaluation()

    @field_validator(*WEIGHTS, mode="after")
    @classmethod
    def _known(cls, stage: Stage, info: ValidationInfo) -> Stage:
        known = list(WEIGHTS[str(info.field_name)])
        if unknown := [name for name in stage.losses if name not in known]:
            raise PydanticCustomError("unknown_loss", "{name}", {"name": unknown[0], "known": known})
        return stage

    def stage(self, name: str) -> Stage:
        """By its name in STAGES."""
        return getattr(self, name)

    def changed(self, **values: Any) -> Settings:
        """The same with other values; {"batch": 8} of a stage leaves its other values as they are.

        Raises:
            InputError: as read_settings.
        """
        return _checked("The settings", _over(self.model_dump(), values))

    def write(self, path: Path) -> None:
        """Write all values, given or not, as a file that read_settings reads.

        Raises:
            StorageError: it can't be written.
        """
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        with storing(path):
            write_whole(path, lambda file: file.write(text.encode()))


def read_settings(path: Path | None = None, **values: Any) -> Settings:
    """The settings in a file, or the preset's alone; values given here count for more than the file's.

    The preset is "quick" on a CPU and "published" elsewhere, where none is named.

    Raises:
        InputError: the file can't be read, or a key or value is wrong; one sentence says what is allowed.
    """
    source = str(path) if path else "The settings"
    given = _over(_read(path) if path else {}, values)
    if given.get("preset") is None:
        device = given.get("device", "auto")
        known = device in ("auto", "cuda", "mps")  # Any other is told below.
        given["preset"] = "published" if known and choose_device(device).type != "cpu" else "quick"
    preset = _over(PUBLISHED, QUICK) if given["preset"] == "quick" else PUBLISHED
    return _checked(source, _over(preset, given))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}): name a file of settings.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(f"{path} is no YAML{place}: {error.problem or error.context}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())}.") from error
    if found is not None and not isinstance(found, dict):
        raise InputError(f"{path} holds no keys and values but {_short(found)}: write lines such as 'minutes: 30'.")
    return found or {}


def _over(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """base with the given values in it; what is empty in a file changes nothing."""
    result = dict(base)
    for key, value in given.items():
        before = result.get(key)
        if isinstance(before, Mapping) and (isinstance(value, Mapping) or value is None):
            result[key] = _over(before, value or {})
        else:
            result[key] = value
    return result


def _checked(source: str, values: Mapping[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first, *more = error.errors(include_url=False)
        others = f" (and {len(more)} more)" if more else ""
        said = _sentence(first)
        raise InputError(f"{source}: {said}{others}{'' if said.endswith('?') and not more else '.'}") from None


def _sentence(error: ErrorDetails) -> str:
    """What is wrong with which key, and what is allowed."""
    place = [str(part) for part in error["loc"]]
    value, said, context = error["input"], error["msg"], error.get("ctx", {})
    if error["type"] == "unknown_loss":
        return _unknown([*place, "losses", context["name"]], "loss", context["known"])
    if error["type"] == "extra_forbidden":
        kinds: dict[str, type[BaseModel]] = {"": Settings, "evaluation": Evaluation}
        known = kinds.get(place[0] if len(place) > 1 else "", Stage).model_fields
        if len(place) == 1 and place[0] in Stage.model_fields:
            return f"{place[0]} is a setting of each stage: write it below one of {', '.join(WEIGHTS)}"
        return _unknown(place, "setting", list(known))
    if error["type"] == "missing":
        return f"{'.'.join(place)} is missing"
    said = {
        "model_type": "Input should be keys and values",
        "dict_type": "Input should be keys and values",
        "tuple_type": "Input should be a list",
        "invalid_key": "a key has to be a word",
    }.get(error["type"], said)
    allowed = re.sub("^Input should be", "it has to be", said)
    if error["type"] == "literal_error":
        allowed += _near(str(value), re.findall("'(.*?)'", said))
    return f"{'.'.join(place)} is {_short(value)}, but {allowed}"


def _unknown(place: list[str], kind: str, known: list[str]) -> str:
    return f"{'.'.join(place)} is no {kind}{_near(place[-1], known) or '; there are ' + ', '.join(known)}"


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]} …"
