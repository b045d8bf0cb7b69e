"""Launches of a plan made ready for the GPU, and run in order on one stream."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from netlang.backend.cuda import simulator
from netlang.backend.cuda.ptx import function_of, signature
from netlang.backend.cuda.target import simulated
from netlang.primitives.launch import Address, Draft

Ready = Callable[[], None]
_KERNELS: dict[str, Any] = {}


def compiled(draft: Draft) -> Any:
    """The kernel of a launch, loaded. Equal texts are compiled once."""
    text = draft.kernel.text
    if text not in _KERNELS:
        from numba import cuda

        function = function_of(draft)
        if simulated():
            simulator.ready()
            function = simulator.adapted(function)
        _KERNELS[text] = cuda.jit(signature(draft))(function)
    return _KERNELS[text]


def bound(draft: Draft, buffers: Mapping[str, Any], control: tuple[Any, Any], scratch: Any, stream: Any) -> Ready:
    """A launch with its arguments: called, it puts its kernel on the stream.

    buffers: arrays on the GPU, by id; control: the arrays `team` and `rate`
    """
    kernel = compiled(draft)
    arguments = [buffers[a.buffer] if isinstance(a, Address) else a for a in draft.args]
    arguments += [scratch] if draft.scratch[1] else []
    blocks, threads = draft.grid
    if simulated():
        blocks = min(blocks, simulator.BLOCKS)

    def launch() -> None:
        kernel[blocks, threads, stream](*control, *arguments)

    return launch


def run(launches: Iterable[Ready]) -> None:
    """Put launches on their stream, in order."""
    if not simulated():
        for launch in launches:
            launch()
        return
    with simulator.quiet():
        for launch in launches:
            launch()


@cache
def stream() -> Any:
    """The stream of this process, on which every program's launches stand in line."""
    from numba import cuda

    return cuda.stream()
