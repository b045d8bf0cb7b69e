"""The device to run on, and the largest batch whose training fits its memory."""

from collections.abc import Mapping
from typing import Any, Protocol

from netlang.backend.limits import OutOfMemoryError, binary_size
from netlang.diagnostics import either, error
from netlang.graph import Net
from netlang.loaded import Device
from netlang.on_cpu import Cpu
from netlang.pipeline import compile_plan

USES = ("train", "evaluate")
ROOM = 0.9  # of what is free: data, and what others take meanwhile, want some too


PRODUCTS = {"fast": "tf32", "strict": "fma", "bf16": "bf16"}  # on CUDA, by precision


def device(name: str, dtype: str, threads: int | None = None, precision: str = "fast") -> Device:
    """The device "cpu" or "cuda". Raises Problem where it is missing."""
    if name == "cpu":
        return Cpu(dtype, threads)
    from netlang.on_gpu import Gpu  # only where it is asked for: commands start sooner

    return Gpu(dtype, PRODUCTS[precision])


class Asked(Protocol):
    """What a program is compiled for, as far as the precision of its products is concerned."""

    @property
    def device(self) -> str:
        """What it runs on, "cpu" or "cuda"."""
        ...

    @property
    def training(self) -> bool:
        """Whether it will train."""
        ...

    @property
    def precision(self) -> str | None:
        """The one asked for; None if the settings of training are to say."""
        ...


def precision_for(net: Net, settings: Mapping[str, Any], asked: Asked) -> str:
    """The precision of products: the one asked for, or what the settings of training say.

    Raises NetError or ValueError for bf16 where the CPU would train: it computes in float32.
    """
    found = str(asked.precision or settings.get("precision") or "fast")
    if found not in PRODUCTS:
        raise ValueError(f"a precision is {either(tuple(PRODUCTS))}, not `{found}`")
    if found != "bf16" or asked.device == "cuda":
        return found
    if not asked.training and asked.precision is None:
        return "fast"  # what was trained on a GPU runs anywhere
    title = 'products in bf16 need `--device cuda`, in Python `device="cuda"`: the CPU computes in float32'
    if asked.precision is None and net.train.get("precision") == found and "precision" in net.written:
        raise error("bf16", title, net.written["precision"], help="leave `precision=bf16` out, or train on CUDA")
    raise ValueError(title)


def largest_batch(net: Net, on: Device, most: int, room: float | None = None, *, strict: bool = False) -> int:
    """The most examples, up to `most`, whose training step and the evaluation beside it fit the free memory.

    The planner knows to the byte what a plan takes, so nothing is tried out.
    room: bytes that may be taken; None for most of what is free on the device; strict: as `compile_plan` has it
    Raises OutOfMemoryError where not even one fits.
    """
    room = ROOM * on.free_memory() if room is None else room

    def size(batch: int) -> int:
        step, other = (compile_plan(net, purpose, on.target, batch, strict=strict).plan for purpose in USES)
        return step.size + other.beside

    if (one := size(1)) > room:
        needed = f"a training step on 1 example, and evaluation beside it, need {binary_size(one)}"
        raise OutOfMemoryError(f"{needed}, and {binary_size(int(room))} may be taken here. Use smaller images.")
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
