"""What there is to train on, which parts are trained of it, and in how much time; told before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import InputError
from .settings import Settings
from .sources import Data
from .stages import STAGES

# How the time is dealt to stages that are all to be trained.
_SHARES = {
    "text": 0.15,
    "autoencoder": 0.6,
    "generator": 0.6,
    "encoder": 0.4,
    "modulator": 0.25,
    "drawn_generator": 0.3,
    "drawn_encoder": 0.25,
    "drawn_modulator": 0.3,
}
_EVALUATION = 0.05
"""Of the minutes: what is left for the report."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """stages: their names, in order; minutes: of each that has no number of steps of its own; why: a sentence for each
    stage, for people."""

    stages: tuple[str, ...]
    minutes: Mapping[str, float]
    why: tuple[str, ...]


def make_plan(settings: Settings, data: Data, given: Mapping[str, str], texts: int, drawn: bool = False) -> Plan:
    """given: the kinds of parts that came from files. texts: how many the blocks can be asked for, pairs aside. drawn:
    whether it is known what the pictures are drawn from.

    Raises InputError, which says what is missing, where these parts can't be made of these data.
    """
    pictures, pairs = len(data.pictures), len(data.before)
    captions = sum(1 for i in data.training if data.captions_of(int(i)))
    names: list[str] = []
    why: list[str] = []

    def add(name: str, sentence: str) -> None:
        names.append(name)
        why.append(f"{STAGES[name].WHAT}: {sentence}")

    if drawn:
        add("text", f"from {pictures:,} drawings, by what is true of each")
        add("drawn_generator", f"from what {pictures:,} drawings of {data.size} px are made from")
        add("drawn_encoder", "towards the same")
        add("drawn_modulator", "by edits whose drawings are known")
        return _dealt(settings, names, why)
    if "text_encoder" not in given:
        if not captions:
            raise InputError(
                "No text encoder is given, and no picture has a caption to learn one from: put NAME.txt beside "
                "NAME.png, one caption per line, or name a CLIP ViT-B/32 file by --text-encoder."
            )
        add("text", f"from {captions:,} pictures with captions ({len(data.texts):,} different)")
    if "generator" not in given:
        if "encoder" in given:
            raise InputError("An encoder is given without its generator: name the generator's file by --generator.")
        if not pictures:
            raise InputError("No generator is given, and there are no pictures to learn one from.")
        add("autoencoder", f"from {pictures:,} pictures of {data.size} px")
        if settings.stage("generator").steps:
            add("generator", "on from there")
    elif "encoder" not in given:
        add("encoder", "from the generator's own pictures" + (f" and {pictures:,} of yours" if pictures else ""))
    if "modulator" in given and not pairs:
        raise InputError(
            "Modulation blocks are given, and no pairs that they could learn from: put NAME.before.png, "
            "NAME.after.png and NAME.txt into the folder, or leave --modulator out to train new ones."
        )
    tower = "image_encoder" in given or "text" in names
    free = pictures > 1 and tower and settings.stage("modulator").losses.get("text_free")
    if not pairs and not texts and not free:
        raise InputError(
            "There are no texts to learn edits by: give captions (NAME.txt), pairs, or prompts in the settings; or "
            "pictures, CLIP's whole file and modulator: {losses: {text_free: 1}} in the settings."
        )
    if not pairs and not captions and not tower:
        raise InputError(
            "This text encoder's file holds no image tower, by which edits are judged in training: give CLIP's whole "
            "file (OpenAI's ViT-B-32.pt, or open_clip's or transformers' ViT-B/32), or pairs to learn from."
        )
    said = [f"{pairs:,} pairs"] if pairs else []
    if "modulator" in given:
        going_on = f", from the blocks that are given, which keep what they do by {texts:,} other texts"
    else:
        said += [f"{texts:,} texts"] if texts else []
        said += [f"differences of {pictures:,} pictures"] if free else []
        going_on = ""
    add("modulator", f"by {' and '.join(said)}{going_on}")
    return _dealt(settings, names, why)


def _dealt(settings: Settings, names: Sequence[str], why: Sequence[str]) -> Plan:
    left = settings.minutes * (1 - _EVALUATION)
    open_ = [name for name in names if not settings.stage(name).steps]
    total = sum(_SHARES[name] for name in open_)
    return Plan(
        stages=tuple(names),
        minutes={name: left * _SHARES[name] / total for name in open_},
        why=tuple(why),
    )
