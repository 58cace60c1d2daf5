"""Compiling kernels.cu by NVRTC, and keeping what was compiled."""

from __future__ import annotations

import os
from pathlib import Path

import fresh
import pytest
from ffclip.cuda_ops import compiler
from ffclip.cuda_ops.errors import KernelError
from ffclip.cuda_ops.kernels import NAMES
from safetensors import _safetensors_rust  # pyright: ignore


@pytest.fixture(scope="module")
def nvrtc() -> compiler.Nvrtc:
    if not list(compiler._libraries()):
        pytest.skip("this PyTorch came without NVRTC")
    return compiler.nvrtc()


class FakeNvrtc:
    """A compiler that counts."""

    version = "1.0"

    def __init__(self) -> None:
        self.count = 0

    def target(self, architecture: int) -> str:
        return f"sm_{architecture}"

    def compile(self, source: str, target: str) -> bytes:
        self.count += 1
        return f"{target} {len(source)}".encode()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeNvrtc:
    fake = FakeNvrtc()
    monkeypatch.setattr(compiler, "nvrtc", lambda: fake)
    monkeypatch.setattr(compiler, "cache_folder", lambda: tmp_path / "kernels")
    return fake


# The oldest, the first that computes in bfloat16, the newest: the source is the same for all.
@pytest.mark.parametrize("architecture", [75, 80, 120])
def test_every_kernel_compiles(architecture: int, nvrtc: compiler.Nvrtc) -> None:
    if architecture > nvrtc.architectures[-1]:
        pytest.skip(f"NVRTC {nvrtc.version} is older than sm_{architecture}")
    image = nvrtc.compile(compiler.SOURCE.read_text(encoding="utf-8"), f"sm_{architecture}")
    assert image.startswith(b"\x7fELF")
    assert all(b"\0" + name.encode() + b"\0" in image for name in NAMES)


def test_a_gpu_newer_than_the_compiler_gets_portable_code(nvrtc: compiler.Nvrtc) -> None:
    newest = nvrtc.architectures[-1]
    assert nvrtc.target(newest) == f"sm_{newest}"
    target = nvrtc.target(newest + 10)
    assert target == f"compute_{newest}"
    image = nvrtc.compile('extern "C" __global__ void one(float* x) { *x = 1; }', target)
    assert b".entry one(" in image and image.endswith(b"\0")


def test_a_gpu_older_than_the_compiler_is_refused(nvrtc: compiler.Nvrtc) -> None:
    with pytest.raises(KernelError, match="knows no GPU as old as sm_20"):
        nvrtc.target(20)


def test_the_compilers_log_is_in_the_error(nvrtc: compiler.Nvrtc) -> None:
    with pytest.raises(KernelError, match="nonsense"):
        nvrtc.compile("nonsense", nvrtc.target(nvrtc.architectures[0]))


def test_a_library_that_is_no_compiler_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "libnvrtc.so.1"
    broken.write_bytes(b"no library")
    compiler.nvrtc.cache_clear()
    try:
        for paths, reason in (([broken], "does not load"), ([], "came without NVRTC")):
            monkeypatch.setattr(compiler, "_libraries", lambda paths=paths: iter(paths))
            with pytest.raises(KernelError, match=reason):
                compiler.nvrtc()
    finally:
        compiler.nvrtc.cache_clear()
    with pytest.raises(KernelError, match="has no nvrtcVersion"):
        compiler.Nvrtc(Path(_safetensors_rust.__file__))


def test_it_compiles_once_for_each_architecture(fake: FakeNvrtc, caplog: pytest.LogCaptureFixture) -> None:
    first = compiler.build(90)
    assert compiler.build(90) == first and compiler.build(90)[1] == "1.0" and fake.count == 1
    assert compiler.build(80) != first and fake.count == 2
    fake.version = "2.0"
    compiler.build(90)
    assert fake.count == 3 and not caplog.records


def test_changed_kernels_are_compiled_again(fake: FakeNvrtc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = compiler.build(90)
    changed = tmp_path / "kernels.cu"
    changed.write_text("changed", encoding="utf-8")
    monkeypatch.setattr(compiler, "SOURCE", changed)
    assert compiler.build(90) != before and fake.count == 2


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"", lambda content: content + b"x"])
def test_a_damaged_file_is_compiled_again(
    damage: object, fake: FakeNvrtc, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = compiler.build(90)
    (path,) = (tmp_path / "kernels").iterdir()
    path.write_bytes(damage(path.read_bytes()))  # pyright: ignore
    assert compiler.build(90) == first and fake.count == 2
    assert len(caplog.records) == 1 and "damaged" in caplog.text
    assert compiler.build(90) == first and fake.count == 2


def test_a_cache_that_cannot_be_written_costs_one_line(
    fake: FakeNvrtc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(compiler, "cache_folder", lambda: tmp_path / "file" / "kernels")
    assert compiler.build(90)[1] == "1.0" and len(caplog.records) == 1

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError("read-only")

    caplog.clear()
    monkeypatch.setattr(compiler, "cache_folder", lambda: tmp_path / "kernels")
    monkeypatch.setattr(os, "replace", refuse)
    assert compiler.build(90)[1] == "1.0"
    assert [record.getMessage() for record in caplog.records] == ["The compiled kernels cannot be kept: read-only"]
    assert not list((tmp_path / "kernels").iterdir())


def test_a_user_without_a_home_costs_one_line(
    fake: FakeNvrtc, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(compiler, "cache_folder", homeless)
    assert compiler.build(90)[1] == "1.0" and len(caplog.records) == 1


# Two processes where they can be forked.
BUILD = """
import hashlib, os, sys
os.environ[sys.argv[1]] = sys.argv[2]
from ffclip.cuda_ops.compiler import build
other = os.fork() if hasattr(os, "fork") else 0
print(hashlib.sha256(build(75)[0]).hexdigest(), flush=True)
if other:
    assert os.waitpid(other, 0)[1] == 0
"""


@pytest.mark.slow
def test_two_processes_may_fill_the_cache_at_once(nvrtc: compiler.Nvrtc, tmp_path: Path) -> None:
    base = "LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME"
    printed = fresh.run(BUILD, base, tmp_path).split()
    assert len(printed) == 1 + hasattr(os, "fork") and len(set(printed)) == 1 and len(printed[0]) == 64
    (path,) = (tmp_path / "ffclip-comfyui" / "kernels").iterdir()
    assert path.name.endswith(f"-sm_75-nvrtc{nvrtc.version}.bin")
