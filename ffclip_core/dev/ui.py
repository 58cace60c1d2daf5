"""ComfyUI in the browser, with the workflow loaded, until Ctrl+C."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from ...bootstrap.environment import cache_folder
from . import PACK
from .comfyui import Server


def ui(comfyui: Path, open_browser: bool) -> int:
    base = cache_folder() / "ui"
    with Server(comfyui, base) as server:
        # Otherwise a first start shows ComfyUI's own choice of templates over the workflow.
        server.post("/settings", {"Comfy.TutorialCompleted": True})
        address = f"{server.address}/?template=edit-by-text&source={PACK}"
        print(f"ComfyUI is at {address}\nPictures are saved in {base / 'output'}. Ctrl+C ends it.", flush=True)
        if open_browser:
            webbrowser.open(address)
        server.wait()
    return 0
