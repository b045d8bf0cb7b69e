"""Launches of a plan made ready for the GPU, and run in order on one stream."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cache
from typing import Any

from netlang.backend.cuda import kernels, simulator
from netlang.backend.cuda.ptx import Typed, typed
from netlang.backend.cuda.target import simulated
from netlang.primitives.launch import Address, Draft

Ready = Callable[[], None]


def bound(draft: Draft, *where: Any) -> list[Ready]:
    """A launch, and what follows it, with their arguments. where: as `_bound` takes it"""
    return [_bound(draft, *where), *(bound(draft.then, *where) if draft.then else [])]


def _bound(draft: Draft, buffers: Mapping[str, Any], control: tuple[Any, Any], scratch: Any, stream: Any) -> Ready:
    """A launch with its arguments: called, it puts its kernel on the stream.

    buffers: arrays on the GPU, by id; control: the arrays `team` and `rate`
    """
    arguments = [*control, *(buffers[a.buffer] if isinstance(a, Address) else a for a in draft.args)]
    arguments += [scratch] if draft.scratch[1] else []
    return ready(typed(draft), draft.grid, arguments, stream, together=draft.together)


def ready(
    kernel: Typed, grid: tuple[int, int], arguments: Sequence[Any], stream: Any, *, together: bool = False
) -> Ready:
    """A kernel with its arguments, arrays on the GPU and integers: called, it is put on the stream.

    together: whether all blocks have to be there at once (`Draft`)
    """
    if simulated():
        return simulator.ready(kernel, grid, arguments, together=together)
    loaded, words, core = kernels.loaded(kernel), kernels.flat(arguments), _core(stream)
    return lambda: kernels.launch(loaded, grid, core, words, together=together)


class GraphWarning(UserWarning):
    """A segment cannot be recorded as a CUDA graph, and why: it is launched kernel by kernel."""


class Queue:
    """The launches of a segment, in order on one stream.

    All arguments of a launch stay the same, so what was run once is recorded as one CUDA graph when it comes again, and
    from then on the whole segment costs one call. The first run loads whatever the driver loads late, which may not
    happen while it records. What the driver refuses to record goes on as it began. The simulator has no graphs.
    """

    def __init__(self, launches: Sequence[list[Ready]], stream: Any) -> None:
        self.launches, self.stream = launches, stream
        self.runs = 0
        self.graph: Any = None

    def run(self) -> None:
        """Put them all on the stream."""
        if not self.launches:
            return
        if self.graph is not None:
            self.graph.launch(_core(self.stream))
        elif simulated() or self.runs != 1 or not self._recorded():
            self.run_alone(range(len(self.launches)))
        self.runs += 1

    def run_alone(self, which: Iterable[int]) -> None:
        """Put some of them on the stream, each by a call of its own."""
        with simulator.Quiet() if simulated() else nullcontext():
            for k in which:
                for ready in self.launches[k]:
                    ready()

    def _recorded(self) -> bool:
        """Whether the launches could be recorded, and put on the stream as a graph; else none was."""
        try:
            graph = self._graph()
            graph.launch(_core(self.stream))
        except Exception as error:  # what is wrong beyond recording, the launches themselves will tell
            _tell_once(str(error))
            return False
        self.graph = graph
        return True

    def _graph(self) -> Any:
        """The launches as a graph, ready to be launched."""
        builder = _core(self.stream).create_graph_builder()
        builder.begin_building()
        try:
            self.run_alone(range(len(self.launches)))
        except BaseException:
            with suppress(Exception):  # the stream has to leave off recording
                builder.end_building()
            raise
        builder.end_building()
        graph = builder.complete()
        builder.close()
        return graph


_told: set[str] = set()


def _tell_once(reason: str) -> None:
    if not _told:
        _told.add(reason)
        said = f"kernels are launched one by one, as they cannot be recorded as a CUDA graph here: {reason}"
        warnings.warn(said, GraphWarning, stacklevel=2)


@cache
def _core(stream: Any) -> Any:
    """Numba's stream as the one of `cuda.core`, which launches and records."""
    from cuda.core import Stream

    return Stream.from_handle(int(stream.handle))


@cache
def stream() -> Any:
    """The stream of this process, on which every program's launches stand in line."""
    from netlang.backend.cuda.imported import cuda

    return cuda.stream()


@cache
def copying() -> Any:
    """The stream on which examples come while launches run."""
    from netlang.backend.cuda.imported import cuda

    return cuda.stream()
