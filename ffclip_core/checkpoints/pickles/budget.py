"""How much memory, and with it time, a file may ask for beside its tensors' numbers."""

from __future__ import annotations

from ...errors import CheckpointError

_LEAST, _MOST, _PER_BYTE = 128 << 20, 1 << 30, 16
# What things take in memory, at most. An instruction costs time as well.
INSTRUCTION, CONTAINER, ENTRY, OBJECT = 32, 64, 64, 320


class Budget:
    """How much memory a file may still ask for, in bytes, over all pickles in it. Time is bounded with it, since every
    instruction is charged.

    A list of a million losses takes about 35 MB of it, one of as many NumPy numbers about 400 MB, as does a file of
    25 MB that holds nothing else.
    """

    def __init__(self, size: int = 0) -> None:
        """size: of the file, in bytes."""
        self.whole = self.left = min(_LEAST + _PER_BYTE * size, _MOST)
        self.nested = 0

    def charge(self, work: int) -> None:
        self.left -= work
        if self.left < 0:
            raise CheckpointError(
                f"is no model file: what stands beside its weights would take more than {self.whole >> 20} MB of memory"
            )
