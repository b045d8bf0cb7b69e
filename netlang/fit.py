"""The device to run on, and the largest batch whose training fits its memory."""

from netlang.backend.limits import OutOfMemoryError, gibibytes
from netlang.graph import Net
from netlang.loaded import Device
from netlang.on_cpu import Cpu
from netlang.on_gpu import Gpu
from netlang.pipeline import compile_plan

ROOM = 0.9  # of what is free: data, and what others take meanwhile, want some too


def device(name: str, dtype: str, threads: int | None = None) -> Device:
    """The device "cpu" or "cuda". Raises Problem where it is missing."""
    return Gpu(dtype) if name == "cuda" else Cpu(dtype, threads)


def largest_batch(net: Net, on: Device, most: int, room: float | None = None) -> int:
    """The most examples, up to `most`, whose training step and the evaluation beside it fit the free memory.

    The planner knows to the byte what a plan takes, so nothing is tried out.
    room: bytes that may be taken; None for most of what is free on the device
    Raises OutOfMemoryError where not even one fits.
    """
    room = ROOM * on.free_memory() if room is None else room

    def size(batch: int) -> int:
        step, other = (compile_plan(net, purpose, on.target, batch).plan for purpose in ("train", "evaluate"))
        return step.size + other.beside

    if (one := size(1)) > room:
        needed = f"a training step on 1 example, and evaluation beside it, need {gibibytes(one)}"
        raise OutOfMemoryError(f"{needed}, and {gibibytes(int(room))} may be taken here. Use smaller images.")
    fits, above = 1, most + 1
    guess = most
    while above - fits > 1:
        if (taken := size(guess)) <= room:
            fits = guess
        else:
            above = guess
        each = max((taken - one) / max(guess - 1, 1), 1.0)  # sizes grow in a line, but for whole vectors and layouts
        guess = min(max(int(min(1 + (room - one) / each, most)), fits + 1), above - 1)
    return fits
