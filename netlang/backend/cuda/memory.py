"""Memory of the GPU: arenas as arrays of numbers, with guards behind them on demand."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.backend.limits import OutOfMemoryError, binary_size
from netlang.record import dataclass

Array = NDArray[Any]
GUARD = 64  # bytes behind an arena
_CANARY = np.frombuffer(b"netlang canary! " * (GUARD // 16), np.uint8)


@dataclass(frozen=True, slots=True)
class DeviceArena:
    """Arrays on the GPU.

    arrays: by name, of whole vectors, a guard behind them where `guarded`; sizes: in elements, without it
    """

    arrays: Mapping[str, Any]
    sizes: Mapping[str, int]
    guarded: bool

    def part(self, name: str, offset: int, size: int) -> Any:
        """Elements of an array; they are the memory itself. offset, size: in elements"""
        return self.arrays[name][offset : offset + size]

    def whole(self, name: str) -> Any:
        """An array without its guard."""
        return self.part(name, 0, self.sizes[name])

    def damaged(self) -> list[str]:
        """The arrays behind whose ends somebody has written."""
        if not self.guarded:
            return []
        return [name for name in self.arrays if not np.array_equal(self._guard(name), _CANARY)]

    def _guard(self, name: str) -> Array:
        return np.asarray(self.arrays[name][self.sizes[name] :].copy_to_host()).view(np.uint8)

    def saved(self) -> dict[str, Array]:
        """A copy of all there is, on the host: more of the GPU's memory was not asked for."""
        return {name: array.copy_to_host() for name, array in self.arrays.items()}

    def restore(self, saved: Mapping[str, Array]) -> None:
        """Make everything what it was."""
        for name, values in saved.items():
            self.arrays[name].copy_to_device(values)


def arena(
    sizes: Mapping[str, int], dtype: Any, what: str = "this plan", *, guarded: bool = False, zero: bool = False
) -> DeviceArena:
    """Arrays of the given sizes in bytes. zero: zero at first; else they hold anything.

    Raises OutOfMemoryError before anything is taken.
    """
    from netlang.backend.cuda.imported import cuda

    item = np.dtype(dtype).itemsize
    behind = GUARD // item if guarded else 0
    elements = {name: max(size // item, GUARD // item) for name, size in sizes.items()}  # an array has to be somewhere
    refuse_beyond_memory(sum(elements.values()) * item, what)
    made = {}
    for name, count in elements.items():
        made[name] = granted(cuda.device_array, count + behind, dtype, f"{what} on the GPU")
        if zero:
            made[name].copy_to_device(np.zeros(count + behind, dtype))
        if guarded:
            made[name][count:].copy_to_device(_CANARY.view(dtype))
    return DeviceArena(made, elements, guarded)


def granted(make: Callable[[int, Any], Any], count: int, dtype: Any, what: str) -> Any:
    """An array of so many numbers, as `make` has the driver give it. Raises OutOfMemoryError where it does not."""
    try:
        return make(count, dtype)
    except Exception as error:
        if "CUDA_ERROR_OUT_OF_MEMORY" not in str(error):
            raise
        size, free = binary_size(count * np.dtype(dtype).itemsize), binary_size(int(free_memory()))
        said = f"{what}: the driver does not give {size} at once; {free} of the GPU's memory are free"
        raise OutOfMemoryError(f"{said}. Use a smaller batch.") from None


def free_memory() -> float:
    """Bytes of the GPU that are free; infinite in the simulator."""
    from netlang.backend.cuda.imported import cuda

    return float(cuda.current_context().get_memory_info().free)


def refuse_beyond_memory(size: int, what: str, free: float | None = None) -> None:
    """Raise OutOfMemoryError if `what` needs more bytes than the GPU has free."""
    available = free_memory() if free is None else free
    if size > available:
        raise OutOfMemoryError(
            f"{what} needs {binary_size(size)} of the GPU's memory, "
            f"but only {binary_size(int(available))} are free there. Use a smaller batch or smaller images."
        )
