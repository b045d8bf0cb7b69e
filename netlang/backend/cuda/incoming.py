"""The way of examples to the GPU: through page-locked memory and on a stream of their own, while a step runs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.backend.cuda import launches
from netlang.backend.cuda.memory import granted
from netlang.graph import NodeId

Array = NDArray[Any]


class Incoming:
    """Memory for one batch that comes.

    places: on the GPU, flat, by input; stream: on which they are read
    The host waits only where the batch before has not left its own memory, and the copies only where the GPU has not
    taken that batch yet.
    """

    def __init__(self, places: Mapping[NodeId, Any], stream: Any) -> None:
        from netlang.backend.cuda.imported import cuda

        self._places, self._stream, self._copies = places, stream, launches.copying()
        self._copied, self._taken = cuda.event(), cuda.event()
        self._pinned: dict[NodeId, Array] = {}
        self._last: object = None

    def bring(self, values: Mapping[NodeId, Any], put: Callable[[NodeId, Any], None]) -> Callable[[], None]:
        """Send examples on their way. Called, what is returned hands them to `put`, as soon as they are there.

        values: by input; those on the GPU stay where they are
        """
        there = self._sent(values)
        mark = self._last = object()

        def arrived() -> None:
            found = there if self._last is mark else self._sent(values)  # others may have come in between
            self._copied.wait(self._stream)
            for name, value in found.items():
                put(name, value)
            self._taken.record(self._stream)

        return arrived

    def _sent(self, values: Mapping[NodeId, Any]) -> dict[NodeId, Any]:
        self._copied.synchronize()
        self._taken.wait(self._copies)
        found = {
            name: self._copy(name, value) if isinstance(value, np.ndarray) else value for name, value in values.items()
        }
        self._copied.record(self._copies)
        return found

    def _copy(self, name: NodeId, value: Array) -> Any:
        """An array on its way to the GPU, in the numbers of the program."""
        from netlang.backend.cuda.imported import cuda

        place = self._places[name]
        if name not in self._pinned:
            what = f"page-locked memory for `{name}`"
            self._pinned[name] = granted(cuda.pinned_array, place.size, place.dtype, what)
        host = self._pinned[name][: value.size]
        np.copyto(host.reshape(value.shape), value, casting="unsafe")
        there = place[: value.size]
        there.copy_to_device(host, self._copies)
        return there
