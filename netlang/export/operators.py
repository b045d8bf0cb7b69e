"""A net in ONNX operators, in evaluation mode: its layers, and what lies between them and the inputs and outputs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from netlang.check.counts import data, running
from netlang.diagnostics import Diagnostic, NetError, error
from netlang.graph import Graph, Input, Net, Node
from netlang.layer import Layer, Misfit, Weight
from netlang.layers.onnx import Named, Operators, Stored, writer
from netlang.record import dataclass


@dataclass(frozen=True)
class Scaling:
    """What is done to the numbers of the first input: (x - mean) / std, a number each for every channel or for all."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def operators(net: Net, *, channels_first: bool = False, scaling: Scaling | None = None) -> Operators:
    """The operators of a net in evaluation mode, without its side heads. Raises NetError for every line it cannot say.

    channels_first: whether images are [n, c, h, w] and sequences [n, c, t] at the inputs and outputs too
    """
    graph = net.graph
    ops = Operators(shared=_shared(graph))
    values: dict[str, Named] = {}
    found: dict[Any, Diagnostic] = {}
    used = running(graph, net.running())
    for node in graph:
        if isinstance(node.made_by, Input):
            first = not values
            values[node.id] = _entering(ops, node, channels_first, scaling if first else None)
        elif node.id in used and isinstance(node.made_by, Layer):
            values[node.id] = Named(node.id, node.type)
            try:
                values[node.id] = Named(_written(ops, graph, node, values), node.type)
            except NetError as problem:
                found.setdefault(node.span, problem.diagnostics[0])
    if found:
        raise NetError(*found.values())
    for name, end in ends(net).items():
        _leaving(ops, values[end], name, channels_first)
    return ops


def ends(net: Net) -> dict[str, str]:
    """The outputs of a net that is run, and the node of each; one that is called like an input is `name/output`."""
    found = {name: node for name, node in net.graph.outputs.items() if node in net.running()}
    inputs = {node.id for node in net.graph.made_by(Input)}
    return {f"{name}/output" if name in inputs else name: node for name, node in found.items()}


def _shared(graph: Graph) -> set[str]:
    """The weights that more than one layer reads, as they are or transposed."""
    turned = {node.made_by.transposes for node in graph.made_by(Weight) if node.made_by.transposes}
    return turned | {node.id for node in graph.made_by(Weight) if len({r.id for r in graph.readers(node.id)}) > 1}


def _entering(ops: Operators, node: Node, channels_first: bool, scaling: Scaling | None) -> Named:
    """An input as the layers read it."""
    ops.layer = node.id
    name, rank = node.id, len(node.type.shape)
    if not (channels_first or node.type.classes):
        name = ops.channels_first(name, rank)
    if scaling is not None:
        _suits(scaling, node)
        ones = [1 for _ in range(rank - 2)]
        mean, std = (ops.constant(np.reshape(part, (-1, *ones))) for part in (scaling.mean, scaling.std))
        name = ops("Div", ops("Sub", name, mean), std)
    return Named(name, node.type)


def _suits(scaling: Scaling, node: Node) -> None:
    """Raise ValueError unless there is a number for each channel, or one for all, and numbers to scale."""
    if node.type.classes:
        raise ValueError(f"`{node.id}` takes tokens, which are not scaled")
    counts = {len(scaling.mean), len(scaling.std)}
    if not counts <= {1, node.type.channels}:
        raise ValueError(f"a scaling of `{node.id}` has {node.type.channels} means and deviations, or one of each")


def _leaving(ops: Operators, value: Named, name: str, channels_first: bool) -> None:
    rank = len(value.type.shape)
    ops.layer = name
    if rank == 2 or channels_first:
        ops.end("Identity", value.name, name)
    else:
        ops.end("Transpose", value.name, name, perm=[0, *range(2, rank), 1])


def _written(ops: Operators, graph: Graph, node: Node, values: Mapping[str, Named]) -> str:
    """What a layer makes. Raises NetError."""
    layer = node.made_by
    write_layer = writer(layer)
    if write_layer is None:
        raise error("not-exported", f"this version cannot write `{layer.word}` as ONNX", node.span)
    ops.layer = node.id
    read = [values[i] if i in values else _stored(graph[i]) for i in node.inputs]
    kept = layer.kept(*(source.type for source in data(graph, node)))
    read += [Stored(f"{node.id}.{each.name}", each.type) for each in kept]
    try:
        return write_layer(ops, layer, *read)
    except Misfit as misfit:
        raise error("not-exported", str(misfit), node.span, help="fix the size, as in `--set H=224`") from None


def _stored(node: Node) -> Stored:
    return Stored(node.id, node.type, node.made_by.transposes)
