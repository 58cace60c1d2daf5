"""The extras of pyproject.toml."""

from __future__ import annotations

import sys

from . import PACK, ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib


def extra(*names: str) -> list[str]:
    """The packages that these extras name, those of other extras of ours left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [package for name in names for package in extras[name] if not package.startswith(PACK)]
