"""Faces followed through frames: avatars that go where the tests know."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import EMBEDDED, Editor, Face, InputError
from ffclip.ffclip_core.dev.measure_tracking import steadiness, tracks_of_pan
from ffclip.ffclip_core.faces.smoothing import smoothed
from ffclip.ffclip_core.faces.tracking import MIDDLE, Sight, Tracker, Tracks
from ffclip.ffclip_core.faces.video import Report, edit_frames, follow
from PIL import Image
from torch import Tensor

PHOTOS = Path(__file__).parents[2] / "data" / "photos"
SIDE, HIGH, WIDE = 72, 140, 240
Place = tuple[str, float, float]


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor.of_family("avatars")


def frame(*places: Place, background: int = 200) -> Tensor:
    """[1, 140, 240, 3]: avatars by name, each at left, top."""
    picture = np.full((HIGH, WIDE, 3), background, np.uint8)
    for name, left, top in places:
        with Image.open(EMBEDDED / "samples" / f"{name}.png") as file:
            avatar = np.asarray(file.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        picture[round(top) : round(top) + SIDE, round(left) : round(left) + SIDE] = avatar
    return torch.from_numpy(picture)[None].float() / 255


def tracks_of(editor: Editor, frames: list[Tensor]) -> Tracks:
    return follow(editor.aligner, frames)


def middles(tracks: Tracks, which: str | int, smoothing: float = 0.0) -> list[complex | None]:
    return [sights[0].middle if sights else None for sights in tracks.chosen(which, smoothing)]


# Smoothing.


def test_a_steady_motion_is_left_where_it_is_also_at_both_ends() -> None:
    line = 3.0 + 2.5 * np.arange(40.0) - 1.5j * np.arange(40.0)
    for deviation in (0.5, 1.0, 3.0, 30.0):
        error = np.abs(smoothed(line, deviation) - line).max() / np.abs(line).max()
        assert error < golden.rounding(2 * 40 + 1, layers=8, dtype=torch.float64)


def test_noise_falls_as_a_gaussian_makes_it_fall_and_nothing_is_late() -> None:
    noise = np.random.default_rng(0).normal(size=20_000)
    # Of white noise, by its standard deviation s: steps fall from √2 to about (4·√π·s³)**-½.
    for deviation in (1.0, 3.0):
        step = float(np.diff(smoothed(noise, deviation)).std())
        assert step == pytest.approx((4 * np.pi**0.5 * deviation**3) ** -0.5, rel=0.15)
    peak = np.zeros(41)
    peak[20] = 1
    assert np.argmax(smoothed(peak, 3.0)) == 20
    assert np.array_equal(smoothed(noise, 0.0), noise) and np.array_equal(smoothed(noise[:1], 3.0), noise[:1])


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_face_comes_back_as_it_was(mirrored: bool) -> None:
    corners = torch.tensor([[10.0, 20], [4, 60], [44, 66], [50, 26]], dtype=torch.float64)
    square = corners[[3, 2, 1, 0]] if mirrored else corners
    points = torch.tensor([[20.0, 30], [35, 32], [27, 40], [21, 50], [33, 52]], dtype=torch.float64)
    face = Face(points=points, box=(20, 30, 35, 52), confidence=0.9, square=square)
    sight = Sight.of(face)
    back = sight.face()
    assert sight.mirrored == mirrored
    assert back.square is not None and golden.error(back.square, square) < golden.rounding(16, dtype=torch.float64)
    assert golden.error(back.points, points) < golden.rounding(16, dtype=torch.float64)
    moved = sight.at(sight.middle + 5, sight.axis * 2, mirrored).face()
    assert float((moved.points.mean(0) - moved.square.mean(0)).norm()) == pytest.approx(  # type: ignore[union-attr]
        2 * float((points.mean(0) - square.mean(0)).norm())
    )


def test_a_sudden_stop_is_rounded_by_less_than_half_a_frames_motion() -> None:
    places = np.minimum(np.arange(60.0), 40.0)
    assert 0.3 < np.abs(smoothed(places, MIDDLE) - places).max() < 0.5


def test_a_pan_with_noise_is_steady() -> None:
    tracks = tracks_of_pan(PHOTOS / "grace_hopper.jpg", 160, frames=22, stop=40)
    plain, smooth = steadiness(tracks, 0.0, 40), steadiness(tracks, 1.0, 40)
    # What jitters by itself falls by 4 in place and 19 in size (see above), what comes with the motion less; the first
    # and last ten frames have less to be averaged with.
    assert smooth.middle < plain.middle / 1.5 and smooth.axis < plain.axis / 2.5
    assert smooth.at_ends < 2


# People.


def test_two_who_cross_stay_themselves(editor: Editor) -> None:
    """Also where one hides the other for some frames."""
    tracks = tracks_of(editor, [frame(("ava", 164 - 8 * i, 60), ("leo", 4 + 8 * i, 30)) for i in range(20)])
    assert len(tracks.shots) == 1 and tracks.cuts == 0
    leo, ava = middles(tracks, 0), middles(tracks, 1)
    for found, first, step in ((leo, 40, 8), (ava, 200, -8)):
        there = [i for i, each in enumerate(found) if each is not None]
        assert len(there) >= 10 and there[-1] >= 18
        assert all(abs(found[i].real - first - step * i) < SIDE / 5 for i in there), found  # type: ignore[union-attr]
    assert [len(each) for each in tracks.chosen("all")].count(2) >= 8


def test_the_chosen_one_stays_whoever_else_comes(editor: Editor) -> None:
    """In some frames alone, in others with one who stands further left: not the first from the left of each frame."""
    frames = [frame(("mia", 150, 20 + i), *([("leo", 4, 40)] if i in (4, 5, 6) else [])) for i in range(9)]
    tracks = tracks_of(editor, frames)
    assert len(tracks.shots) == 1
    largest = middles(tracks, "largest")
    assert all(each is not None and abs(each.real - 186) < SIDE / 5 for each in largest)
    assert [i for i, each in enumerate(middles(tracks, 0)) if each is not None] == [4, 5, 6]
    assert middles(tracks, 1) == largest


def test_nothing_is_smoothed_across_a_cut(editor: Editor) -> None:
    first = [frame(("mia", 20 + i, 30)) for i in range(6)]
    after = [frame(("leo", 120 + i, 50), background=90) for i in range(6)]
    alone, both = tracks_of(editor, first), tracks_of(editor, first + after)
    assert (both.cuts, [shot.first for shot in both.shots]) == (1, [0, 6])
    assert middles(both, "largest", 3.0)[:6] == middles(alone, "largest", 3.0)
    # A face that jumps, on the same background.
    jumped = tracks_of(editor, first + [frame(("mia", 160, 60))] * 2)
    assert jumped.cuts == 1 and [shot.first for shot in jumped.shots] == [0, 6]


def test_a_fast_pan_is_no_cut(editor: Editor) -> None:
    rng = np.random.default_rng(0)
    wall = np.kron(rng.integers(0, 255, (4, 30, 3)), np.ones((35, 35, 1))).astype(np.float32) / 255
    frames = []
    for i in range(8):
        picture = frame(("mia", 80, 30))
        wide = torch.from_numpy(wall[None, :HIGH, 16 * i : 16 * i + WIDE].copy())
        wide[:, 30 : 30 + SIDE, 80 : 80 + SIDE] = picture[:, 30 : 30 + SIDE, 80 : 80 + SIDE]
        frames.append(wide)
    assert tracks_of(editor, frames).cuts == 0


def test_a_lost_face_is_the_same_person_again_but_nothing_is_smoothed_over_the_gap(editor: Editor) -> None:
    frames = [frame(*([] if i in (5, 6) else [("mia", 40 + 2 * i, 30)])) for i in range(12)]
    tracks = tracks_of(editor, frames)
    ((person,),) = [shot.persons for shot in tracks.shots]
    assert [each[0] for each in person.stretches()] == [0, 7] and tracks.lost == 1 and tracks.cuts == 0
    smooth = middles(tracks, 0, 3.0)
    assert smooth[5] is smooth[6] is None
    alone = tracks_of(editor, frames[:5])
    assert smooth[:5] == middles(alone, 0, 3.0)


def test_a_photographs_face_is_followed_and_cuts_are_seen() -> None:
    with Image.open(PHOTOS / "grace_hopper.jpg") as file:
        hopper = file.convert("RGB")
    with Image.open(PHOTOS / "three_oranges.jpg") as file:
        oranges = file.convert("RGB")

    def shown(picture: Image.Image, step: int) -> Tensor:
        moved = picture.transform(oranges.size, Image.Transform.AFFINE, (1, 0, -step, 0, 1, 0), fillcolor=(128,) * 3)
        return torch.from_numpy(np.asarray(moved, np.float32) / 255)[None]

    tracks = follow("faces", [*(shown(hopper, 2 * i) for i in range(5)), shown(oranges, 0), shown(oranges, 2)])
    assert tracks.cuts == 1 and [len(shot.persons) for shot in tracks.shots] == [1, 3]
    steps = np.diff([each for each in middles(tracks, "largest")[:5] if each is not None])
    assert np.abs(steps - 2).max() < 1


# Editing.


def test_batches_keep_their_order_and_faceless_frames_their_pixels(editor: Editor) -> None:
    there = [True, True, False, True, True, False, True]
    frames = torch.cat([frame(*([("mia", 20 + 4 * i, 30)] if face else [])) for i, face in enumerate(there)])
    tracks, report = follow(editor.aligner, frames.split(3)), Report()
    batches = list(edit_frames(editor, frames.split([2, 4, 1]), tracks, "purple hair", report=report))
    assert [len(each) for each in batches] == [2, 4, 1]
    edited = torch.cat(batches)
    assert [not torch.equal(a, b) for a, b in zip(edited, frames, strict=True)] == there
    assert (report.frames, report.edited, report.without_face, report.lost) == (7, 5, 2, 2)
    for i in (0, 1, 3, 4, 6):  # Each with its own face: what changed goes where the face goes.
        columns = (edited[i] != frames[i]).any(2).any(0).nonzero()
        assert 20 + 4 * i <= int(columns.min()) and int(columns.max()) <= 20 + 4 * i + SIDE
    still = torch.cat(list(edit_frames(editor, frames.split(3), tracks, "purple hair", [0.0] * 6 + [1.0])))
    assert torch.equal(still[:6], frames[:6]) and not torch.equal(still[6], frames[6])


def test_what_does_not_fit_is_said_in_words(editor: Editor) -> None:
    frames = [frame(("mia", 20, 30))] * 2
    tracks = tracks_of(editor, frames)

    def run(*given: object, **others: object) -> Callable[[], list[Tensor]]:
        return lambda: list(edit_frames(editor, *given, **others))  # type: ignore[arg-type]

    for attempt, said in (
        (run(frames, tracks, "smile", faces=5), "no face number 5: the shots of this video have at most 1 face"),
        (run(frames, tracks, "smile", faces=-1), "no face number -1"),
        (run(frames, tracks, "smile", faces="leftmost"), "'largest', 'all' or a number"),
        (run(frames, tracks, "smile", smoothing=-1), "from 0 to 10"),
        (run(frames, tracks, "smile", smoothing=float("nan")), "from 0 to 10"),
        (run(frames, tracks, "smile", [1.0] * 3), "3 strengths for 2"),
        (run(frames * 2, tracks, "smile"), "more frames than the 2"),
        (run(frames[:1], tracks, "smile"), "1 frames, and 2 were followed"),
        (run([frame()], tracks_of(editor, [frame()]), "smile"), "No face was found in the 1 frames"),
        (run(frames, tracks, ["smile", "frown"]), "one prompt"),
    ):
        with pytest.raises(InputError, match=said):
            attempt()
    with pytest.raises(InputError, match="not to 2: give them singly"):
        Tracker(None).look(torch.cat(frames))
    assert list(edit_frames(editor, [], follow(editor.aligner, []), "smile")) == []


def test_no_more_than_a_few_frames_are_held(editor: Editor) -> None:
    base = frame(("mia", 60, 30)).numpy()
    given: list[weakref.ref[np.ndarray]] = []
    made: list[weakref.ref[Tensor]] = []
    most = 0

    def alive() -> int:
        return sum(each() is not None for each in (*given, *made))

    def frames() -> Iterator[np.ndarray]:  # A tensor of an array keeps that alive.
        nonlocal most
        for _ in range(12):
            array = base.copy()
            given.append(weakref.ref(array))
            most = max(most, alive())
            yield array

    tracks = follow(editor.aligner, frames())
    for edited in edit_frames(editor, frames(), tracks, "purple hair"):
        made.append(weakref.ref(edited))
    del edited
    assert len(given) == 24 and len(made) == 12
    assert most <= 4
    numbers = len(pickle.dumps(tracks.shots[0].persons[0].sights)) / tracks.frames
    assert numbers < base.nbytes / 100
