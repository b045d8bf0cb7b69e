"""Runs a graph of primitives in slow NumPy: the referee of every compiled program."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from netlang.graph import Graph, Input, NodeId, State
from netlang.layer import Kept, Weight
from netlang.primitives.map.op import Update
from netlang.primitives.reference import Run, reference, updated

Array = np.ndarray[Any, Any]
DTYPES = {"f32": np.float32, "f64": np.float64}
Stored = Callable[[NodeId, Array], Array]


def as_it_is(node: NodeId, value: Array) -> Array:
    """Nothing becomes of it."""
    return value


def interpret(
    graph: Graph, feeds: Mapping[NodeId, Array], run: Run | None = None, stored: Stored = as_it_is
) -> dict[NodeId, Array]:
    """The value of every node, each in its own float type.

    feeds: inputs, weights and states by the ids of their nodes; states not given are zero, kept tensors as they start
    run: the step the program is in; by default the first, with as many examples as the inputs have
    stored: what becomes of a node's value where it is kept for its readers
    """
    if run is None:
        inputs = [feeds[node.id] for node in graph.made_by(Input)]
        run = Run(examples=len(inputs[0]) if inputs else 1)
    values: dict[NodeId, Array] = {}
    for node in graph:
        if isinstance(node.made_by, Input | Weight | State | Kept):
            given = feeds.get(node.id) if isinstance(node.made_by, State | Kept) else feeds[node.id]
            shape = node.type.arrayed(run.examples)
            start = node.made_by.start if isinstance(node.made_by, Kept) else 0.0
            value = np.full(shape, start) if given is None else np.asarray(given)
            assert value.shape == shape, f"{node.id} is {node.type}, and was fed {value.shape}"
            values[node.id] = value.astype(DTYPES[node.type.dtype])
        else:
            value = reference(node.made_by, tuple(values[i] for i in node.inputs), node.type, run)
            values[node.id] = stored(node.id, value)
    return values


def stepped(graph: Graph, values: Mapping[NodeId, Array], run: Run) -> dict[NodeId, Array]:
    """The weights and states after the updates of a graph, by the ids of their nodes. values: from `interpret`."""
    after: dict[NodeId, Array] = {}
    for node in graph.made_by(Update):
        inputs = tuple(values[i] for i in node.inputs)
        new = updated(node.made_by, inputs, run)
        after.update(zip((node.inputs[0], *node.inputs[node.made_by.states_from :]), new, strict=True))
    return after
