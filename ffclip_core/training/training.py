"""All of a training: data prepared, parts read, stages in turn, and the report."""

from __future__ import annotations

import json
import math
import pickle
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch

from ..checkpoints import build, read_parts
from ..checkpoints.parts import words
from ..editing import check_family
from ..errors import InputError
from ..families import PARTS, family_named
from ..known_words import read_known
from .drawings import Domain, Drawings
from .evaluation import evaluate
from .family_folder import begin, family_name
from .inversion import mark_of
from .loop import Process, choose_device, launch, wait_for_all, workers_for
from .loop.processes import from_first, started_by_torchrun
from .plan import Plan, make_plan
from .settings import Settings, read_settings
from .sources import Data, Source, no_pictures, prepare
from .sources.left_out import LeftOutError
from .sources.texts import captions_in, captions_of
from .stages import STAGES
from .stages.text import EMBED_DIM, repeated_phrases
from .work import STATE, Work, write_json

_TEXTS = 5000
"""Captions that blocks are asked for, at most: the most frequent ones."""


def _say(said: object) -> None:
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the command line says; pictures may be a Python source as well (sources.Source), or a domain of drawings
    (drawings.Domain).

    out: the family's folder. files: by kind, the parts that are given. family: one that comes with the pack, whose
    parts are given. stop: asked after each step whether to end; watch: told of stage, step and steps.
    """

    pictures: Path | Source | Domain
    out: Path
    config: Path | Settings | None = None
    minutes: float | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    family: str | None = None
    device: str | None = None
    tell: Callable[[str], None] = _say
    stop: Callable[[], bool] | None = None
    watch: Callable[[str, int, int], object] | None = None


def train(task: Task) -> Path:
    """Train what is missing, from where it was left, and write the report; the family's folder.

    Raises:
        InputError: of these pictures, parts and settings no family can be made; the sentence says what is missing.
        CheckpointError: a file can't be read, or holds something else.
        StoppedError: it was asked to end, and goes on there when called again.
    """
    settings = _settings(task)
    device = choose_device(settings.device)
    if started_by_torchrun():
        launch(_together, task, settings, device=device, workers=1)
        return task.out
    ready = _prepared(task, settings)
    # No source but a domain, nor what a caller listens with, goes to other processes; a single one is this one.
    alone = task.stop is not None or task.watch is not None
    batches = [settings.stage(name).batch // settings.stage(name).accumulate for name in ready[1].stages]
    workers = 1 if alone else settings.workers or workers_for(batches, device)
    sent = task.pictures if _drawings(task, settings) else Path()
    light = task if workers == 1 else replace(task, pictures=sent, tell=_say)
    launch(_worker, light, settings, *ready, device=device, workers=workers)
    return task.out


def _together(process: Process, task: Task, settings: Settings) -> None:
    """As one of the processes that torchrun has started: the first prepares for all."""
    _worker(process, task, settings, *from_first(_prepared(task, settings) if process.rank == 0 else None))


def _prepared(task: Task, settings: Settings) -> tuple[Data, Plan, tuple[str, ...]]:
    """All that is done once and before anything is learned: pictures, the plan, the family as it begins, the texts."""
    drawings = _drawings(task, settings)
    parts, given = _given(task, torch.device("cpu"))
    if drawings:
        _check_drawings(drawings, settings, given)
    _make(task.out)
    size = parts["generator"].size if "generator" in parts else settings.size
    _check_begun(task.out, size, parts)
    texts = _prompts_of(task.pictures)
    if texts is None:
        source = drawings or cast("Path | Source", task.pictures)
        data = prepare(source, task.out / STATE / "data", size, limit=settings.pictures, tell=task.tell)
        texts = texts_of(settings, data, task)
    else:
        data = no_pictures(task.out / STATE / "data", size)
    plan = make_plan(settings, data, given, len(texts), drawn=drawings is not None)
    work = _work(task, settings, Process(device=torch.device("cpu")), data, parts, plan, texts)
    _tell(task.tell, work, plan, given)
    settings.write(task.out / STATE / "settings.yaml")
    begin(work, task.family)
    if drawings:
        work.space(2 * int(math.log2(size)) - 2, EMBED_DIM)  # Whether there is room for all parameters.
        task.tell(f"{len(work.known.parameters):,} drawings, each of {work.known.parameters.shape[1]} parameters.")
    return data, plan, texts


def _check_begun(out: Path, size: int, parts: Mapping[str, Any]) -> None:
    """Raises InputError where the folder was begun with other parts: theirs stand in it."""
    path = out / STATE / "begun.json"
    now = {"size": size, "given": {kind: mark_of(network) for kind, network in sorted(parts.items())}}
    if not path.exists():
        write_json(path, now)
        return
    begun = json.loads(path.read_text(encoding="utf-8"))
    kinds = [kind for kind in {*begun["given"], *now["given"]} if begun["given"].get(kind) != now["given"].get(kind)]
    if kinds or begun["size"] != size:
        what = f"with another {words(min(kinds))}" if kinds else f"at {begun['size']} px, not {size} px"
        raise InputError(f"{out} was begun {what}: give the same again, or another folder for the family.")


def _worker(process: Process, task: Task, settings: Settings, data: Data, plan: Plan, texts: tuple[str, ...]) -> None:
    parts, _ = _given(task, process.device)
    work = _work(task, settings, process, data, parts, plan, texts)
    tell = task.tell if process.rank == 0 else lambda said: None
    for name in plan.stages:
        if work.finished(name):
            work.reload(STAGES[name].GIVES)
            tell(f"{STAGES[name].WHAT}: done already.")
        else:
            tell(f"{STAGES[name].WHAT} …")
            STAGES[name].train(work)
    if process.rank == 0:
        tell(evaluate(work))
        tell(
            f"{task.out} is a family now: ffclip_core.Editor.from_folder({str(task.out)!r}), or its files in ComfyUI's "
            "models/ffclip."
        )
    wait_for_all()


def _work(
    task: Task,
    settings: Settings,
    process: Process,
    data: Data,
    parts: dict[str, Any],
    plan: Plan,
    texts: tuple[str, ...],
) -> Work:
    return Work(
        settings=settings,
        out=task.out,
        process=process,
        data=data,
        parts=parts,
        minutes=plan.minutes,
        texts=texts,
        family=next((part.family for part in parts.values() if getattr(part, "family", None)), family_name(task.out)),
        drawings=_drawings(task, settings),
        stop=task.stop,
        watch=task.watch,
    )


def _drawings(task: Task, settings: Settings) -> Drawings | None:
    """Where the pictures are a domain's. Raises InputError where they are nothing that pictures can be had of."""
    domain = task.pictures
    if isinstance(domain, type) or not isinstance(domain, (Path, Domain, Iterable)):
        raise InputError(
            f"Pictures can't be had of {domain!r}: give a folder, an iterable of Example and Pair, or an object that "
            "has all of drawings.Domain."
        )
    return Drawings(domain, settings.size) if isinstance(domain, Domain) else None


def _check_drawings(drawings: Drawings, settings: Settings, given: Mapping[str, str]) -> None:
    """What can be told before the first is drawn."""
    if settings.pictures is None:
        raise InputError("Drawings have no end: say in the settings how many there are to be, such as pictures: 60000.")
    if given:
        raise InputError(
            "Of drawings all parts are trained together, as only they share what the codes mean: leave out the "
            f"{', '.join(words(kind) for kind in sorted(given))}."
        )
    if not drawings.domain.prompts:
        raise InputError("The domain has no prompts: give a few texts, by which edits are shown and measured.")
    module = sys.modules.get(type(drawings.domain).__module__)
    try:
        pickle.dumps(drawings)
        found = getattr(module, "__file__", None) is not None
    except (pickle.PicklingError, AttributeError, TypeError):
        found = False
    if not found and settings.workers != 1:
        raise InputError(
            f"Other processes can't find {type(drawings.domain).__name__}: put it into a module of its own, or set "
            "workers: 1."
        )


def _settings(task: Task) -> Settings:
    given = task.config
    settings = given if isinstance(given, Settings) else read_settings(given)
    changed = {"minutes": task.minutes, "device": task.device}
    return settings.changed(**{name: value for name, value in changed.items() if value is not None})


def _make(out: Path) -> None:
    try:
        (out / STATE).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out} can't be made ({error.strerror}): name another folder for the family.") from error


def _given(task: Task, device: torch.device) -> tuple[dict[str, Any], dict[str, str]]:
    """The parts that are there already, and for each a word on where it is from."""
    files: dict[str, Path] = {}
    if task.family:
        files |= dict(family_named(task.family).parts)
    files |= task.files
    networks: dict[str, Any] = {}
    said: dict[str, str] = {}
    for kind, path in files.items():
        held = read_parts(path)
        networks[kind] = build(path, held, kind)
        said[kind] = f"{path.name} ({held[kind].describe()})"
        if kind == "text_encoder" and "image_encoder" in held:
            networks["image_encoder"] = build(path, held, "image_encoder")
            said["image_encoder"] = path.name
    check_family(**{kind: network for kind, network in networks.items() if kind in PARTS})
    for network in networks.values():
        network.requires_grad_(False).to(device)
    return networks, said


def _prompts_of(pictures: object) -> tuple[str, ...] | None:
    """The lines of a .txt file that stands in the pictures' place."""
    if not isinstance(pictures, Path) or pictures.suffix.lower() != ".txt" or not pictures.is_file():
        return None
    try:
        found = captions_in(pictures.read_bytes())
    except (OSError, LeftOutError) as error:
        raise InputError(f"{pictures} can't be read as a list of texts: {error}.") from error
    if not found:
        raise InputError(f"{pictures} has no texts: write one per line, such as 'purple hair'.")
    return found


def texts_of(settings: Settings, data: Data, task: Task) -> tuple[str, ...]:
    """What the blocks are asked for: the settings' prompts, or the family's, or what captions repeat, or else the
    captions; the most frequent first."""
    if settings.prompts:
        return tuple(text for prompt in settings.prompts for text in captions_of(prompt))
    if drawings := _drawings(task, settings):
        return tuple(drawings.domain.prompts)
    if task.family:
        family = family_named(task.family)
        return family.prompts if family.known is None else tuple(read_known(family.known).prompts)
    whole = Counter(data.texts[i] for row in data.training for i in data.captions_of(int(row)))
    return tuple(repeated_phrases(data) or (text for text, _ in whole.most_common(_TEXTS)))


def _tell(tell: Callable[[str], None], work: Work, plan: Plan, given: Mapping[str, str]) -> None:
    data = work.data
    tell(f"{len(data.pictures):,} pictures and {len(data.before):,} pairs, of {data.size} px.")
    for left in data.skipped[:10]:
        tell(f"Left out: {left}")
    if len(data.skipped) > 10:
        tell(f"Left out: {len(data.skipped) - 10:,} more; {work.out / STATE / 'data'} names them.")
    for kind, name in given.items():
        tell(f"Given: {words(kind)}, {name}")
    for name, sentence in zip(plan.stages, plan.why, strict=True):
        steps = work.settings.stage(name).steps
        tell(f"To train: {sentence}; {f'{steps:,} steps' if steps else f'{plan.minutes[name]:.0f} minutes'}")
