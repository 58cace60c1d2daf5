"""Faces followed through the frames of a video: which of them are one person, from cut to cut.

Tracker looks at one frame after the other and keeps a few numbers of each face; Tracks, what it gives at the end, says
where the faces of each frame lie, smoothed over time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import InputError
from ..networks.aligner import Aligner
from ..ordinary import ordinary_tensors
from ..pictures import check_pictures
from .alignment import place, seen, square_of
from .detection import PRESENT, find_faces, follow_faces
from .drawn import Frame, see
from .face import Face
from .in_place import CHOICES, faces_in
from .smoothing import smoothed

MIDDLE, AXIS = 1.1, 3.0
"""Standard deviations of the smoothing in frames: of a face's place, where more would cut corners (at a sudden stop by
0.4 of them times the pace), and of its size and turn, which change slowly."""

_THUMBNAIL = 32  # Px of the frames that are compared to notice a cut.
_OTHER_PLACES, _OTHER_COLOURS = 0.08, 0.035
"""A cut changes the picture in most places (mean difference of the thumbnails, of [0, 1]), which a fast pan does too,
and also how much of each colour there is (the distance between both distributions), which a pan does not."""
_AGAIN = 8  # Frames after which others are looked for in photographs too.
_JUMP = 0.5  # Sides of its square that a face moves from one frame to the next at most, beside its steady motion.
_WIDER, _WIDEST = 0.1, 2.0  # How much further for each frame in which it was not seen, and at most.
_GROWN = 0.4  # Natural logarithm of the change of its size, likewise.
_LOOK = 8  # Px of what is remembered of each face's looks.
_UNLIKE = 0.16  # Mean difference of two looks, of [0, 1], from which on they are two people's.
_FADE = 0.3  # How fast what is remembered follows what is seen.
_PACE = 4  # Frames over which a face's motion is taken.


class Sight(NamedTuple):
    """A face in one frame, places as x + yi in px: the middle of its square, its right half axis where it were not
    mirrored (the lower one is that turned by 90°), whether it is mirrored, confidence and the five points."""

    middle: complex
    axis: complex
    mirrored: bool
    confidence: float
    points: tuple[complex, ...]

    @classmethod
    def of(cls, face: Face) -> Sight:
        top_left, bottom_left, bottom_right, top_right = (complex(*each) for each in square_of(face).tolist())
        across = (top_right - top_left + bottom_right - bottom_left) / 4
        down = (bottom_left - top_left + bottom_right - top_right) / 4
        mirrored = (across.conjugate() * down).imag < 0
        points = tuple(complex(*each) for each in face.points.double().cpu().tolist())
        middle = (top_left + bottom_left + bottom_right + top_right) / 4
        return cls(middle, -across if mirrored else across, mirrored, float(face.confidence), points)

    def at(self, middle: complex, axis: complex, mirrored: bool) -> Sight:
        """The same face elsewhere."""
        turn = axis / self.axis
        points = tuple(middle + (each - self.middle) * turn for each in self.points)
        return Sight(middle, axis, mirrored, self.confidence, points)

    def face(self) -> Face:
        across, down = (-self.axis if self.mirrored else self.axis), self.axis * 1j
        corners = [self.middle + each for each in (-across - down, -across + down, across + down, across - down)]
        xs, ys = [each.real for each in self.points], [each.imag for each in self.points]
        return Face(
            points=torch.tensor([[each.real, each.imag] for each in self.points], dtype=torch.float64, device="cpu"),
            box=(min(xs), min(ys), max(xs), max(ys)),
            confidence=self.confidence,
            square=torch.tensor([[each.real, each.imag] for each in corners], dtype=torch.float64, device="cpu"),
        )


@dataclass(eq=False)
class Person:
    """One person in one shot: where their face is, by the frame's number, and what it looked like."""

    look: Tensor
    sights: dict[int, Sight] = field(default_factory=dict)

    def stretches(self) -> list[list[int]]:
        """The frames in which the face was seen without a gap between."""
        found: list[list[int]] = []
        for frame in self.sights:
            if found and frame == found[-1][-1] + 1:
                found[-1].append(frame)
            else:
                found.append([frame])
        return found

    def expected(self, frame: int) -> tuple[complex, complex, int]:
        """Where the face was last, where it would be by its motion, and how many frames ago it was seen."""
        last = next(reversed(self.sights))
        gone, now = frame - last, self.sights[last].middle
        before = next((n for n in range(_PACE, 0, -1) if all(last - i in self.sights for i in range(1, n + 1))), 0)
        pace = (now - self.sights[last - before].middle) / before if before else 0
        return now, now + pace * min(gone, 2 * _PACE), gone

    def smoothed(self, strength: float) -> dict[int, Sight]:
        """The sights, smoothed within each stretch, and mirrored all or none."""
        votes = sum(sight.confidence * (1 if sight.mirrored else -1) for sight in self.sights.values())
        result = {}
        for frames in self.stretches():
            sights = [self.sights[frame] for frame in frames]
            middles = smoothed(np.array([sight.middle for sight in sights]), strength * MIDDLE)
            axes = smoothed(np.array([sight.axis for sight in sights]), strength * AXIS)
            for frame, sight, middle, axis in zip(frames, sights, middles.tolist(), axes.tolist(), strict=True):
                # Half turns within a few frames would leave no size at all.
                result[frame] = sight.at(middle, axis if abs(axis) > abs(sight.axis) / 2 else sight.axis, votes > 0)
        return result


@dataclass(eq=False)
class Shot:
    """Frames between two cuts, from `first` on, and who is in them."""

    first: int
    persons: list[Person] = field(default_factory=list)

    def in_order(self) -> list[Person]:
        """From left to right where most of them are seen for the first time; then those who are not, as they come."""
        counts: dict[int, int] = {}
        for person in self.persons:
            for frame in person.sights:
                counts[frame] = counts.get(frame, 0) + 1
        if not counts:
            return []
        fullest = max(sorted(counts), key=lambda frame: counts[frame])
        there = [person for person in self.persons if fullest in person.sights]
        there.sort(key=lambda person: person.sights[fullest].middle.real)
        return there + [person for person in self.persons if fullest not in person.sights]


@dataclass(frozen=True, eq=False)
class Tracks:
    """What is known of so many frames: the shots, how many cuts lie between them, and how often a face was lost within
    one."""

    frames: int
    shots: Sequence[Shot]
    cuts: int

    @property
    def lost(self) -> int:
        ends = [*(shot.first for shot in self.shots[1:]), self.frames]
        stretches = [
            (stretch[-1], end)
            for shot, end in zip(self.shots, ends, strict=False)  # Of no frames there is an end, but no shot.
            for person in shot.persons
            for stretch in person.stretches()
        ]
        return sum(last + 1 < end for last, end in stretches)

    def chosen(self, which: str | int = "largest", smoothing: float = 1.0) -> list[list[Sight]]:
        """For each frame the chosen people's faces, from left to right as they were numbered; none where they are not
        seen.

        which: who takes up most of each shot ("largest"), "all", or a number from the left, the first 0: a person, who
        stays the same until the next cut. smoothing: 0 none, 1 standard deviations MIDDLE and AXIS, at most 10 times
        that; never across a cut or over frames in which the face was not seen. Raises InputError for a choice or a
        smoothing that is none.
        """
        if isinstance(which, bool) or not (isinstance(which, int) or which in CHOICES):
            raise InputError(
                f"Faces are 'largest', 'all' or a number from the left, the first 0, not {str(which)[:80]!r}."
            )
        if isinstance(smoothing, bool) or not isinstance(smoothing, (int, float)) or not 0 <= smoothing <= 10:
            raise InputError(f"The smoothing is a number from 0 to 10, not {str(smoothing)[:80]!r}.")
        result: list[list[Sight]] = [[] for _ in range(self.frames)]
        for shot in self.shots:
            persons = shot.in_order()
            if isinstance(which, int):
                persons = persons[which : which + 1] if which >= 0 else []
            elif which == "largest" and persons:
                persons = [max(persons, key=lambda each: sum(abs(s.axis) ** 2 for s in each.sights.values()))]
            for person in persons:
                for frame, sight in person.smoothed(smoothing).items():
                    result[frame].append(sight)
        return result


class Tracker:
    """The first pass: look(frame) for each frame in order, then tracks().

    aligner is the family's, as Editor has it. Between two frames it keeps one thumbnail and the last faces; of each
    frame a few numbers for each face.
    """

    def __init__(self, aligner: Aligner | Literal["faces"] | None) -> None:
        self._aligner = aligner
        self._shots: list[Shot] = []
        self._frames = self._cuts = 0
        self._thumbnail: Tensor | None = None
        self._size = (0, 0)
        self._faces: list[Face] = []
        self._found = 0

    def tracks(self) -> Tracks:
        return Tracks(self._frames, tuple(self._shots), self._cuts)

    def look(self, frame: Tensor | np.ndarray) -> None:
        """The next frame, [1, H, W, C] in [0, 1]. Raises InputError for what is no picture, and what the family's
        aligner raises."""
        frame = check_pictures(frame).detach()
        if len(frame) != 1:
            raise InputError(f"Faces are followed from one frame to the next, not to {len(frame)}: give them singly.")
        with ordinary_tensors():
            size, thumbnail = (frame.shape[1], frame.shape[2]), _thumbnail(frame)
            cut = self._thumbnail is None or size != self._size or _is_cut(self._thumbnail, thumbnail)
            faces = [face for face in self._look(frame, cut) if is_placeable(face, size)]
            sights = [Sight.of(face) for face in faces]
            looks = [see(frame, Frame(sight.middle, sight.axis), _LOOK, frame.device) for sight in sights]
            looks = [look - look.mean((2, 3), keepdim=True) for look in looks]
        persons = {} if cut else _matched(self._shots[-1].persons, self._frames, sights, looks)
        jumped = not cut and bool(self._faces) and bool(faces) and not persons
        if cut or (faces and not persons and self._shots[-1].persons):
            self._cuts += bool(self._shots) and (cut or jumped)
            self._shots.append(Shot(self._frames))
        for i, (sight, look) in enumerate(zip(sights, looks, strict=True)):
            if i not in persons:
                persons[i] = Person(look)
                self._shots[-1].persons.append(persons[i])
            persons[i].look = torch.lerp(persons[i].look, look, _FADE)
            persons[i].sights[self._frames] = sight
        self._size, self._thumbnail, self._faces = size, thumbnail, faces
        self._frames += 1

    def _look(self, frame: Tensor, cut: bool) -> list[Face]:
        if self._aligner is None or isinstance(self._aligner, Aligner):
            return faces_in(self._aligner, frame)[0]
        followed = [] if cut else _apart(follow_faces(frame, self._faces))
        if followed and len(followed) == len(self._faces) and self._frames - self._found < _AGAIN:
            return followed
        self._found = self._frames
        # Followed even here, for the points of both ways lie a little apart.
        new = [face for face in find_faces(frame)[0] if not any(_within(face, other) for other in followed)]
        return followed + _apart(follow_faces(frame, new))


def _matched(
    persons: Sequence[Person], frame: int, sights: Sequence[Sight], looks: Sequence[Tensor]
) -> dict[int, Person]:
    """By the number of the face: whose it is, the likeliest first."""
    pairs = []
    for j, person in enumerate(persons):
        last, expected, gone = person.expected(frame)
        size = abs(person.sights[next(reversed(person.sights))].axis)
        reach = min(1 + _WIDER * (gone - 1), _WIDEST)
        for i, (sight, look) in enumerate(zip(sights, looks, strict=True)):
            side = abs(sight.axis) + size
            moved = min(abs(sight.middle - expected), abs(sight.middle - last)) / side
            grown = abs(math.log(abs(sight.axis) / size))
            unlike = float((look - person.look).abs().mean()) / 2  # Looks are in [-1, 1].
            if moved < _JUMP * reach and grown < _GROWN * reach and unlike < _UNLIKE:
                pairs.append((abs(sight.middle - expected) / side / reach + grown / reach + 6 * unlike, i, j))
    found: dict[int, Person] = {}
    for _, i, j in sorted(pairs):
        if i not in found and persons[j] not in found.values():
            found[i] = persons[j]
    return found


def _thumbnail(frame: Tensor) -> Tensor:
    """[3, 32, 32]"""
    step = max(1, min(frame.shape[1:3]) // (4 * _THUMBNAIL))
    x = seen(frame[:, ::step, ::step])
    return F.interpolate(x, size=(_THUMBNAIL, _THUMBNAIL), mode="bilinear", antialias=True)[0].cpu()


def _is_cut(before: Tensor, after: Tensor) -> bool:
    places = float((before - after).abs().mean())
    colours = float((before.flatten(1).sort(1).values - after.flatten(1).sort(1).values).abs().mean())
    return places > _OTHER_PLACES and colours > _OTHER_COLOURS


def is_placeable(face: Face, picture: tuple[int, int]) -> bool:
    """Whether align() can cut it out."""
    try:
        place(face, _LOOK, picture)
    except InputError:
        return False
    return True


def _apart(faces: Sequence[Face]) -> list[Face]:
    """Those that are still there, and of two that have come to lie on one face the surer one; in their order."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if face.confidence >= PRESENT and not any(_within(face, other) for other in kept):
            kept.append(face)
    return [face for face in faces if any(face is each for each in kept)]


def _within(face: Face, other: Face) -> bool:
    (left, top, right, bottom), (a, b, c, d) = other.box, face.box
    return left <= (a + c) / 2 <= right and top <= (b + d) / 2 <= bottom
