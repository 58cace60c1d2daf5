"""Folders, zips and Python sources → prepared data: what comes of them, and what is said of what can't be used."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import fresh
import numpy as np
import picture_folders
import pytest
from ffclip.ffclip_core.errors import FFCLIPError, InputError
from ffclip.ffclip_core.training.sources import Data, Example, Left, Pair, load, preparation, prepare, store
from ffclip.ffclip_core.training.sources.data import _held_out
from ffclip.ffclip_core.training.sources.decoding import square
from picture_folders import FILES, packed, picture, png, write

SIZE = 8


def sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and (": " in text or "such as" in text)
    return text


def names(data: Data) -> list[str]:
    return [left.name for left in data.skipped]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "pictures")


@pytest.mark.parametrize("packing", [False, True])
def test_pictures_captions_and_pairs(tmp_path: Path, packing: bool) -> None:
    source = packed(tmp_path / "x.zip") if packing else write(tmp_path / "x")
    data = prepare(source, tmp_path / "out", SIZE)
    for found, seeds in ((data.pictures, range(4)), (data.before, [4]), (data.after, [5])):
        assert np.array_equal(found, [square(picture(seed), SIZE) for seed in seeds])
    captions = [[data.texts[i] for i in data.captions_of(row)] for row in range(4)]
    assert captions == [["a cat", "a small cat"], [], ["a cat"], ["é"]]
    assert [data.texts[i] for i in data.pair_texts(0)] == ["green hair", "hair of green"]
    assert len(set(data.texts)) == len(data.texts)
    assert data.captions_of(-1) == data.captions_of(3)
    with pytest.raises(IndexError):
        data.captions_of(4)
    assert not data.skipped and data.size == SIZE
    assert isinstance(data.pictures, np.memmap)


def test_another_process_is_given_the_folders_name_alone(folder: Path, tmp_path: Path) -> None:
    data = prepare(folder, tmp_path / "out", SIZE)
    handed = pickle.dumps(data)
    assert len(handed) < 500
    again: Data = pickle.loads(handed)
    assert np.array_equal(again.pictures, data.pictures) and again.texts == data.texts
    assert again.captions_of(0) == data.captions_of(0) and np.array_equal(again.held_out, data.held_out)


def test_what_was_prepared_is_taken_as_it_is(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(folder, tmp_path / "out", SIZE)

    def never(*_: object) -> None:
        raise AssertionError("it was decoded again")

    monkeypatch.setattr(preparation, "decoded", never)
    told: list[str] = []
    shutil.move(folder, tmp_path / "moved")
    again = prepare(tmp_path / "moved", tmp_path / "out", SIZE, tell=told.append)
    assert np.array_equal(again.pictures, first.pictures) and again.fingerprint == first.fingerprint and not told


def changed(folder: Path, how: str) -> None:
    match how:
        case "a caption":
            (folder / "a.txt").write_bytes(b"a dog\na small dog!!!\n")
        case "a picture":
            (folder / "a.png").write_bytes(png(picture(9)))
            os.utime(folder / "a.png", ns=(1, 1))
        case "one more":
            (folder / "z.png").write_bytes(png(picture(9)))
        case "one less":
            (folder / "b.PNG").unlink()
        case _:
            (folder / "b.PNG").rename(folder / "b2.png")


@pytest.mark.parametrize("how", ["a caption", "a picture", "one more", "one less", "a name"])
def test_a_changed_folder_is_prepared_anew_and_that_is_told(folder: Path, tmp_path: Path, how: str) -> None:
    before = prepare(folder, tmp_path / "out", SIZE)
    changed(folder, how)
    told: list[str] = []
    after = prepare(folder, tmp_path / "out", SIZE, tell=told.append)
    assert told == [f"{folder} is not what was prepared before: its pictures are prepared anew."]
    assert after.fingerprint != before.fingerprint
    anew = prepare(folder, tmp_path / "anew", SIZE)
    assert contents(tmp_path / "out") == contents(tmp_path / "anew")
    assert np.array_equal(after.pictures, anew.pictures)
    assert len(before.pictures) == 4, "whoever still reads the old ones"


def test_another_size_or_limit_is_prepared_anew(folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    prepare(folder, tmp_path / "out", SIZE)
    assert prepare(folder, tmp_path / "out", 5, tell=told.append).pictures.shape == (4, 5, 5, 3)
    assert len(prepare(folder, tmp_path / "out", 5, limit=2, tell=told.append).pictures) == 2
    assert len(prepare(folder, tmp_path / "out", 5, tell=told.append).pictures) == 4
    assert [line.partition("was prepared otherwise before")[2].partition(":")[0] for line in told] == [
        " (8 px)",
        " (5 px)",
        " (5 px, 2 at most)",
    ]


def test_the_first_by_name_are_taken(tmp_path: Path) -> None:
    files = {"b.png": png(picture(0)), "c.png": png(picture(1)), "a.before.png": png(picture(2))}
    files |= {"a.after.png": png(picture(3)), "a.txt": b"x"}
    data = prepare(write(tmp_path / "x", files), tmp_path / "out", SIZE, limit=2)
    assert (len(data.pictures), len(data.before)) == (1, 1)
    assert np.array_equal(data.pictures[0], square(picture(0), SIZE))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_files_are_the_same_however_many_threads_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"{i}.png": png(picture(i, 5 + i % 30)) for i in range(60)}
    source = packed(tmp_path / "x.zip", many)
    done: list[tuple[int, int | None]] = []
    for threads in (1, 7):
        monkeypatch.setattr(preparation, "cores", lambda threads=threads: threads)
        prepare(source, tmp_path / str(threads), SIZE, progress=lambda *at: done.append(at))
    assert contents(tmp_path / "1") == contents(tmp_path / "7")
    assert done == [(i, 60) for i in range(1, 61)] * 2


def test_what_can_not_be_used_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    more = {
        "bad/cut.png": FILES["a.png"][:150],
        "bad/page.jpg": b"<html>",
        "bad/kanji.png": png(picture(6)),
        "bad/kanji.txt": "髪が緑の女の子".encode("shift-jis"),
        "bad/half.before.png": png(picture(7)),
        "bad/half.txt": b"a half",
        "bad/other.after.png": png(picture(7)),
        "bad/other.txt": b"a half",
        "bad/mute.before.png": png(picture(7)),
        "bad/mute.after.png": png(picture(8)),
        "bad/blank.before.png": png(picture(7)),
        "bad/blank.after.png": png(picture(8)),
        "bad/blank.txt": b" \n",
        "bad/wide.before.png": png(picture(7)),
        "bad/wide.after.png": png(picture(7, 12, 24)),
        "bad/wide.txt": b"wider",
        "p.before.bmp": png(picture(7)),
        "lost.txt": b"of no picture",
        "long.png": png(picture(9)),
        "long.txt": b"x" * (1 << 20) + b"y",
        "notes.json": b"{}",
        "more.json": b"{}",
        ".hidden.png": png(picture(9)),
        "__MACOSX/a.png": b"resource fork",
        ".git/a.png": png(picture(9)),
    }
    write(folder, more)
    data = prepare(folder, tmp_path / "out", SIZE)
    assert (len(data.pictures), len(data.before)) == (6, 1)
    assert dict(data.skipped) | {"bad/cut.png": ""} == {
        "*.json": "of no kind of picture that is read: 2 files",
        "bad/cut.png": "",
        "bad/page.jpg": "it is no picture, or damaged",
        "bad/kanji.txt": "its bytes are in no encoding that can be told: save it as UTF-8",
        "bad/half.before.png": "the pair has no picture NAME.after",
        "bad/other.after.png": "the pair has no picture NAME.before",
        "bad/mute.before.png": "the pair has no NAME.txt that says what was changed",
        "bad/mute.after.png": "the pair has no NAME.txt that says what was changed",
        "bad/blank.before.png": "the pair has no text in bad/blank.txt",
        "bad/wide.before.png": "before has 12 × 12 px, after 24 × 12: the same part must be seen",
        "p.before.png": "p.before.bmp is there, too",
        "lost.txt": "no picture has its name",
        "long.txt": "it has more than 1048576 bytes: make it smaller",
    }
    assert dict(data.skipped)["bad/cut.png"].startswith("it can't be read (")
    assert str(data.skipped[0]) == "*.json (of no kind of picture that is read: 2 files)"
    assert load(tmp_path / "out").skipped == data.skipped


def test_a_pair_may_differ_by_the_pixels_that_editors_round(tmp_path: Path) -> None:
    files = {"p.before.png": png(picture(0, 100, 150)), "p.after.png": png(picture(1, 200, 301)), "p.txt": b"x"}
    assert len(prepare(write(tmp_path / "x", files), tmp_path / "out", SIZE).before) == 1


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="of Linux")
def test_what_the_system_does_not_give_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    (folder / "gone.png").symlink_to(tmp_path / "nothing")
    (folder / "memory.png").symlink_to("/proc/self/mem")
    os.mkfifo(folder / "pipe.png")  # To open it would wait for ever.
    (folder / "round").symlink_to(folder)
    data = prepare(folder, tmp_path / "out", SIZE)
    assert len(data.pictures) == 4
    assert dict(data.skipped) == {
        "gone.png": "it can't be read: No such file or directory",
        "memory.png": "it can't be read: Input/output error",
    }


def test_a_picture_that_may_be_read_again_is_a_change(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As chmod makes it, of which no time tells."""
    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, _: Path(path).name != "a.png")
        prepare(folder, tmp_path / "out", SIZE)
        prepare(folder, tmp_path / "out", SIZE, tell=told.append)
    assert not told
    prepare(folder, tmp_path / "out", SIZE, tell=told.append)
    assert len(told) == 1


NAMELESS = os.fsdecode(b"\xff.png")


def test_names_that_no_text_has(tmp_path: Path) -> None:
    files = {NAMELESS: b"damaged", "a\nb.png": png(picture(0))}
    try:
        source = write(tmp_path / "x", files)
    except (OSError, UnicodeError):
        pytest.skip("this system has no such names")
    data = prepare(source, tmp_path / "out", SIZE)
    assert data.skipped == (Left(NAMELESS, "it is no picture, or damaged"),) and len(data.pictures) == 1


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (None, r"There is no folder or zip file .*pictures: give"),
        ({}, r"pictures holds no pictures: give a folder or zip of PNG or JPEG files"),
        ({"a.heic": b"", "b.before.png": b""}, r"holds no pictures \(left out: \*\.heic \(.*\), …\): give"),
        ({"a.png": b"", "b.png": b"x"}, r"gives no picture .*\(left out: a\.png \(it is no picture.*\), …\): look"),
    ],
)
def test_a_folder_of_nothing(tmp_path: Path, files: dict[str, bytes] | None, told: str) -> None:
    if files is not None:
        (tmp_path / "pictures").mkdir()
        write(tmp_path / "pictures", files)
    for _ in range(2):
        with pytest.raises(InputError, match=told) as error:
            prepare(tmp_path / "pictures", tmp_path / "out", SIZE)
        sentence(error)


def test_what_can_not_be_asked_for(folder: Path, tmp_path: Path) -> None:
    asked: list[tuple[Callable[[], Any], str]] = [
        (lambda: prepare(folder / "a.png", tmp_path / "out", SIZE), "neither a folder nor a zip"),
        (lambda: prepare(folder, folder / "deep", SIZE), "lies in the folder of pictures"),
        (lambda: prepare(folder, tmp_path / "out", 0), "The size is a whole number above zero such as 128, not 0"),
        (lambda: prepare(folder, tmp_path / "out", SIZE, limit=-1), "The limit is .* not -1"),
        (lambda: load(tmp_path / "out"), "holds no prepared pictures"),
        (lambda: prepare(folder, folder / "a.png" / "out", SIZE), "lies in the folder of pictures"),
    ]
    for call, told in asked:
        with pytest.raises(InputError, match=told) as error:
            call()
        sentence(error)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_can_not_be_written_to(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FFCLIPError, match=r"can't be written to \(.*\): make room and allow writing there") as error:
        prepare(folder, tmp_path / "file" / "out", SIZE)
    sentence(error)


def test_the_room_on_the_disk_is_looked_at_first(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 6 * 3 * SIZE**2
    monkeypatch.setattr(preparation.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, needed - 1))  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setattr(preparation, "decoded", None)
    with pytest.raises(FFCLIPError, match=r"take 0\.00 GB, but the disk of .* free: make room") as error:
        prepare(folder, tmp_path / "out", SIZE)
    sentence(error)
    monkeypatch.undo()
    prepare(folder, tmp_path / "out", SIZE)


def test_two_do_not_prepare_the_same_at_once(folder: Path, tmp_path: Path) -> None:
    with store.locked(tmp_path / "out"), pytest.raises(InputError, match="Another process prepares") as error:
        prepare(folder, tmp_path / "out", SIZE)
    sentence(error)
    prepare(folder, tmp_path / "out", SIZE)


def endless(taken: list[int]) -> Iterator[Example | Pair]:
    for i in count():
        taken.append(i)
        if i % 3 == 2:
            yield Pair(before=picture(i, 9, 12), after=picture(i + 1, 9, 12), texts=("make\nit \x00so",))
        else:
            yield Example(picture=picture(i), captions=("one", " ", "two\u2028") if i % 3 else ())


def test_an_endless_python_source(tmp_path: Path) -> None:
    taken: list[int] = []
    data = prepare(endless(taken), tmp_path / "out", SIZE, limit=100)
    assert (len(data.pictures), len(data.before)) == (67, 33) and len(taken) == 100
    assert np.array_equal(data.pictures[2], square(picture(3), SIZE))
    assert np.array_equal(data.before[0], square(picture(2, 9, 12), SIZE))
    assert np.array_equal(data.after[0], square(picture(3, 9, 12), SIZE))
    assert data.texts == ["one", "two", "make it so"] and data.pair_texts(32) == (2,)
    assert data.captions_of(0) == () and data.captions_of(1) == (0, 1)
    assert data.fingerprint == ""


class Telling:
    """A source that says what it is."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint
        self.taken: list[int] = []

    def __iter__(self) -> Iterator[Example | Pair]:
        return endless(self.taken)


def test_a_python_source_is_read_again_unless_it_says_that_it_is_the_same(tmp_path: Path) -> None:
    for i in range(2):
        taken: list[int] = []
        prepare(endless(taken), tmp_path / "untold", SIZE, limit=5)
        assert len(taken) == 5, i
    told: list[str] = []
    for fingerprint, wanted in (("x", 5), ("x", 0), ("y", 5)):
        source = Telling(fingerprint)
        prepare(source, tmp_path / "told", SIZE, limit=5, tell=told.append)
        assert len(source.taken) == wanted
    assert told == ["The source is not what was prepared before: its pictures are prepared anew."]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: [picture(0)], "gives Example and Pair, not ndarray"),
        (lambda: [], "The source gives no picture"),
        (lambda: [Example(picture=picture(0)[..., 0])], r"is uint8 \[height, width, 3\], not uint8 \[12, 12\]"),
        (lambda: [Example(picture=picture(0) / 255)], "not float64"),
        (lambda: [Example(picture=picture(0)[:0])], r"not uint8 \[0, 12, 3\]"),
        (lambda: [Example(picture=[0])], "a NumPy array, not list"),  # pyright: ignore[reportArgumentType]
        (lambda: [Example(picture=picture(0), captions="a cat")], r"such as \('a cat',\), not 'a cat'"),  # pyright: ignore[reportArgumentType]
        (lambda: [Pair(before=picture(0), after=picture(0, 9), texts=("x",))], "give both the same size"),
        (lambda: [Pair(before=picture(0), after=picture(1), texts=())], "are empty: give at least one text"),
        (lambda: [Pair(before=picture(0), after=picture(1), texts=(" ",))], "are blank: give at least one text"),
    ],
)
def test_a_python_source_of_something_else(tmp_path: Path, make: Callable[[], Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        prepare(make(), tmp_path / "out", SIZE)
    sentence(error)


def test_what_a_python_source_raises_is_raised(tmp_path: Path) -> None:
    def broken() -> Iterator[Example]:
        yield Example(picture=picture(0))
        raise OSError("the camera is gone")

    with pytest.raises(OSError, match="the camera is gone"):
        prepare(broken(), tmp_path / "out", SIZE)


@pytest.mark.parametrize(("different", "held"), [(0, 0), (1, 0), (2, 1), (29, 1), (31, 2), (1000, 50), (20_000, 512)])
def test_how_many_are_kept_for_evaluation(different: int, held: int) -> None:
    digests = np.random.default_rng(0).integers(0, 2**63, different, np.uint64)
    mask = _held_out(digests)  # pyright: ignore[reportArgumentType]
    assert mask.sum() == held
    twice = _held_out(np.concatenate([digests, digests[::-1]]))  # pyright: ignore[reportArgumentType]
    assert np.array_equal(twice, np.concatenate([mask, mask[::-1]])), "copies are on the same side"
    if different > 1:
        more = _held_out(np.concatenate([digests, digests[: different // 2] + np.uint64(1)]))  # pyright: ignore[reportArgumentType]
        assert (more[:different] & mask).sum() >= held // 2, "most stay where they are"


def test_held_out_and_training_are_all(tmp_path: Path) -> None:
    files = {f"{i}.png": png(picture(i)) for i in range(40)} | {"copy.png": png(picture(3))}
    pairs = {f"p{i}.{half}.png": png(picture(i)) for i in range(4) for half in ("before", "after")}
    texts = {f"p{i}.txt": b"x" for i in range(4)}
    data = prepare(write(tmp_path / "x", files | pairs | texts), tmp_path / "out", SIZE)
    assert len(data.held_out) in (2, 3) and len(data.held_out_pairs) == 1
    for held, others, rows in ((data.held_out, data.training, 41), (data.held_out_pairs, data.training_pairs, 4)):
        assert sorted([*held, *others]) == list(range(rows))
    larger = prepare(tmp_path / "x", tmp_path / "larger", 11)
    assert np.array_equal(larger.held_out, data.held_out), "the same at any size"


def test_edits_of_one_picture_are_on_the_same_side(tmp_path: Path) -> None:
    files = {f"{i}.txt": b"x" for i in range(4)}
    for i in range(4):
        files |= {f"{i}.before.png": png(picture(i // 2)), f"{i}.after.png": png(picture(10 + i))}
    data = prepare(write(tmp_path / "x", files), tmp_path / "out", SIZE)
    assert data.held_out_pairs.tolist() in ([0, 1], [2, 3])


MEMORY = """
import sys
from pathlib import Path
import memory
import numpy as np
from ffclip.ffclip_core.training.sources import prepare
few, many, out, size = *map(Path, sys.argv[1:4]), int(sys.argv[4])
prepare(few, out / "few", size)
before = memory.now()
data = prepare(many, out / "many", size)
print(memory.peak() - before, data.pictures.nbytes)
"""


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    one = png(picture(0, 2, 2))
    few, many = ({f"{i:05}.png": one for i in range(number)} for number in (200, 4000))
    paths = packed(tmp_path / "few.zip", few), packed(tmp_path / "many.zip", many)
    grown, pixels = map(int, fresh.run(MEMORY, *paths, tmp_path, 96, cwd=picture_folders.TESTS).split())
    assert pixels == 4000 * 3 * 96**2
    # What stays of each picture is its name, its place in the zip and some numbers: about 2 kB.
    assert grown < pixels / 5
