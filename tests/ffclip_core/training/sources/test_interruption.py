"""Preparing that ends before its end: killed, out of room, stopped; the next call makes the same files as one that was
not disturbed."""

from __future__ import annotations

from pathlib import Path

import fresh
import numpy as np
import pytest
from ffclip.ffclip_core.errors import InputError
from ffclip.ffclip_core.training.sources import load, prepare
from picture_folders import picture, png, write

SIZE, COUNT = 8, 12
PREPARE = """
import os, sys
from ffclip.ffclip_core.training.sources import prepare, store
store._SECONDS = float(sys.argv[4])
def progress(done, total):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), 9)
prepare(sys.argv[1], sys.argv[2], 8, progress=progress)
"""
LIMITED = """
import resource, sys
from ffclip.ffclip_core.errors import FFCLIPError
from ffclip.ffclip_core.training.sources import prepare, store
store._SECONDS = 0
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    prepare(sys.argv[1], sys.argv[2], 8)
except FFCLIPError as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(error)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine pictures of which one is damaged, and three pairs."""
    folder = tmp_path_factory.mktemp("source")
    files = {f"{i}.png": png(picture(i)) for i in range(8)} | {f"{i}.txt": f"number {i}".encode() for i in range(8)}
    files |= {"3b.png": b"damaged"}
    for i in range(3):
        files |= {f"2p{i}.before.png": png(picture(i)), f"2p{i}.after.png": png(picture(9)), f"2p{i}.txt": b"change"}
    return write(folder, files)


@pytest.fixture(scope="module")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("out")
    data = prepare(source, out, SIZE)
    assert len(data.pictures) == 8 and len(data.before) == 3 and len(data.skipped) == 1
    return contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def finished(source: Path, out: Path, undisturbed: dict[str, bytes]) -> list[str]:
    """Prepare, compare; what was told."""
    told: list[str] = []
    with pytest.raises(InputError, match="holds no prepared pictures"):
        load(out)
    prepare(source, out, SIZE, tell=told.append)
    assert contents(out) == undisturbed
    return told


@pytest.mark.parametrize("after", [1, 4, 8, COUNT])
def test_killed_it_goes_on(source: Path, undisturbed: dict[str, bytes], tmp_path: Path, after: int) -> None:
    assert fresh.finish(PREPARE, source, tmp_path, after, 0)[0] in (-9, 137)
    assert finished(source, tmp_path, undisturbed) == [
        f"Preparing {source} goes on after {after} of {COUNT} pictures and pairs."
    ]


def test_killed_before_anything_was_safe(source: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    assert fresh.finish(PREPARE, source, tmp_path, 7, 3600)[0] in (-9, 137)
    assert finished(source, tmp_path, undisturbed) == [
        f"Preparing {source} goes on after 0 of {COUNT} pictures and pairs."
    ]


@pytest.mark.parametrize("lost", [1, 10, 150, 500, 1000])
def test_lines_that_were_not_written_to_their_end(
    source: Path, undisturbed: dict[str, bytes], tmp_path: Path, lost: int
) -> None:
    """Of the pixels there may be more than the records know."""
    write(tmp_path, undisturbed)
    records = tmp_path / "records.jsonl"
    records.write_bytes(undisturbed["records.jsonl"][:-lost])
    finished(source, tmp_path, undisturbed)


@pytest.mark.parametrize("name", ["pictures", "before", "after"])
def test_pixels_that_are_gone_are_made_anew(
    source: Path, undisturbed: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    write(tmp_path, undisturbed)
    (tmp_path / name).write_bytes(undisturbed[name][:-1])
    assert not finished(source, tmp_path, undisturbed)


@pytest.mark.parametrize("records", [b"", b"{}\n", b"[1]\n", b"\xff\xfe\n", b'{"format": 9}\n{"end": true}\n'])
def test_records_of_somebody_else(source: Path, undisturbed: dict[str, bytes], tmp_path: Path, records: bytes) -> None:
    write(tmp_path, undisturbed)
    (tmp_path / "records.jsonl").write_bytes(records)
    assert not finished(source, tmp_path, undisturbed)


def test_records_of_another_version(source: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    records = undisturbed["records.jsonl"]
    write(tmp_path, undisturbed | {"records.jsonl": records.replace(b'"format": 1', b'"format": 2', 1)})
    assert not finished(source, tmp_path, undisturbed)


@pytest.mark.parametrize("room", [0, 300, 1000])
def test_a_full_disk(source: Path, undisturbed: dict[str, bytes], tmp_path: Path, room: int) -> None:
    pytest.importorskip("resource")
    said = fresh.run(LIMITED, source, tmp_path, room)
    assert said.startswith(f"{tmp_path} can't be written to (") and said.count("\n") == 1
    assert "what is prepared stays, and the next run goes on from there." in said
    told = finished(source, tmp_path, undisturbed)
    assert bool(told) == bool(room), "it goes on where there was room for anything"


def test_stopped_it_keeps_what_is_done(source: Path, undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(source, tmp_path, SIZE, progress=stop)
    assert finished(source, tmp_path, undisturbed) == [
        f"Preparing {source} goes on after 5 of {COUNT} pictures and pairs."
    ]


def test_a_folder_that_changes_meanwhile_is_not_gone_on_with(tmp_path: Path) -> None:
    source = write(tmp_path / "x", {f"{i}.png": png(picture(i)) for i in range(6)})

    def stop(done: int, total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(source, tmp_path / "out", SIZE, progress=stop)
    (source / "0.png").write_bytes(png(picture(9, 30)))
    prepare(source, tmp_path / "out", SIZE)
    prepare(source, tmp_path / "anew", SIZE)
    assert contents(tmp_path / "out") == contents(tmp_path / "anew")


def test_a_reader_of_the_old_data_is_not_disturbed(tmp_path: Path) -> None:
    source = write(tmp_path / "x", {f"{i}.png": png(picture(i)) for i in range(6)})
    old = prepare(source, tmp_path / "out", SIZE).pictures
    kept = np.array(old)
    (source / "0.png").unlink()
    prepare(source, tmp_path / "out", SIZE)
    assert np.array_equal(old, kept)
