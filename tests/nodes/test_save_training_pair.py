"""Save Training Pair: what it writes, what it refuses, and that nothing is lost or overwritten."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ffclip.ffclip_core.errors import FFCLIPError, InputError
from ffclip.ffclip_core.training.sources import prepare, saving
from ffclip.ffclip_core.training.sources.saving import save_pair
from PIL import Image

NODE = "FFCLIPSaveTrainingPair"


@pytest.fixture
def output(nodes: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import folder_paths

    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path / "output"))
    return tmp_path / "output"


@pytest.fixture
def save(nodes: dict, output: Path) -> Callable[..., Any]:
    """The node's whole result, with these inputs in place of good ones."""

    def execute(**inputs: Any) -> Any:
        given = {"before": pictures(0), "after": pictures(1), "text": "green hair", "folder": "ffclip/pairs"} | inputs
        with torch.inference_mode():
            return nodes[NODE].EXECUTE_NORMALIZED(**given)

    return execute


def pictures(seed: int, count: int = 1, height: int = 6, width: int = 9, channels: int = 3) -> torch.Tensor:
    """Of whole 255ths."""
    values = np.random.default_rng(seed).integers(0, 256, (count, height, width, channels))
    return torch.from_numpy(values.astype(np.float32) / np.float32(255))


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


def names(*numbers: int, prefix: str = "pair") -> list[str]:
    return sorted(f"{prefix}_{n:05}{end}" for n in numbers for end in (".before.png", ".after.png", ".txt"))


def test_a_pair_is_three_files_that_training_reads(save: Callable, output: Path, tmp_path: Path) -> None:
    result = save(text=" green hair \n\nhair of grün\n")
    place = output / "ffclip" / "pairs"
    assert written(output) == names(1)
    assert (place / "pair_00001.txt").read_bytes() == "green hair\nhair of grün\n".encode()
    for half, seed in (("before", 0), ("after", 1)):
        pixels = np.asarray(Image.open(place / f"pair_00001.{half}.png"))
        assert np.array_equal(pixels, (pictures(seed)[0] * 255).round().numpy())
    assert result.result == (str(place),)
    assert result.ui["ffclip"] == [f"1 pair in {place}: pair_00001, 'green hair'"]
    assert result.ui["images"] == [
        {"filename": f"pair_00001.{half}.png", "subfolder": "ffclip/pairs", "type": "output"}
        for half in ("before", "after")
    ]
    data = prepare(place, tmp_path / "data", 6)
    assert data.before.shape == (1, 6, 6, 3) and data.texts == ["green hair", "hair of grün"]


def test_batches_pair_up_and_numbers_go_on(save: Callable, output: Path) -> None:
    assert "3 pairs in" in save(before=pictures(0, 3), after=pictures(1, 3)).ui["ffclip"][0]
    assert "pair_00004 to pair_00005" in save(before=pictures(0), after=pictures(1, 2)).ui["ffclip"][0]
    save(before=pictures(0, 2), after=pictures(1))
    assert written(output) == names(*range(1, 8))
    first = np.asarray(Image.open(output / "ffclip/pairs/pair_00005.after.png"))
    assert np.array_equal(first, (pictures(1, 2)[1] * 255).round().numpy())
    save(prefix="other")
    save(folder="elsewhere", prefix=None)
    assert written(output / "ffclip") == sorted(names(*range(1, 8)) + names(1, prefix="other"))
    assert written(output / "elsewhere") == names(1)


@pytest.mark.parametrize("there", ["pair_00007.before.png", "pair_00007.after.png", "pair_00007.txt", "PAIR_00007.jpg"])
def test_nothing_is_overwritten(save: Callable, output: Path, there: str) -> None:
    place = output / "ffclip" / "pairs"
    place.mkdir(parents=True)
    (place / there).write_text("mine")
    save()
    assert written(output) == sorted([there, *names(8)])
    assert (place / there).read_text() == "mine"


@pytest.mark.parametrize("taken", range(3))
def test_a_name_that_is_taken_meanwhile_is_left_to_who_took_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """As if another ComfyUI had written it since the folder was looked at."""
    theirs = tmp_path / names(1)[taken]
    theirs.write_text("theirs")
    monkeypatch.setattr(saving, "_last", lambda *_: 0)
    picture = np.zeros((2, 2, 3), np.uint8)
    assert save_pair(tmp_path, "pair", picture, picture, ["x"]) == "pair_00002"
    assert written(tmp_path) == sorted([theirs.name, *names(2)])
    assert theirs.read_text() == "theirs"


def test_many_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    def work(value: int) -> None:
        picture = np.full((2, 2, 3), value, np.uint8)
        for _ in range(10):
            save_pair(tmp_path, "pair", picture, picture + 100, [str(value)])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = written(tmp_path)
    assert len(files) == 180 and len([name for name in files if name.endswith(".txt")]) == 60
    for text in tmp_path.glob("*.txt"):
        value = int(text.read_text())
        for half, more in ((".before.png", 0), (".after.png", 100)):
            assert (np.asarray(Image.open(text.with_suffix(half))) == value + more).all()


def failing(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The disk is full after so many files got their names."""
    replace, calls = os.replace, []

    def filling(*paths: Any) -> None:
        calls.append(paths)
        if len(calls) > after:
            raise OSError(28, "No space left on device")
        replace(*paths)

    monkeypatch.setattr(saving.os, "replace", filling)


@pytest.mark.parametrize("after", range(3))
def test_all_three_or_none(save: Callable, output: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    with monkeypatch.context() as patch:
        failing(patch, after)
        with pytest.raises(FFCLIPError, match=r"can't be written to \(No space left on device\): choose another"):
            save()
    assert written(output) == []
    save()
    assert written(output) == names(1)


def test_a_disk_that_fills_up_in_a_batch(save: Callable, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, after=8)
    with pytest.raises(FFCLIPError, match=r"^After 2 of 4 pairs: .* can't be written to \(No space") as error:
        save(before=pictures(0, 4), after=pictures(1, 4))
    assert "\n" not in str(error.value)
    assert written(output) == names(1, 2)


def test_values_beyond_the_range_and_transparency(save: Callable, output: Path) -> None:
    bright = torch.tensor([-1.0, 0.5, 7.0, float("inf")]).expand(1, 2, 3, 4)
    save(before=bright, after=pictures(2, height=2, width=3, channels=1).double())
    place = output / "ffclip" / "pairs"
    assert np.asarray(Image.open(place / "pair_00001.before.png"))[0, 0].tolist() == [0, 128, 255, 255]
    after = Image.open(place / "pair_00001.after.png")
    assert after.mode == "L"
    assert np.array_equal(np.asarray(after), (pictures(2, height=2, width=3, channels=1)[0, ..., 0] * 255).round())


@pytest.mark.parametrize(
    "text",
    [
        "a\x00b",
        "half \ud83d emoji",
        "👩‍👧",
        "../../x\\y\n\u2028z",
        "quote \" and '",
        "x" * 100_000,
        "<script>alert(1)</script>",
    ],
)
def test_the_text_may_hold_anything(save: Callable, output: Path, text: str) -> None:
    said = save(text=text).ui["ffclip"][0]
    assert len(said) < 400 and "\n" not in said
    lines = (output / "ffclip/pairs/pair_00001.txt").read_text("utf-8").splitlines()
    assert lines and all(lines)
    said.encode()


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"text": ""}, "The text is empty: write what asks for the edit"),
        ({"text": " \n\t"}, "The text is empty"),
        ({"text": None}, "The text is empty"),
        ({"text": 5}, "The text is text such as 'green hair', not 5"),
        ({"after": pictures(1, 1, 9, 6)}, "before has 9 × 6 px, the one after 6 × 9 px: make both the same size"),
        ({"before": pictures(0, 2), "after": pictures(1, 3)}, "2 pictures before and 3 after are no pairs"),
        ({"before": pictures(0)[:0]}, "The batch holds 0 pictures"),
        ({"after": pictures(0) * float("nan")}, r"The picture after has values that are no numbers \(NaN\)"),
        ({"before": "x"}, "Pictures are given as a tensor"),
        ({"folder": "../x"}, "The folder '../x' leaves ComfyUI's output folder: give a name such as"),
        ({"folder": "a/../../x"}, "leaves ComfyUI's output folder"),
        ({"folder": "/tmp"}, "leaves ComfyUI's output folder"),
        ({"folder": "a\x00b"}, "There can be no folder"),
        ({"folder": "x" * 300}, r"can't be written to \("),
        ({"folder": 7}, "A folder is a name such as 'ffclip/pairs', not 7"),
        ({"prefix": ""}, "A prefix is the beginning of a file's name"),
        ({"prefix": "a/b"}, "The prefix 'a/b' has the letter /"),
        ({"prefix": "..\\x"}, "A prefix is the beginning"),
        ({"prefix": ".hidden"}, "A prefix is the beginning"),
        ({"prefix": "a\nb"}, "A prefix is the beginning"),
        ({"prefix": "x" * 101}, "A prefix is the beginning"),
        ({"prefix": 3}, "A prefix is text such as 'pair', not 3"),
    ],
)
def test_what_is_refused(save: Callable, output: Path, inputs: dict[str, Any], told: str) -> None:
    with pytest.raises(FFCLIPError, match=told) as error:
        save(**inputs)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
    assert written(output.parent) == []


def test_the_output_folder_itself_and_a_whole_path_in_it(save: Callable, output: Path) -> None:
    save(folder="")
    save(folder=str(output / "in"))
    save(folder=None)
    assert written(output) == sorted(names(1) * 3)
    assert written(output / "ffclip" / "pairs") == written(output / "in") == names(1)


def test_a_folder_that_is_a_file(save: Callable, output: Path) -> None:
    output.mkdir()
    (output / "file").touch()
    with pytest.raises(FFCLIPError, match=r"can't be written to \(.*\): choose another folder"):
        save(folder="file/x")
    with pytest.raises(InputError, match="leaves"):
        save(folder="file/../../x")
