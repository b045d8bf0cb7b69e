"""A gradient that reaches one step of a recurrence only, as that of `last` does, is read at that step.

before:  z = Map[0](d)   c = Concat(z, d)   s = Reshape[steps, channels](c)   Scan[out h: s](s, y, w)
after:   Scan[out h: d at the last step](d, y, w)
"""

from dataclasses import replace
from itertools import accumulate

from netlang.formula import Number
from netlang.graph import Graph, Node, NodeId
from netlang.passes.pieces import without
from netlang.primitives.gather.op import Concat, Reshape
from netlang.primitives.map.op import Map
from netlang.primitives.scan.op import Scan


def single(graph: Graph, batch: int) -> Graph:
    """The zeros of all other steps are left out where nothing else reads them."""
    found = {node.id: of for node in graph.made_by(Reshape) if (of := _step(graph, node))}
    if not found:
        return graph
    made, gone = Graph(dict(graph.outputs)), set[NodeId]()
    for node in graph:
        read = _read(node, found) if isinstance(node.made_by, Scan) else []
        for k in read:
            gone |= {node.inputs[k], *_behind(graph, node.inputs[k])}
            node = _moved(node, k, *found[node.inputs[k]])
        made.add(node)
    return without(made, gone)


def _step(graph: Graph, node: Node) -> tuple[NodeId, int] | None:
    """What stands at one step of a sequence, and which, where zeros stand at all others."""
    joined = graph[node.inputs[0]]
    if len(node.type.shape) != 3 or not isinstance(joined.made_by, Concat):
        return None
    parts = [graph[i] for i in joined.inputs]
    filled = [k for k, part in enumerate(parts) if not _zeros(part)]
    channels = node.type.channels
    starts = list(accumulate((part.type.channels for part in parts), initial=0))
    if len(filled) != 1 or parts[filled[0]].type.channels != channels or starts[filled[0]] % channels:
        return None
    return parts[filled[0]].id, starts[filled[0]] // channels


def _zeros(node: Node) -> bool:
    return isinstance(node.made_by, Map) and node.made_by.term == Number(0)


def _behind(graph: Graph, node: NodeId) -> set[NodeId]:
    """The joined vector of a sequence, and the zeros in it."""
    joined = graph[node].inputs[0]
    return {joined, *(i for i in graph[joined].inputs if _zeros(graph[i]))}


def _read(node: Node, found: dict[NodeId, tuple[NodeId, int]]) -> list[int]:
    """The operands of a recurrence that are such sequences, and that formulas alone read."""
    scan = node.made_by
    multiplied = {p.value for line in scan.lines for p in line.products}
    barred = {g.operand for g in scan.given if g.shift or g.name in multiplied}
    return [k for k, i in enumerate(node.inputs) if i in found and k not in barred]


def _moved(node: Node, k: int, source: NodeId, step: int) -> Node:
    scan = node.made_by
    given = tuple(replace(g, only=step) if g.operand == k else g for g in scan.given)
    inputs = tuple(source if i == k else name for i, name in enumerate(node.inputs))
    return replace(node, made_by=replace(scan, given=given), inputs=inputs)
