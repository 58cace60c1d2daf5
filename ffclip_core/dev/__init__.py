"""What drives a real ComfyUI: the demo, the page, the tests. run.py starts it inside the environment that it makes.

command_line, environment and links need the standard library only: run.py takes them before there is an environment.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / "workflows"
PACK = "ffclip"


class RunError(Exception):
    """Something the user should know, in one sentence."""
