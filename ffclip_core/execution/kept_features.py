"""Features on the way to the last picture, for the next one to start where it begins to differ."""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import Tensor


class KeptFeatures:
    """A picture's features and RGB at two of its generator's resolutions: an eighth and half of its size.

    An edit that changes late layers alone starts from there, and the full picture after a preview starts from the
    preview; both come out exactly as from the beginning. Hand the same object to FastGenerator.forward each time, from
    one thread. It holds about 85 MB for a generator of 1024 px in float32.
    """

    def __init__(self) -> None:
        self._key: Hashable = None
        self._w: Tensor | None = None
        self._blocks: dict[int, tuple[Tensor, Tensor]] = {}

    def resume(self, key: Hashable, w: Tensor, blocks: int) -> tuple[int, Tensor, Tensor] | None:
        """The first block that has to be drawn for w [1, L, D] and the features and RGB before it; None if that is the
        beginning. Block i reads the layers up to 3 + 2i. key is equal as long as all else is."""
        if self._w is None or key != self._key or self._w.shape != w.shape:
            self._blocks.clear()
        else:
            changed = (self._w != w).any(-1)[0].tolist()
            same = [*changed, True].index(True)
            self._blocks = {i: kept for i, kept in self._blocks.items() if 3 + 2 * i < same}
        self._key, self._w = key, w.clone()
        last = max((i for i in self._blocks if i < blocks), default=None)
        return None if last is None else (last + 1, *self._blocks[last])

    def keep(self, i: int, x: Tensor, rgb: Tensor) -> None:
        """What block i gave."""
        self._blocks[i] = (x, rgb)

    def holds(self, rgb: Tensor) -> bool:
        """Whether this is what is kept, and must not be given away."""
        return any(rgb.data_ptr() == kept.data_ptr() for _, kept in self._blocks.values())

    @property
    def nbytes(self) -> int:
        tensors = [tensor for pair in self._blocks.values() for tensor in pair]
        return sum(tensor.numel() * torch.finfo(tensor.dtype).bits // 8 for tensor in tensors)
