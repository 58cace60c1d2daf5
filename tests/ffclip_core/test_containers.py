"""Archives as people have them, checksums, models in several files, and files that are no models, each named."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import hostile
import layouts
import numpy as np
import pytest
import torch
from ffclip.ffclip_core import CheckpointError, load_generator
from ffclip.ffclip_core.checkpoints import files, stored
from safetensors.torch import save, save_file


def content(**more: Any) -> dict[str, Any]:
    generator = hostile.generator()
    return {"g_ema": layouts.g_ema(generator), "latent_avg": generator.latent_avg, **more}


def reads(path: Path) -> None:
    found, expected = load_generator(path).state_dict(), hostile.generator().state_dict()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def sentence(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_generator(path)
    message = str(caught.value)
    assert message.startswith(path.name) and message.isprintable() and message.endswith(".") and len(message) < 600
    return message


def repacked(path: Path, root: str, method: int, extra: dict[str, bytes] | None = None) -> None:
    """The same archive in another folder, perhaps compressed, as programs for archives write it."""
    with zipfile.ZipFile(path) as old:
        entries = [(name.partition("/")[2], old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(path, "w", method) as new:
        for name, data in [*entries, *(extra or {}).items()]:
            new.writestr(root + name if name not in (extra or {}) else name, data)


@pytest.mark.parametrize("root", ["", "g/", "my..model/", "a/b/c/", "mein modell (1)/", "a\\b\\"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_packed_again(root: str, method: int, tmp_path: Path) -> None:
    torch.save(content(), tmp_path / "g.pt")
    repacked(tmp_path / "g.pt", root, method, {"__MACOSX/g/data.pkl": b"x", "notes.txt": b"x"})
    reads(tmp_path / "g.pt")


def test_an_archive_of_more_than_32_bits(tmp_path: Path) -> None:
    torch.save(content(), tmp_path / "g.pt")
    with zipfile.ZipFile(tmp_path / "g.pt") as old, zipfile.ZipFile(tmp_path / "big.pt", "w") as new:
        for name in old.namelist():
            with new.open(name, "w", force_zip64=True) as target:
                target.write(old.read(name))
    reads(tmp_path / "big.pt")


@pytest.mark.skipif(not hasattr(torch.serialization, "set_crc32_options"), reason="this torch computes all checksums")
@pytest.mark.parametrize("computed", [True, False])
def test_checksums_that_torch_did_not_compute(computed: bool, tmp_path: Path) -> None:
    """set_crc32_options(False) leaves zeros in their place, and skip_data in that of the numbers'."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(computed)
    try:
        torch.save(content(), tmp_path / "g.pt")
    finally:
        torch.serialization.set_crc32_options(before)
    reads(tmp_path / "g.pt")
    flip(tmp_path / "g.pt", "data/3")
    if computed:
        assert "do not fit the checksum" in sentence(tmp_path / "g.pt")
    else:
        load_generator(tmp_path / "g.pt")


def flip(path: Path, ending: str, at: int = 5) -> None:
    """Change one bit of the last byte but `at` of an entry."""
    with zipfile.ZipFile(path) as archive:
        entry = next(entry for entry in archive.infolist() if entry.filename.endswith(ending))
    data = bytearray(path.read_bytes())
    header = entry.header_offset
    place = header + 30 + sum(struct.unpack("<HH", data[header + 26 : header + 30])) + entry.compress_size - at
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("entry", ["data/0", "data/7", "data.pkl"])
def test_numbers_that_changed_on_the_way(entry: str, method: int, tmp_path: Path) -> None:
    torch.save(content(), tmp_path / "g.pt")
    repacked(tmp_path / "g.pt", "g/", method)
    flip(tmp_path / "g.pt", entry)
    assert "is damaged" in sentence(tmp_path / "g.pt")


@pytest.mark.parametrize("part", [0.2, 0.9])
def test_packed_numbers_that_unpack_to_too_few(part: float, tmp_path: Path) -> None:
    """A changed bit can end them early: the file is whole for all that, so it is not called incomplete."""
    entry = stored.Entry(tmp_path / "x", 0, 100_000, 1, 0)
    machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = machine.compress(bytes(int(100_000 * part))) + machine.flush()
    for packed in (data, data[:-3]):
        entry.path.write_bytes(packed)
        entry.packed = len(packed)
        with pytest.raises(CheckpointError, match="is damaged: its archive can't be unpacked"):
            entry.read()
    entry.packed += 10
    with pytest.raises(CheckpointError, match="is incomplete"):
        entry.read()


def test_numbers_that_changed_in_a_part_that_no_tensor_shows(tmp_path: Path) -> None:
    """The checksum is of all of an entry: views of it are checked too, whichever is read first."""
    whole = torch.arange(3_000_000.0)
    torch.save({"a": whole[:10], "b": whole[-10:], "c": whole[500:600]}, tmp_path / "x.pt")
    found = files.read_file(tmp_path / "x.pt").tree
    for key, part in (("c", whole[500:600]), ("a", whole[:10]), ("b", whole[-10:])):
        assert torch.equal(found[key].read(), part)
    flip(tmp_path / "x.pt", "data/0", at=5_000_000)
    with pytest.raises(CheckpointError, match="checksum"):
        files.read_file(tmp_path / "x.pt").tree["b"].read()


def test_a_view_of_a_compressed_entry(tmp_path: Path) -> None:
    whole = torch.arange(1_000_000.0)
    torch.save({"a": whole[400_000:400_010], "b": whole[-10:], "all": whole}, tmp_path / "x.pt")
    repacked(tmp_path / "x.pt", "x/", zipfile.ZIP_DEFLATED)
    found = files.read_file(tmp_path / "x.pt").tree
    for _ in range(2):  # Checked, and checked already.
        assert torch.equal(found["a"].read(), whole[400_000:400_010])
        assert torch.equal(found["b"].read(), whole[-10:])
    assert torch.equal(found["all"].read(), whole)


SHARDS = {"g-00001-of-00002.safetensors": 0, "g-00002-of-00002.safetensors": 1}


def sharded(folder: Path, index: str | None, ending: str = "safetensors") -> list[Path]:
    """A generator in two files, as Hugging Face's libraries write them."""
    generator = hostile.generator()
    state = {**layouts.g_ema(generator), "latent_avg": generator.latent_avg}
    names = sorted(state)
    halves = [{key: state[key].contiguous().clone() for key in names[i::2]} for i in range(2)]
    found = [folder / f"g-0000{i + 1}-of-00002.{ending}" for i in range(2)]
    for path, half in zip(found, halves, strict=True):
        if ending == "safetensors":
            save_file(half, path, {"format": "pt"})
        else:
            torch.save(half, path)
    if index:
        weights = {key: found[i].name for i in range(2) for key in halves[i]}
        (folder / index).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weights}))
        found.append(folder / index)
    return found


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
@pytest.mark.parametrize("indexed", [True, False])
def test_a_model_in_several_files(ending: str, indexed: bool, tmp_path: Path) -> None:
    for path in sharded(tmp_path, f"g.{ending}.index.json" if indexed else None, ending):
        reads(path)


@pytest.mark.parametrize("indexed", [True, False])
def test_a_shard_that_is_missing_is_named(indexed: bool, tmp_path: Path) -> None:
    first, second, *index = sharded(tmp_path, "g.safetensors.index.json" if indexed else None)
    second.unlink()
    for path in (first, *index):
        assert "'g-00002-of-00002.safetensors' is missing" in sentence(path)
    second.write_bytes(b"<html>")
    assert "needs g-00002-of-00002.safetensors, which is a web page" in sentence(first)
    save_file({"x": torch.zeros(1)}, second)
    if indexed:
        assert "is incomplete: " in sentence(first)


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a/b", "..", "c:x", "a\\b", ""])
def test_an_index_that_leads_elsewhere(name: str, tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"a": name}}))
    assert "outside of its folder" in sentence(path)


def test_numbers_of_kinds_that_are_not_needed(tmp_path: Path) -> None:
    """A .safetensors with a tensor of a kind of tomorrow; float64, float16, bfloat16 and float8 are read."""
    generator = hostile.generator()
    state = {**layouts.g_ema(generator), "latent_avg": generator.latent_avg}
    for kind in (torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn):
        cast = {key: value.to(torch.float64).contiguous().clone() for key, value in state.items()}
        save_file({**cast, "input.input": state["input.input"].to(kind)}, tmp_path / "g")
        found = load_generator(tmp_path / "g").state_dict()
        assert torch.equal(found["input.input"], state["input.input"].to(kind).float())
    data = save({"x": torch.zeros(8)})
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["y"] = {"dtype": "F4", "shape": [4], "data_offsets": [32, 34]}
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :] + b"\0\0")
    found = files.read_file(tmp_path / "x").tree
    assert torch.equal(found["x"].read(), torch.zeros(8))
    with pytest.raises(CheckpointError, match="unknown kind F4"):
        found["y"].read()


def tar(data: bytes, kind: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=kind) as archive:
        entry = tarfile.TarInfo("model.pt")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def old_tar(data: bytes) -> bytes:
    """As tar wrote it before it had a mark: told by its own checksum alone."""
    head = bytearray(tar(data, tarfile.USTAR_FORMAT))
    head[257:512] = bytes(255)
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:512]))
    return bytes(head)


def zipped(**entries: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return file.getvalue()


def written(write: Callable[[IO[bytes]], Any]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def scikit() -> bytes:
    kind = type("RandomForest", (), {})
    with layouts.named(sklearn__ensemble___forest__RandomForest=kind):
        return pickle.dumps(kind(), 4)


MODEL = save({"a": torch.zeros(100)})
FOREIGN: dict[str, tuple[bytes, str]] = {
    ".rar": (b"Rar!\x1a\x07\x01\x00" + bytes(90), "is a .rar archive: unpack it"),
    ".7z": (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(90), "is a .7z archive: unpack it"),
    ".gz": (gzip.compress(MODEL), "is a .gz archive: unpack it"),
    ".tar.gz": (gzip.compress(tar(MODEL)), "is a .gz archive of a .tar archive: unpack it"),
    ".tar.bz2": (bz2.compress(tar(MODEL)), "is a .bz2 archive of a .tar archive"),
    ".tar.xz": (lzma.compress(tar(MODEL)), "is an .xz archive of a .tar archive"),
    ".gz, cut": (gzip.compress(MODEL)[:20], "is a .gz archive"),
    ".zst": (b"\x28\xb5\x2f\xfd" + bytes(90), "is a .zst archive: unpack it"),
    ".tar": (tar(MODEL), "is a .tar archive: unpack it"),
    ".tar, ustar": (tar(MODEL, tarfile.USTAR_FORMAT), "is a .tar archive"),
    ".tar, old": (old_tar(MODEL), "is a .tar archive"),
    "zip of a model": (zipped(ffhq_dot_pt=MODEL), "is a zip archive that holds 'ffhq.pt': unpack it"),
    "zip of models": (zipped(a__x_dot_pth=MODEL, b_dot_bin=MODEL), "that holds 'a/x.pth' and 1 more"),
    "zip of else": (zipped(readme_dot_txt=b"x"), "is a zip archive, but no model file (it holds 'readme.txt')"),
    ".npz": (written(lambda file: np.savez(file, a=np.zeros(3))), "is an archive of NumPy arrays (.npz)"),
    ".npy": (written(lambda file: np.save(file, np.zeros(3))), "is an array of NumPy (.npy)"),
    "JSON error": (b'{"error": "Invalid credentials in Authorization header"}', "'Invalid credentials in Auth"),
    "JSON message": (b'{\n "message": "Not Found"}', "is an answer of a server, not the model: 'Not Found'"),
    "JSON settings": (b'{"size": 256}', "is a text (JSON), such as a model's settings"),
    "Entry not found": (b"Entry not found", "is an answer of a server, not the model: 'Entry not found'"),
    "Repository not found": (b"Repository not found\n", "is an answer of a server"),
    "Invalid username": (b"Invalid username or password.", "is an answer of a server"),
    "404": (b"404: Not Found", "is an answer of a server, not the model: '404: Not Found'"),
    "XML": (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "in XML, not the model: 'NoSuchKey'"),
    "XML, bare": (b"<Error><Code>AccessDenied</Code></Error>", "'AccessDenied'"),
    "page": (b"\n<!DOCTYPE html><html></html>", "is a web page"),
    "fragment": (b'<div class="error">Sign in</div>', "is a web page"),
    "fragment in a text": (b"Virus scan: <a href='x'>download anyway</a>", "is a web page"),
    "text": (b"# StyleGAN2\nA generator." * 9, "is a text, not a model (it begins with '# StyleGAN2"),
    "text, UTF-16": ("# Größe".encode("utf-16"), "is a text, not a model"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs pointer"),
    "ONNX": (b"\x08\x07\x12\x07pytorch\x1a\x051.9.0" + bytes(90), "is a model of ONNX"),
    "GGUF": (b"GGUF\x03\x00\x00\x00" + bytes(90), "is a model of llama.cpp"),
    "TFLite": (b"\x1c\x00\x00\x00TFL3" + bytes(90), "is a model of TensorFlow Lite"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(90), "is a file of HDF5"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(90), "is a picture (PNG)"),
    "JPEG": (b"\xff\xd8\xff\xe0" + bytes(90), "is a picture (JPEG)"),
    "PDF": (b"%PDF-1.7" + bytes(90), "is a PDF document"),
    "program": (b"MZ\x90\x00" + bytes(90), "is a program for Windows"),
    "program, Linux": (b"\x7fELF" + bytes(90), "is a program for Linux"),
    "scikit-learn": (scikit(), "holds an object of scikit-learn ('sklearn.ensemble._forest.RandomForest')"),
    "pickled array": (pickle.dumps(np.zeros(3), 4), "is a pickled array of NumPy"),
    "empty": (b"", "is empty"),
    "zeros": (bytes(10_000), "begins with nothing but zeros"),
    "safetensors, cut": (MODEL[:-9], "is incomplete"),
    "safetensors, cut in its header": (MODEL[:30], "is incomplete: it ends within its header"),
    "safetensors, too long": (MODEL + b"xyz", "has 3 bytes more than its header describes"),
    "safetensors of an error": (struct.pack("<Q", 22) + b'{"error":"not found"} ', "('error: not found')"),
    "zip, cut": (hostile.archive(b"\x80\x02}.", {"0": bytes(99)})[:-40], "is incomplete, or damaged"),
    "pickle, cut": (pickle.dumps({"g_ema": [1.0] * 99}, 4)[:-9], "is incomplete"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_model_is_named(name: str, tmp_path: Path) -> None:
    data, says = FOREIGN[name]
    (tmp_path / "model.pt").write_bytes(data)
    assert says in sentence(tmp_path / "model.pt")


@pytest.mark.parametrize("fault", [errno.EIO, errno.EACCES, errno.ENOMEM, None])
def test_a_fault_of_the_machine_is_no_damage(
    fault: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(content(), tmp_path / "g.pt")

    def fail(*_: object) -> None:
        raise OSError(fault, "the fault") if fault else MemoryError

    monkeypatch.setattr(stored, "_fill", fail)
    told = {errno.EIO: "look at the disk", errno.EACCES: "look at its permissions"}.get(
        fault or 0, "does not fit in memory"
    )
    message = sentence(tmp_path / "g.pt")
    assert told in message and "damaged" not in message


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory", "does not fit in memory"),
        ("MPS backend out of memory (MPS allocated: 5.00 GB)", "does not fit in memory"),
        ("unsupported memory format option", "is damaged"),
        ("the storage was not allocated", "is damaged"),
    ],
)
def test_what_pytorch_says_of_full_memory_is_no_damage(
    error: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no exception of its own for it, and a machine's memory can't be filled here."""
    torch.save(content(), tmp_path / "g.pt")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(error)

    monkeypatch.setattr(torch, "empty_like", fail)  # Where the weights get their room.
    assert says in sentence(tmp_path / "g.pt")
