"""One piece of memory for all buffers of a plan, aligned to cache lines, with guards between them on demand."""

from collections.abc import Mapping
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from netlang.backend.limits import refuse_beyond_memory
from netlang.primitives.launch import ROW
from netlang.record import dataclass

LINE = 64  # bytes: a cache line, and a vector of 16 float32
_CANARY = np.frombuffer(b"netlang canary! " * (LINE // 16), np.uint8)


def aligned(size: int, to: int = LINE) -> int:
    """A size in bytes, up to whole lines, or other parts."""
    return -(-size // to) * to


@dataclass(frozen=True, slots=True)
class Arena:
    """Buffers in one allocation.

    addresses: where each buffer starts, a multiple of 256 bytes, of 64 if they are guarded
    guards:    offsets of the canaries in `memory` by the buffer in front of them; empty when they are not wanted
    """

    memory: NDArray[np.uint8]
    addresses: dict[str, int]
    sizes: dict[str, int]
    guards: dict[str, int] = field(default_factory=dict)

    def view(self, buffer: str, dtype: str = "float32") -> NDArray[np.generic]:
        """A buffer as an array of one axis that shares its memory."""
        start = self.addresses[buffer] - self.memory.ctypes.data
        return self.memory[start : start + self.sizes[buffer]].view(dtype)

    def damaged(self) -> list[str]:
        """The buffers behind whose ends somebody has written; "" stands for what is in front of the first one."""
        return [name for name, at in self.guards.items() if not np.array_equal(self.memory[at : at + LINE], _CANARY)]

    def saved(self) -> NDArray[np.uint8]:
        """A copy of all there is."""
        return self.memory.copy()

    def restore(self, saved: NDArray[np.uint8]) -> None:
        """Make everything what it was."""
        self.memory[:] = saved

    def poison(self, dtype: str = "float32") -> None:
        """Fill all buffers with NaN, so that what is read before it was written shows itself."""
        for buffer in self.addresses:
            self.view(buffer, dtype)[:] = np.nan


def arena(sizes: Mapping[str, int], guarded: bool = False, what: str = "this plan") -> Arena:
    """Memory for buffers of the given sizes in bytes, zero at first.

    guarded: a canary of 64 bytes in front of the first buffer and right behind each. Buffers whose size is no whole
        number of lines are followed by it at once; the next one starts at the next line, without guards the next row.

    Raises OutOfMemoryError before anything is taken.
    """
    offset = LINE if guarded else 0
    starts: dict[str, int] = {}
    guards = {"": 0} if guarded else {}
    for name, size in sizes.items():
        starts[name] = offset
        if guarded:
            guards[name] = offset + size
        offset = aligned(offset + size + LINE) if guarded else aligned(offset + size, ROW)
    refuse_beyond_memory(offset, what)
    raw = np.zeros(offset + ROW, np.uint8)
    memory = raw[-raw.ctypes.data % ROW :][:offset]
    for at in guards.values():
        memory[at : at + LINE] = _CANARY
    addresses = {name: memory.ctypes.data + start for name, start in starts.items()}
    return Arena(memory, addresses, dict(sizes), guards)
