"""Telling the user something that is no error."""

from __future__ import annotations

import logging


def tell_user(node_id: str | None, message: str, level: int = logging.INFO) -> None:
    """Show a message on the node, and in the log."""
    logging.log(level, "FFCLIP: %s", message)
    # Imported late: the server exists only while ComfyUI serves.
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is not None and node_id is not None:
        # The page takes this for markup, and a message may quote what a file says of itself.
        server.send_progress_text(message.replace("<", "‹"), node_id)
