"""A browser that the tests can drive: found, or installed where that is possible without asking."""

from __future__ import annotations

import os
import shutil
import subprocess  # noqa: S404
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge"]


def find() -> str | None:
    """The program of a Chromium, Chrome or Edge, if there is one; FFCLIP_BROWSER names another."""
    if named := os.environ.get("FFCLIP_BROWSER"):
        return named
    for name in NAMES:
        if found := shutil.which(name):
            return found
    places = [Path("/Applications") / f"{name}.app/Contents/MacOS/{name}" for name in ("Chromium", "Google Chrome")]
    places.append(Path("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"))
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        if folder := os.environ.get(variable):
            places.append(Path(folder) / "Google/Chrome/Application/chrome.exe")
            places.append(Path(folder) / "Microsoft/Edge/Application/msedge.exe")
    return next((str(place) for place in places if place.is_file()), None)


def install() -> str | None:
    """Install Debian's Chromium where that is possible without asking: as root, with apt."""
    apt = shutil.which("apt-get")
    if apt and hasattr(os, "geteuid") and os.geteuid() == 0:
        print("Installing Chromium for the browser tests …", flush=True)
        variables = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run([apt, *command], env=variables, stdout=subprocess.DEVNULL)
    return find()
