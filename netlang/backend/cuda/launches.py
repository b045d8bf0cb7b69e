"""Launches of a plan made ready for the GPU, and run in order on one stream."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
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

        prepare()
        function = function_of(draft)
        if simulated():
            function = simulator.adapted(function)
        _KERNELS[text] = cuda.jit(signature(draft))(function)
    return _KERNELS[text]


def prepare() -> None:
    """Prepare the process: the simulator; or that Numba does not warn of every launch too small to fill a GPU."""
    if simulated():
        simulator.ready()
        return
    from numba.cuda.core import config

    config.CUDA_LOW_OCCUPANCY_WARNINGS = 0


def bound(draft: Draft, *where: Any) -> list[Ready]:
    """A launch, and what follows it, with their arguments. where: as `_bound` takes it"""
    return [_bound(draft, *where), *(bound(draft.then, *where) if draft.then else [])]


def _bound(draft: Draft, buffers: Mapping[str, Any], control: tuple[Any, Any], scratch: Any, stream: Any) -> Ready:
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


class Queue:
    """The launches of a segment, in order on one stream.

    All arguments of a launch stay the same, so what was run once is recorded as one CUDA graph when it comes again, and
    from then on the whole segment costs one call. The first run loads whatever the driver loads late, which may not
    happen while it records. The simulator has no graphs.
    """

    def __init__(self, launches: Sequence[list[Ready]], stream: Any) -> None:
        self.launches, self.stream = launches, stream
        self.ran = False
        self.graph: Any = None

    def run(self) -> None:
        """Put them all on the stream."""
        if not self.launches:
            return
        if simulated():
            self.run_alone(range(len(self.launches)))
            return
        if self.ran and self.graph is None:
            self.graph = self._recorded()
        if self.graph is None:
            self.run_alone(range(len(self.launches)))
            self.ran = True
        else:
            self.graph.launch(_core(self.stream))

    def run_alone(self, which: Iterable[int]) -> None:
        """Put some of them on the stream, each by a call of its own."""
        with simulator.quiet() if simulated() else nullcontext():
            for k in which:
                for ready in self.launches[k]:
                    ready()

    def _recorded(self) -> Any:
        """The launches as a graph, ready to be launched."""
        builder = _core(self.stream).create_graph_builder()
        builder.begin_building()
        try:
            self.run_alone(range(len(self.launches)))
        finally:
            builder.end_building()
        graph = builder.complete()
        builder.close()
        return graph


def _core(stream: Any) -> Any:
    """Numba's stream as the one of `cuda.core`, which records graphs."""
    from cuda.core import Stream

    return Stream.from_handle(int(stream.handle))


@cache
def stream() -> Any:
    """The stream of this process, on which every program's launches stand in line."""
    from numba import cuda

    return cuda.stream()
