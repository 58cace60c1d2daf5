"""Zip files from anybody: damaged, encrypted, with names that lead elsewhere, unpacking to more than there is room."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import pytest
from ffclip.ffclip_core.errors import InputError
from ffclip.ffclip_core.training.sources import containers, prepare
from picture_folders import FILES, packed, picture, png

SIZE = 8


def test_names_that_lead_elsewhere_lead_nowhere(tmp_path: Path) -> None:
    one = png(picture(0))
    names = ["../up.png", "/etc/x.png", "C:\\x\\y.png", "a/../../../b.png", "\\\\host\\z.png", "__MACOSX/._a.png"]
    (tmp_path / "in").mkdir()
    source = packed(tmp_path / "in" / "x.zip", dict.fromkeys(names, one))
    before = {path for path in tmp_path.rglob("*")}
    data = prepare(source, tmp_path / "out", SIZE)
    assert len(data.pictures) == 5 and not data.skipped
    made = {path.relative_to(tmp_path).as_posix() for path in {*tmp_path.rglob("*")} - before}
    assert made == {"out", "out/lock", "out/records.jsonl", "out/pictures", "out/before", "out/after"}


def test_of_two_files_of_one_name_the_later_counts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a.png", b"damaged")
        archive.writestr("a.png", png(picture(0)))
    assert len(prepare(tmp_path / "x.zip", tmp_path / "out", SIZE).pictures) == 1


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = packed(tmp_path / "x.zip", {f"{i}.bmp": bytes(1 << 20) for i in range(4)})
    monkeypatch.setattr(containers, "_ALWAYS", 1 << 22)
    assert source.stat().st_size * 200 < 1 << 22
    with pytest.raises(InputError, match="gives no picture"):  # It is not large enough to be one.
        prepare(source, tmp_path / "out", SIZE)
    monkeypatch.setattr(containers, "_ALWAYS", (1 << 22) - 1)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(InputError, match="would unpack to 4194304, but no pictures are packed so tightly: if"):
        prepare(source, tmp_path / "out", SIZE)


def patched(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """The entry of this name in the directory at the end, its field at the offset changed."""
    at = data.rindex(name) - 46 + offset
    assert data[data.rindex(name) - 46 :].startswith(b"PK\x01\x02")
    return data[:at] + value + data[at + len(value) :]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


TWO = zipped({"good.png": png(picture(0)), "evil.png": png(picture(1))})
EVIL = {
    "claims less": patched(TWO, b"evil.png", 24, (99).to_bytes(4, "little")),
    "claims more than is read": patched(TWO, b"evil.png", 24, (1 << 29).to_bytes(4, "little")),
    "another checksum": patched(TWO, b"evil.png", 16, bytes(4)),
    "encrypted": patched(TWO, b"evil.png", 8, b"\1\0"),
    "an unknown packing": patched(TWO, b"evil.png", 10, b"\x62\0"),
    "where there is nothing": patched(TWO, b"evil.png", 42, (1 << 30).to_bytes(4, "little")),
    "another name inside": TWO.replace(b"evil.png", b"xxxx.png", 1),
    "in the other's place": patched(TWO, b"evil.png", 42, bytes(4)),
}


@pytest.mark.parametrize("how", EVIL)
def test_a_damaged_or_hostile_file_is_left_out_alone(tmp_path: Path, how: str) -> None:
    (tmp_path / "x.zip").write_bytes(EVIL[how])
    data = prepare(tmp_path / "x.zip", tmp_path / "out", SIZE)
    assert len(data.pictures) == 1
    assert [left.name for left in data.skipped] == ["evil.png"]
    assert how != "encrypted" or data.skipped[0].reason == "it is encrypted: pack it without a password"


@pytest.mark.parametrize("data", [zipped(FILES)[:-30], b"PK\5\6" + bytes(18) + b"x", b"PK\3\4junk"])
def test_a_damaged_zip(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(InputError, match=r"x\.zip (is neither a folder nor a zip|holds no pictures)"):
        prepare(tmp_path / "x.zip", tmp_path / "out", SIZE)
