"""Imports point one way, and the core stands alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "cuda_ops": {"torch"},
    "ffclip_core": {"torch", "open_clip", "numpy", "PIL", "safetensors", "einops"},
}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_the_core_imports_neither_comfyui_nor_nodes(room: str) -> None:
    files = [path for path in (ROOT / room).rglob("*.py") if "training" not in path.relative_to(ROOT).parts]
    assert files
    for path in files:
        depth = len(path.relative_to(ROOT).parts) - 1
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level <= depth or (node.module or "").startswith("cuda_ops"), f"{path}: {ast.unparse(node)}"
                continue
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                top = (name or "").partition(".")[0]
                assert top in MAY_IMPORT[room] | sys.stdlib_module_names, f"{path} imports {name}"


def test_importing_the_core_loads_nothing_that_only_training_needs() -> None:
    code = "import sys, ffclip.ffclip_core; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"dicebear", "resvg_py", "comfy", "comfy_api"} & set(done.stdout.split())
