"""What drives a real ComfyUI: the demo, the page, the tests. run.py starts it inside the environment that it makes."""

from __future__ import annotations

from ...bootstrap import PACK, ROOT, RunError

WORKFLOWS = ROOT / "workflows"

__all__ = ["PACK", "ROOT", "WORKFLOWS", "RunError"]
