"""A call on examples like those before: what does not depend on them was looked up once."""

from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

from netlang.graph import Graph
from netlang.loaded import Clock, Loaded

Array = NDArray[Any]
Kind = tuple[tuple[int, ...], Any, int]  # of examples the shape and dtype, and the version of the weights


class Again(NamedTuple):
    """The call of a program for examples of a kind. run: gives the output for them"""

    kind: Kind
    run: Callable[[Array], Array]


def again(loaded: Loaded, graph: Graph, x: Array, clock: Clock, version: int) -> Again | None:
    """For examples like x, which have been evaluated; None where it would spare nothing worth while."""
    run = loaded.again(x, clock)
    if run is None:
        return None
    ((name, buffer),) = loaded.plan.outputs.items()
    of = loaded.plan.buffers[buffer], graph[graph.outputs[name]]
    made, public = (each.type.arrayed(len(x)) for each in of)
    kind = (x.shape, x.dtype, version)
    return Again(kind, run if made == public else lambda value: run(value).reshape(public))
