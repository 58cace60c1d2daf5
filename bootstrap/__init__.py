"""What run.py needs before there is an environment: the standard library only.

A room of its own beside run.py, where Python finds it without being told.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACK = "ffclip"


class RunError(Exception):
    """Something the user should know, in one sentence."""
