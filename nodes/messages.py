"""What the nodes say: to the page, and to the log."""

from __future__ import annotations

import logging
from typing import Any

from ..ffclip_core.errors import sendable

KEY = "ffclip"
"""Under which the page finds what a node says of its run (web/messages.js shows it on the node)."""


def told(*messages: str, level: int = logging.INFO) -> dict[str, Any]:
    """Log the messages; what a node gives as ui so that the page shows them, and takes away what it said before."""
    lines = [sendable(message) for message in messages if message]
    for line in lines:
        logging.log(level, "FFCLIP: %s", line)
    try:
        from .said import keep

        keep(lines)
    except Exception as error:  # It reads ComfyUI's inside, and is for later; what is said now is shown all the same.
        logging.debug("FFCLIP: what a node said is not kept (%s: %s)", type(error).__name__, error)
    return {KEY: lines}
