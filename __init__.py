"""FFCLIP for ComfyUI: edit pictures from free text, one model for every text.

ComfyUI loads this folder as a node pack; Python programs import it as ``ffclip`` and use ``ffclip.ffclip_core``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comfy_api.latest import ComfyExtension

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> ComfyExtension:
    """Give ComfyUI the nodes; they are imported here because only ComfyUI has what they import."""
    from .nodes import FFCLIPExtension

    return FFCLIPExtension()
