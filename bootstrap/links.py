"""Links to folders, which need no rights on any system. Standard library only."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path


def link(target: Path, place: Path) -> None:
    """Make the folder target appear at place too: a symbolic link, on Windows a junction, which needs no rights."""
    unlink(place)
    if sys.platform == "win32":
        import _winapi

        _winapi.CreateJunction(str(target), str(place))
    else:
        place.symlink_to(target, target_is_directory=True)


def unlink(place: Path) -> None:
    """Take such a link away, never what it leads to."""
    if sys.platform == "win32":
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(place)
    else:
        place.unlink(missing_ok=True)
