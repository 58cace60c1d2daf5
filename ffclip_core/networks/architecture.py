"""What a network is made by: its hyper-parameters, which a file's header stores as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The base of the networks' hyper-parameters: keyword-only, never changed after."""

    LATER: ClassVar[tuple[str, ...]] = ()
    """What came after the first files: written only where it differs from its default, which these files mean."""

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON can hold them, in their order."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {
            name: _plain(value)
            for name, (value, default) in values.items()
            if name not in self.LATER or value != default
        }


def channels_to(size: int, channels: Mapping[int, int]) -> dict[int, int]:
    """Those of the resolutions from 4 px to size; raises ValueError for a size that is none of these."""
    if size < 8 or size & (size - 1):
        raise ValueError(f"the size is a power of two from 8 on, not {size}")
    return {2**i: channels[2**i] for i in range(2, size.bit_length())}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    return list(value) if isinstance(value, (tuple, list)) else value
