"""Imports point one way, and the core stands alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import fresh
import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "cuda_ops": {"torch"},
    "ffclip_core": {"torch", "open_clip", "numpy", "PIL", "safetensors", "einops"},
}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_the_core_imports_neither_comfyui_nor_nodes(room: str) -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / room).rglob("*.py")]
    files = [path for path in files if path.parts[1] not in ("training", "dev")]
    assert files
    for path in files:
        depth = len(path.parts) - 1
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert not {"training", "dev"} & set((node.module or "").split(".")), f"{path}: {ast.unparse(node)}"
                assert node.level <= depth or (node.module or "").startswith("cuda_ops"), f"{path}: {ast.unparse(node)}"
                continue
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                top = (name or "").partition(".")[0]
                assert top in MAY_IMPORT[room] | sys.stdlib_module_names, f"{path} imports {name}"


FLOORS = [
    {"nodes"},
    {"ffclip_core.dev", "ffclip_core.training"},
    {"ffclip_core.benchmark"},
    {"ffclip_core"},
    {"ffclip_core.editor"},
    {"ffclip_core.faces", "ffclip_core.refinement"},
    {"ffclip_core.tuned_weights"},
    {"ffclip_core.families"},
    {"ffclip_core.checkpoints"},
    {"ffclip_core.execution"},
    {"ffclip_core.networks"},
    {
        "ffclip_core.alignment_picture",
        "ffclip_core.editing",
        "ffclip_core.known_words",
        "ffclip_core.perceptual",
        "ffclip_core.pictures",
    },
    {"ffclip_core.finite", "ffclip_core.ordinary"},
    {"ffclip_core.errors"},
    {"cuda_ops"},
    {"bootstrap"},
]
"""From the top down: a file imports from its own room or from lower floors."""
ROOMS = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room_of(module: str) -> str:
    """The longest of ROOMS that the module lies in."""
    parts = module.split(".")
    return next(name for i in range(len(parts), 0, -1) if (name := ".".join(parts[:i])) in ROOMS)


def imported(path: Path) -> set[str]:
    """The pack's modules that a file imports, wherever in it."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    package = module.removesuffix(".__init__").split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            name = ".".join(part for part in base if part)
            inside = {".".join(part for part in (name, alias.name) if part) for alias in node.names}
            modules = {each for each in inside if (ROOT / each.replace(".", "/")).with_suffix(".py").exists()}
            modules |= {each for each in inside if (ROOT / each.replace(".", "/") / "__init__.py").exists()}
            found |= modules or {name}
    return found


FILES = [
    path for room in ("bootstrap", "nodes", "ffclip_core", "cuda_ops") for path in sorted((ROOT / room).rglob("*.py"))
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_down_the_house(path: Path) -> None:
    own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    for module in imported(path):
        room = room_of(module)
        assert room == own or ROOMS[own] < ROOMS[room], f"{own} imports {module}"
        assert room != "bootstrap" or own in ("bootstrap", "ffclip_core.dev"), f"{own} imports {module}"
        assert own != "nodes" or room != "cuda_ops", "nodes reach the operators through the core"


def test_no_circle_of_imports() -> None:
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in FILES}
    graph = {name: (imported(path) & names.keys()) - {name} for name, path in names.items()}
    while leaves := {name for name, uses in graph.items() if not uses & graph.keys()}:
        graph = {name: uses for name, uses in graph.items() if name not in leaves}
    assert not graph, f"these import each other, or from those that do: {sorted(graph)}"


def test_importing_the_core_loads_nothing_that_only_training_needs() -> None:
    code = "import sys, ffclip.ffclip_core; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    training = {"dicebear", "resvg_py", "tensorboard", "pydantic"}
    assert not (training | {"comfy", "comfy_api", "aiohttp"}) & set(fresh.run(code).split())
