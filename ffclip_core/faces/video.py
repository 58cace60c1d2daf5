"""Videos edited in place: frames in, frames out, a few at a time, in two passes.

    tracks = follow(editor.aligner, frames())
    report = Report()
    for pictures in edit_frames(editor, frames(), tracks, "purple hair", report=report):
        ...

frames() gives the frames anew each time, in batches of any length: nothing is held but the batch at hand and a few
numbers per face.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from ..editing import Strength, strengths
from ..errors import InputError
from ..networks.aligner import Aligner
from ..pictures import check_pictures
from . import in_place
from .tracking import Sight, Tracker, Tracks, is_placeable


@dataclass(kw_only=True)
class Report:
    """How many frames there were, how many were edited, how many show no such face and stay as they are; how many cuts
    there are, and how often a face was lost within a shot."""

    frames: int = 0
    edited: int = 0
    without_face: int = 0
    cuts: int = 0
    lost: int = 0


def follow(aligner: Aligner | Literal["faces"] | None, frames: Iterable[Tensor | np.ndarray]) -> Tracks:
    """The first pass over frames [n, H, W, C] in [0, 1]. aligner: what finds the faces, as Editor has it."""
    tracker = Tracker(aligner)
    for batch in frames:
        for frame in check_pictures(batch).split(1):
            tracker.look(frame)
    return tracker.tracks()


def edit_frames(
    editor: in_place.Family,
    frames: Iterable[Tensor | np.ndarray],
    tracks: Tracks,
    prompt: str,
    strength: Strength = 1.0,
    faces: str | int = "largest",
    smoothing: float = 1.0,
    mode: str = "auto",
    report: Report | None = None,
) -> Iterator[Tensor]:
    """The second pass: for each batch of the same frames [n, H, W, C] that batch edited, in its order, [n, H, W, 3] (4
    with alpha).

    strength: a number, or one per frame. faces, smoothing: see Tracks.chosen(); mode: see
    ffclip_core.faces.pasting.paste_back. Frames without the face stay as they are. The report is filled as the frames
    go by. Raises InputError, before any frame is asked for, for what does not go together and where no frame has such a
    face; and for another number of frames than were followed.
    """
    chosen = tracks.chosen(faces, smoothing)
    amount = strengths(strength, tracks.frames)
    if not isinstance(prompt, str):
        raise InputError(f"The frames of a video have one prompt, not {str(prompt)[:80]!r}.")
    if tracks.frames and not any(chosen):
        raise InputError(_none(tracks, faces))
    report = Report() if report is None else report
    report.cuts, report.lost = tracks.cuts, tracks.lost
    return _edited(editor, frames, chosen, prompt, amount, mode, report)


def _edited(
    editor: in_place.Family,
    frames: Iterable[Tensor | np.ndarray],
    chosen: list[list[Sight]],
    prompt: str,
    amount: float | Tensor,
    mode: str,
    report: Report,
) -> Iterator[Tensor]:
    done = 0
    for batch in frames:
        images = check_pictures(batch).detach()
        if done + len(images) > len(chosen):
            raise InputError(f"There are more frames than the {len(chosen)} that were followed: follow these frames.")
        of_batch = slice(done, done + len(images))
        size = (images.shape[1], images.shape[2])
        # A smoothed frame may have left the picture.
        faces = [[sight.face() for sight in sights] for sights in chosen[of_batch]]
        found = [[face for face in of_frame if is_placeable(face, size)] for of_frame in faces]
        prepared = in_place.prepare(editor, images, "all", found)
        of_frames = amount[of_batch] if isinstance(amount, Tensor) else amount
        edited = in_place.edit(editor, prepared, prompt, of_frames, mode).images
        done += len(images)
        report.frames = done
        report.edited += sum(map(bool, found))
        report.without_face += len(found) - sum(map(bool, found))
        yield edited
    if done != len(chosen):
        raise InputError(f"There are {done} frames, and {len(chosen)} were followed: follow these frames.")


def _none(tracks: Tracks, faces: str | int) -> str:
    most = max((len(shot.persons) for shot in tracks.shots), default=0)
    if most:
        there = "1 face, number 0" if most == 1 else f"{most} faces, numbers 0 to {most - 1} from left to right"
        return f"There is no face number {faces}: the shots of this video have at most {there}."
    return (
        f"No face was found in the {tracks.frames} frames: faces have to be some 16 px wide at least and seen from the "
        "front; give another video."
    )
