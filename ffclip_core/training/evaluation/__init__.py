"""What a family has learned, measured on pictures that no training saw; the report is OUT/evaluation.md."""

from __future__ import annotations

from .report import evaluate
from .zero_shot import Judge, ZeroShot

__all__ = ["Judge", "ZeroShot", "evaluate"]
