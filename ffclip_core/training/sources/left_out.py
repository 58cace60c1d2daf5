"""What is not trained on, and why: one damaged picture is no reason to stop, but is named."""

from __future__ import annotations

from typing import NamedTuple


class Left(NamedTuple):
    """A file that was left out, by its name in the folder or zip, and the reason, a clause such as "it is empty"."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"


class LeftOutError(Exception):
    """Raised where a file can't be used; its message is the reason."""
